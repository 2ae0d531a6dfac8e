"""The verdict on a table of results in sentences, and its page."""

from pupila.artifacts.report.charts import bars
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.messages import integer, listing, number, say, say_count
from pupila.experiments.replay.table import ReplayRow
from pupila.experiments.replay.verdicts import Replay
from pupila.statistics.estimate import p_text
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.metrics.titles import metric_title
from pupila.statistics.pairings import ALWAYS_DIFFERENT, DEPENDS, NEVER_DISTINCT

_BARS = 10  # runs that are drawn


def describe_replay(replay: Replay) -> list[str]:
    """What an honest tool says of the table, the most important first."""
    sentences = [_describe_best(replay), *_describe_chosen(replay), *_describe_equals(replay)]
    if replay.collapsed:
        sentences.append(say_count(
            "{n} of {total} runs collapsed: it finds none of the {positives} positives.",
            "{n} of {total} runs collapsed: they find none of the {positives} positives.", replay.collapsed,
            total=len(replay.rows), positives=replay.test_set.positives or 0,
        ))  # fmt: skip
        sentences += _explain_collapse(replay)
    low, high = replay.optimism
    sentences.append(say(
        "All runs were scored on the images that chose the best of them. That biases its {metric} upwards by {low} on "
        "average if the runs differ as their scores say, and by {high} if they are equally good (simulated with these "
        "counts and independent errors). Only images that chose nothing tell what it is worth.",
        metric=_title(replay), low=number(low, 3), high=number(high, 3),
    ))  # fmt: skip
    if replay.ambiguous:
        sentences.append(say_count(
            "The rounded figures of {n} run fit several counts, and all of them are considered.",
            "The rounded figures of {n} runs fit several counts, and all of them are considered.",
            len(replay.ambiguous),
        ))  # fmt: skip
    return sentences


def _explain_collapse(replay: Replay) -> list[str]:
    """How the counts of collapsed runs were read, where the figures allow others."""
    read = next((row for row in replay.rows if row.collapsed and "accuracy" not in row.metrics), None)
    if read is None:
        return []
    metric = "F1" if "f1" in read.metrics else metric_title("recall")
    return [
        say("The table has no accuracy: {metric} = 0 is read as no image predicted positive.", metric=metric)
    ]


def _title(replay: Replay) -> str:
    return "F1" if replay.metric == "f1" else metric_title(replay.metric)


def _score(replay: Replay, row: ReplayRow) -> str:
    return f"{_title(replay)} {number(row.metrics[replay.metric], 3)}"


def _describe_best(replay: Replay) -> str:
    right, low, high = replay.accuracy_interval(replay.best)
    total = replay.test_set.images
    values = {
        "row": f"{replay.best.number} ({replay.best.name})", "score": _score(replay, replay.best), "low": number(low),
        "right": say_count("{right} of {n} image right", "{right} of {n} images right", total, right=right),
        "high": number(high), "runs": len(replay.rows),
    }  # fmt: skip
    if replay.test_set.positives is None:
        return say(
            "The best of {runs} runs is row {row}: {score}, {right} (95 % CI {low} to {high}).", **values
        )
    hits = min(counts[-1] for counts in replay.best.right)
    ends = wilson_interval(hits, replay.test_set.positives)
    return say(
        "The best of {runs} runs is row {row}: {score}, {right} (95 % CI {low} to {high}), "
        "{hits} of {positives} positives recognised (95 % CI {least} to {most}).", hits=hits,
        positives=replay.test_set.positives, least=number(ends[0], 2), most=number(ends[1], 2), **values,
    )  # fmt: skip


def _describe_chosen(replay: Replay) -> list[str]:
    chosen = replay.chosen
    if chosen is None:
        return []
    values = {"row": chosen.number, "score": _score(replay, chosen)}
    if chosen is replay.best:
        return [say("The chosen run, row {row} ({score}), is the best of its table.", **values)]
    above = [row for row in replay.rows if row.metrics[replay.metric] > chosen.metrics[replay.metric]]
    verdict = next(other.verdict for other in replay.comparisons if other.row is chosen)
    sentence = say_count(
        "The chosen run, row {row} ({score}), is not the best of its table: {n} run scores higher, the best {best}.",
        "The chosen run, row {row} ({score}), is not the best of its table: {n} runs score higher, the best {best}.",
        len(above), best=_score(replay, replay.best), **values,
    )  # fmt: skip
    return [f"{sentence} {_verdict_sentence(verdict)}"]


def _verdict_sentence(verdict: str) -> str:
    if verdict == ALWAYS_DIFFERENT:
        return say("They differ significantly, whichever images each of them got right.")
    if verdict == NEVER_DISTINCT:
        return say("The two are not distinguishable, whichever images each of them got right.")
    return say(
        "Whether the two differ depends on which images each of them got right; the table doesn't say."
    )


def _describe_equals(replay: Replay) -> list[str]:
    total, sentences = len(replay.comparisons), []
    counts = {
        word: sum(row.verdict == word for row in replay.comparisons)
        for word in (NEVER_DISTINCT, DEPENDS, ALWAYS_DIFFERENT)
    }
    sentences.append(say(
        "The table does not say which images each run got right: every pairing of right and wrong images that its "
        "counts allow is tested (McNemar, Holm-corrected)."
    ))  # fmt: skip
    if counts[NEVER_DISTINCT]:
        sentences.append(say_count(
            "{n} of {total} other runs is not distinguishable from the best, whatever the pairing.",
            "{n} of {total} other runs are not distinguishable from the best, whatever the pairing.",
            counts[NEVER_DISTINCT], total=total,
        ))  # fmt: skip
    if counts[DEPENDS]:
        sentences.append(say_count(
            "For {n} run it depends on the pairing: only predictions per image can tell.",
            "For {n} runs it depends on the pairing: only predictions per image can tell.",
            counts[DEPENDS],
        ))  # fmt: skip
    if counts[ALWAYS_DIFFERENT]:
        sentences.append(say_count(
            "{n} run is significantly worse than the best, whatever the pairing.",
            "{n} runs are significantly worse than the best, whatever the pairing.", counts[ALWAYS_DIFFERENT],
        ))  # fmt: skip
    return sentences


def make_replay_page(replay: Replay, name: str) -> Page:
    """The page of a table that was read again.

    Args:
        replay: of the table.
        name: of the table.
    """
    ranked = sorted(replay.rows, key=lambda row: -row.metrics[replay.metric])
    drawn = {f"{row.number}: {row.name}"[:60]: row.metrics[replay.metric] for row in ranked[:_BARS]}
    header = [
        say("Row"),
        say("Run"),
        _title(replay),
        say("right"),
        say("p, Holm-corrected"),
        say("against the best"),
    ]
    test_set = say_count("{n} image", "{n} images", replay.test_set.images)
    return Page(
        title=say("Results of {name}, read again", name=name), verdict=describe_replay(replay),
        sections=[
            Section(say("The best runs"), charts=[bars(_title(replay), drawn, "{:.3f}")]),
            Section(
                say("All runs"),
                [say("Right: the numbers of test images that the figures allow. Two p-values are those of the pairings "
                     "in which the two runs differ on the fewest and on the most images.")],
                tables=[Table(header, [_cells(replay, row) for row in ranked])],
            ),
        ],
        footnote=say("Test set: {images}.", images=test_set),
    )  # fmt: skip


def _cells(replay: Replay, row: ReplayRow) -> list[str]:
    right = sorted({sum(counts) for counts in row.right})
    counts = integer(right[0]) if len(right) == 1 else say("{low} to {high}", low=right[0], high=right[-1])
    cells = [integer(row.number), row.name, number(row.metrics[replay.metric], 3), counts]
    if row is replay.best:
        return [*cells, "", say("best")]
    other = next(other for other in replay.comparisons if other.row is row)
    words = {
        ALWAYS_DIFFERENT: say("significantly worse, whatever the pairing"),
        NEVER_DISTINCT: say("not distinguishable, whatever the pairing"),
        DEPENDS: say("depends on the pairing"),
    }
    states = [words[other.verdict]]
    states += [say("collapsed")] if row.collapsed else []
    states += [say("chosen")] if row is replay.chosen else []
    smallest, largest = p_text(other.smallest), p_text(other.largest)
    p_values = smallest if smallest == largest else say("{low} to {high}", low=smallest, high=largest)
    return [*cells, p_values, listing(states)]
