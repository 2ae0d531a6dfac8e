"""The stress test in sentences: the weakest point, where it begins, and what else was tried."""

from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.evaluation.stress import StressedCorruption, StressLevel, StressReport
from pupila.core.messages import integer, listing, number, say, say_count, say_images, translate
from pupila.imaging.corruptions.catalogue import CORRUPTIONS
from pupila.statistics.estimate import Difference, p_text
from pupila.statistics.intervals import MIN_GROUPS
from pupila.statistics.metrics.titles import metric_title, sentence_title
from pupila.statistics.tests import BETTER, EQUIVALENT, MARGIN, NOT_DISTINGUISHABLE, WORSE

_ALL = 100  # corruptions that a sentence lists: all of them


def stress_sentences(e: EvaluationReport) -> list[str]:
    """What the summary says of the stress test; nothing where there was none."""
    if e.stress is None:
        return []
    return [_weakest(e.stress), *_others(e.stress)]


def corruption_title(name: str) -> str:
    """The corruption in the user's language."""
    return translate(CORRUPTIONS[name].title)


def level_text(name: str, amount: float) -> str:
    """A level with its unit: "sigma 2 % of the side"."""
    return translate(CORRUPTIONS[name].unit).format(value=amount_text(name, amount))


def amount_text(name: str, amount: float) -> str:
    """A level without its unit, in percent where the unit counts so: "2"."""
    value = 100 * amount if CORRUPTIONS[name].percent else amount
    return number(value, len(f"{value:g}".partition(".")[2]))


def difference_text(difference: Difference) -> str:
    """A fall or a rise with its interval: "24.0 points, 95 % CI 15.0 to 33.0"."""
    change = difference.first - difference.other
    points = number(100 * abs(change), 1)
    if difference.low is None or difference.high is None:
        return say("{points} points", points=points)
    ends = (difference.low, difference.high) if change > 0 else (-difference.high, -difference.low)
    return say(
        "{points} points, 95 % CI {low} to {high}",
        points=points, low=number(100 * ends[0], 1), high=number(100 * ends[1], 1),
    )  # fmt: skip


def drawn_text(stress: StressReport) -> str:
    """How many images in how many groups were tried, and out of how many: "60 images in 30 groups"."""
    if stress.drawn == stress.whole:
        return say_count(
            "{images} in {n} group", "{images} in {n} groups", stress.groups, images=say_images(stress.images)
        )
    return say_count(
        "{images} of {whole} images in {n} group, drawn with seed {seed}",
        "{images} of {whole} images in {n} groups, drawn with seed {seed}",
        stress.groups, images=integer(stress.images), whole=integer(stress.whole), seed=stress.seed,
    )  # fmt: skip


def _fall(corruption: StressedCorruption) -> float:
    return corruption.mean.other - corruption.mean.first


def _worst_level(row: StressedCorruption) -> StressLevel:
    return min(row.levels, key=lambda level: level.difference.first)


def _deepest_fall(stress: StressReport) -> StressedCorruption:
    return min(stress.corruptions, key=lambda row: _worst_level(row).difference.first)


def _weakest(stress: StressReport) -> str:
    """The corruption whose fall is significant and largest on average over its levels, at the level that costs most.

    Where no fall is significant, the lowest level of all.
    """
    significant = [row for row in stress.corruptions if row.verdict == WORSE]
    row = max(significant, key=_fall) if significant else _deepest_fall(stress)
    level = _worst_level(row)
    values = {
        "corruption": corruption_title(row.name), "metric": sentence_title(stress.metric),
        "images": drawn_text(stress), "clean": number(stress.clean), "value": number(level.difference.first),
        "level": level_text(row.name, level.amount), "points": difference_text(level.difference),
        "n": len(stress.corruptions), "p": p_text(row.p_holm),
    }  # fmt: skip
    if significant:
        weakest = say(
            "Stress test ({images}): most sensitive to {corruption}. {metric} falls from {clean} to {value} at {level} "
            "({points}); over the four levels the fall is significant ({p}, Holm-corrected for {n} corruptions).",
            **values,
        )  # fmt: skip
        return " ".join([weakest, *_onset(row, level), *_deepest(stress, level)])
    if level.difference.first >= stress.clean:
        return say("Stress test ({images}): no level of any corruption lowers the {metric}, {clean} on clean images.",
                   **{**values, "metric": metric_title(stress.metric)})  # fmt: skip
    if stress.groups < MIN_GROUPS:
        return say(
            "Stress test ({images}): too few groups for a verdict. The largest fall is with {corruption}: {metric} "
            "{value} instead of {clean} at {level} ({points}).", **values,
        )  # fmt: skip
    return say(
        "Stress test ({images}): no corruption lowers the metric significantly. The largest fall is with {corruption}: "
        "{metric} {value} instead of {clean} at {level} ({points}; over the four levels {p}, Holm-corrected for "
        "{n} corruptions).", **values,
    )  # fmt: skip


def _deepest(stress: StressReport, named: StressLevel) -> list[str]:
    """The lowest level of all corruptions, where it is lower than the one that is named."""
    row = _deepest_fall(stress)
    level = _worst_level(row)
    if level.difference.first >= named.difference.first:
        return []
    return [say(
        "The deepest fall at a single level is with {corruption}: {value} at {level} ({points}).",
        corruption=corruption_title(row.name), value=number(level.difference.first),
        level=level_text(row.name, level.amount), points=difference_text(level.difference),
    )]  # fmt: skip


def _onset(row: StressedCorruption, worst: StressLevel) -> list[str]:
    """The mildest level whose interval lies below zero, where it is not the worst one."""
    falling = [
        level for level in row.levels if level.difference.high is not None and level.difference.high < 0
    ]
    if not falling or falling[0] == worst:
        return []
    first = falling[0]
    return [say(
        "It begins at {level}: {value} ({points}).",
        level=level_text(row.name, first.amount), value=number(first.difference.first),
        points=difference_text(first.difference),
    )]  # fmt: skip


def _others(stress: StressReport) -> list[str]:
    """The verdicts on the other corruptions, and what was left out."""
    weakest = max((row for row in stress.corruptions if row.verdict == WORSE), key=_fall, default=None)
    rows = [row for row in stress.corruptions if row is not weakest]

    def names(verdict: str) -> str:
        own = sorted((row for row in rows if row.verdict == verdict), key=_fall, reverse=True)
        return listing([corruption_title(row.name) for row in own], _ALL)

    title, texts = metric_title(stress.metric), []
    if worse := names(WORSE):
        texts.append(say("{metric} also falls significantly with {names}.",
                         metric=sentence_title(stress.metric), names=worse))  # fmt: skip
    if better := names(BETTER):
        texts.append(say("The {metric} rises significantly with {names}.", metric=title, names=better))
    if equivalent := names(EQUIVALENT):
        texts.append(say("Within {margin} percentage points on average over the levels: {names}.",
                         margin=number(100 * MARGIN, 0), names=equivalent))  # fmt: skip
    if stress.groups >= MIN_GROUPS and weakest is not None and (unknown := names(NOT_DISTINGUISHABLE)):
        texts.append(
            say(
                "Not significant over the four levels, which is no proof of robustness: {names}.",
                names=unknown,
            )
        )
    return texts
