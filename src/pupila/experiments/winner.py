"""The configurations of a sweep, the best first; the winner, and all that is not distinguishable from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pupila.artifacts.report.sweep import Configuration, SweepRow, WinnerComparison
from pupila.artifacts.sweep.definition import REPEATING
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.experiments.outcomes.pairs import OutcomeTable, Pair, PairedResult
from pupila.experiments.space import configuration_key
from pupila.statistics.estimate import Estimate
from pupila.statistics.tests import SIGNIFICANT, holm

CLEARLY = 1.2  # how many times smaller or faster a model must be to be named


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of the cells, so that they can be compared."""

    table: OutcomeTable | None = None  # None: no cell has any
    column: Mapping[str, int] = field(default_factory=dict)  # id of a cell to its run in the table


def rank_configurations(
    rows: Sequence[SweepRow], metric: str, predictions: Predictions
) -> list[Configuration]:
    """A configuration for each combination of settings: the best first; then those of which every cell collapsed, then
    those without a score. Of equal scores the model with fewer parameters comes first.

    Args:
        rows: of the table.
        metric: id; higher is better.
        predictions: of their cells.
    """
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        own = {**_without_seed(row), "": [row.share, row.repeat]}
        places.setdefault(configuration_key(own), []).append(place)
    configurations = [_summarise(rows, group, metric, predictions) for group in places.values()]
    return sorted(configurations, key=_rank)


def _rank(configuration: Configuration) -> tuple[bool, bool, float, int]:
    score = configuration.score.value
    collapsed = configuration.collapsed == len(configuration.seeds)
    return score is None, collapsed, -(score or 0.0), configuration.parameters or 0


def is_winner(configuration: Configuration) -> bool:
    """Whether the first configuration of a ranking has won: it has a score, and did not collapse in every cell."""
    return configuration.score.value is not None and configuration.collapsed < len(configuration.seeds)


def _without_seed(row: SweepRow) -> dict[str, object]:
    return {name: value for name, value in row.settings.items() if name not in REPEATING}


def _summarise(
    rows: Sequence[SweepRow], places: Sequence[int], metric: str, predictions: Predictions
) -> Configuration:
    scored = [place for place in places if _score(rows[place], metric) is not None]
    timed = [rows[place].timing for place in scored]
    milliseconds = [t.milliseconds for t in timed if t is not None and t.milliseconds is not None]
    hosts = {t.host for t in timed if t is not None}
    first = rows[(scored or places)[0]]
    return Configuration(
        settings=_without_seed(first), rows=list(places), seeds=[rows[place].seed for place in scored],
        collapsed=sum(rows[place].state == "collapsed" for place in scored),
        score=_mean_score([rows[place] for place in scored], metric, predictions), parameters=first.parameters,
        milliseconds=sum(milliseconds) / len(milliseconds) if milliseconds else None,
        host=hosts.pop() if len(hosts) == 1 else "",
    )  # fmt: skip


def _score(row: SweepRow, metric: str) -> float | None:
    return row.metrics[metric].value if metric in row.metrics else None


def _mean_score(rows: Sequence[SweepRow], metric: str, predictions: Predictions) -> Estimate:
    """The mean over seeds; with an interval where each of them has one, over the groups of their images."""
    estimates = [row.metrics[metric] for row in rows]
    if len(estimates) < 2:
        return estimates[0] if estimates else Estimate(value=None)
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    mean = sum(values) / len(values)
    columns = [predictions.column[row.cell] for row in rows if row.cell in predictions.column]
    known = len(columns) == len(rows) and all(estimate.low is not None for estimate in estimates)
    ends = predictions.table.interval(columns) if known and predictions.table is not None else None
    return (
        Estimate(value=mean, low=min(ends[0], mean), high=max(ends[1], mean))
        if ends
        else Estimate(value=mean)
    )


def compare_with_winner(
    configurations: Sequence[Configuration], rows: Sequence[SweepRow], predictions: Predictions
) -> list[Configuration]:
    """The configurations, each other one compared with the first; p-values are Holm-corrected over all of them.

    Seeds are compared in pairs, those that both have; configurations without a common seed in the order of theirs.

    Args:
        configurations: the winner first.
        rows: of the table.
        predictions: of their cells.
    """
    table, (winner, *others) = predictions.table, configurations
    results: list[PairedResult | None] = [None] * len(others)
    if table is not None:
        with progress(say("comparing with the winner"), len(others)) as advance:
            for place, other in enumerate(others):
                pairs = _pair_runs(winner, other, rows, predictions)
                results[place] = table.compare(pairs) if pairs else None
                advance(1)
    corrected = iter(holm([result.p_value for result in results if result is not None]))
    return [winner] + [
        other if result is None else other.model_copy(update={"comparison": _decide(result, next(corrected))})
        for other, result in zip(others, results, strict=True)
    ]


def _decide(result: PairedResult, p_holm: float) -> WinnerComparison:
    return WinnerComparison(
        difference=result.difference,
        p_value=result.p_value,
        p_holm=p_holm,
        distinguishable=p_holm < SIGNIFICANT,
    )


def _pair_runs(
    first: Configuration, other: Configuration, rows: Sequence[SweepRow], predictions: Predictions
) -> list[Pair]:
    ours, theirs = (_runs_by_seed(each, rows, predictions) for each in (first, other))
    if common := [seed for seed in ours if seed in theirs]:
        return [(ours[seed], theirs[seed]) for seed in common]
    return list(zip(ours.values(), theirs.values(), strict=False))


def _runs_by_seed(
    configuration: Configuration, rows: Sequence[SweepRow], predictions: Predictions
) -> dict[int, int]:
    own = [rows[place] for place in configuration.rows]
    return {row.seed: predictions.column[row.cell] for row in own if row.cell in predictions.column}


def find_smaller(configurations: Sequence[Configuration]) -> int | None:
    """The place of the smallest model among those that are not distinguishable from the first; None: not clearly."""
    sizes = {
        place: size for place in find_equal(configurations) if (size := configurations[place].parameters)
    }
    own = configurations[0].parameters
    best = min(sizes, key=lambda place: sizes[place], default=None)
    return best if best is not None and own and own >= CLEARLY * sizes[best] else None


def find_faster(configurations: Sequence[Configuration]) -> int | None:
    """The place of the fastest model among them, measured on the same machine; None: not clearly faster."""
    winner = configurations[0]
    times = {
        place: time
        for place in find_equal(configurations)
        if configurations[place].host == winner.host and (time := configurations[place].milliseconds)
    }
    best = min(times, key=lambda place: times[place], default=None)
    clear = best is not None and winner.milliseconds and winner.milliseconds >= CLEARLY * times[best]
    return best if clear else None


def find_equal(configurations: Sequence[Configuration]) -> list[int]:
    """The places of those that are not distinguishable from the first; models that collapsed are none of them."""
    return [
        place for place, other in enumerate(configurations)
        if other.comparison is not None and not other.comparison.distinguishable
        and other.collapsed < len(other.seeds)
    ]  # fmt: skip
