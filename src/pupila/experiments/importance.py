"""How much each setting mattered for the best scores of a sweep, and whether chance explains it."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pupila.artifacts.report.sweep import Importance, SettingImportance
from pupila.core.messages import listing, percent, say, say_count
from pupila.experiments.scores import ScoredSettings
from pupila.experiments.space import Axis
from pupila.experiments.study import choice_label, make_distribution
from pupila.statistics.tests import holm

if TYPE_CHECKING:
    from optuna.study import Study

LEAST = 8  # configurations, below which nothing is computed
FEW = 30  # configurations, below which the shares are a rough guide
BEST = 5  # configurations that the best ones are at least
SHUFFLES = 199  # of the scores, for the p-values
_ALPHA = 0.05


def describe_importance(importance: Importance) -> list[str]:
    """What it says, and whether chance explains it, in sentences."""
    count = say_count("{n} configuration", "{n} configurations", importance.configurations)
    if not importance.settings:
        return [
            say(
                "Too little to measure the importance of the settings: {count}, or equal scores.", count=count
            )
        ]
    clear = [row for row in importance.settings if row.distinguishable]
    names = listing([say("{name} ({share})", name=row.setting, share=percent(row.share, 0)) for row in clear])
    if clear:
        sentences = [say("Settings that matter for a good score: {names}.", names=names)]
    else:
        sentences = [say("No setting matters more than chance would show in {count}.", count=count)]
    if rest := [row.setting for row in importance.settings if clear and not row.distinguishable]:
        sentences.append(say("Not distinguishable from chance: {names}.", names=listing(rest)))
    if importance.configurations < FEW:
        sentences.append(say("From {count} the shares are a rough guide.", count=count))
    return sentences


def measure_importance(
    axes: Sequence[Axis], rows: Sequence[ScoredSettings], shuffles: int = SHUFFLES
) -> Importance:
    """The importance of each setting that varies, also of those that apply only to some configurations.

    It is the difference between the values of the best configurations and those of all: PED-ANOVA with the best tenth,
    or more where that is fewer than five. The p-value is that of a permutation test.

    Args:
        axes: what varies.
        rows: configurations with their scores.
        shuffles: of the scores, for the p-values.

    Source: Watanabe et al. 2023, arXiv:2304.10255, in Optuna.
    """
    names = [axis.name for axis in axes if len({str(row.settings.get(axis.name)) for row in rows}) > 1]
    scores = np.array([row.score for row in rows])
    if len(rows) < LEAST or not names or np.ptp(scores) == 0:
        return Importance(settings=[], configurations=len(rows))
    study = _make_study(axes, rows)
    measured = _measure(study, scores, names)
    generator = np.random.default_rng(0)
    exceeded = dict.fromkeys(names, 0)
    for _ in range(shuffles):
        by_chance = _measure(study, generator.permutation(scores), names)
        for name in names:
            exceeded[name] += by_chance[name] >= measured[name]
    p_values = holm([(1 + exceeded[name]) / (1 + shuffles) for name in names])
    total = sum(measured.values()) or 1.0
    settings = [
        SettingImportance(setting=name, share=measured[name] / total, p_value=p, distinguishable=p < _ALPHA)
        for name, p in zip(names, p_values, strict=True)
    ]
    return Importance(settings=sorted(settings, key=lambda row: -row.share), configurations=len(rows))


def _measure(study: "Study", scores: np.ndarray, names: Sequence[str]) -> Mapping[str, float]:
    """The importance of each setting, not normalised; scores by the number of the trial."""
    from optuna.importance import PedAnovaImportanceEvaluator

    quantile = min(0.5, max(0.1, BEST / len(scores)))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    with warnings.catch_warnings():
        # That a target is minimised; and that all scores above the cut are equal, so that nothing is important.
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        warnings.filterwarnings("ignore", "Target and region quantiles", UserWarning)
        return evaluator.evaluate(
            study, params=list(names), target=lambda trial: -float(scores[trial.number])
        )


def _make_study(axes: Sequence[Axis], rows: Sequence[ScoredSettings]) -> "Study":
    """A study in memory with these configurations as its trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = {axis.name: make_distribution(axis) for axis in axes}
    study.add_trials([
        optuna.create_trial(
            value=row.score,
            params={name: choice_label(value) for name, value in row.settings.items()},
            distributions={name: distributions[name] for name in row.settings},
        )
        for row in rows
    ])  # fmt: skip
    return study
