"""The outcome of a sweep in sentences, the most important first."""

from collections.abc import Callable

from pupila.artifacts.bundle.probe import describe_probe
from pupila.artifacts.dataset.splits import count_images
from pupila.artifacts.report.learning_curve import CURVE_PAGE
from pupila.artifacts.report.sweep import Configuration, SweepReport, Winner
from pupila.core.messages import integer, listing, number, say, say_count, translate
from pupila.core.vocabulary import REDRAW
from pupila.experiments.space import value_text
from pupila.experiments.winner import find_equal
from pupila.stages.train.catalogue import RECIPES
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.titles import metric_title

_MANY = 1_000_000  # parameters, from which they are counted in millions


def describe_sweep(report: SweepReport, folder: str) -> list[str]:
    """The winner, what is not distinguishable from it, what its score is worth, and what has no result.

    Args:
        report: of the sweep.
        folder: of the sweep, for the commands that continue it.
    """
    if report.winner is None:
        sentences = [_explain_no_winner(report)]
    else:
        winner = report.configurations[report.winner.configuration]
        sentences = [
            _describe_winner(report, winner), *_describe_rung(report, report.winner),
            _describe_bias(report, report.winner, winner.score),
            *_describe_comparisons(report, winner), *_describe_alternatives(report, report.winner),
            *_describe_test(report, report.winner, folder), *_describe_seeds(report, report.winner, winner),
        ]  # fmt: skip
    return sentences + _describe_states(report) + _describe_copies(report) + _describe_rest(report, folder)


def name_configuration(report: SweepReport, configuration: Configuration) -> str:
    """Its settings as users write them: "model=resnet50 augment=A2"; without those that are the same in all rows."""
    varied = [name for name in configuration.settings if _is_varied(report, name)]
    named = [
        f"{name}={value_text(configuration.settings[name])}" for name in varied or configuration.settings
    ]
    shares = {(row.share, row.repeat) for row in report.rows}
    first = report.rows[configuration.rows[0]]
    if len(shares) > 1 and first.share is not None:
        named.append(say("share {share}", share=value_text(first.share)))
    return " ".join(named) or report.name


def _is_varied(report: SweepReport, name: str) -> bool:
    values = {value_text(row.settings[name]) if name in row.settings else None for row in report.rows}
    return len(values) > 1


def _explain_no_winner(report: SweepReport) -> str:
    states = [row.state for row in report.rows]
    ended = [row for row in report.rows if row.state in ("completed", "collapsed", "failed", "impossible")]
    reason = next((row.reason for row in ended if row.reason), "")
    if report.is_curve:
        return say(
            "No winner: the cells of a learning curve are trained on different shares of the images. What they tell is "
            "in {file}.", file=CURVE_PAGE,
        )  # fmt: skip
    if not ended:
        return say("No winner: no cell has ended yet.")
    if "completed" in states:
        return say(
            "No winner: {metric} is not measurable on these validation images.",
            metric=metric_title(report.metric),
        )
    if "collapsed" in states:
        return say(
            "No winner: every cell that was trained collapsed (the same prediction for all images). Try: {remedies}.",
            remedies=listing([say("a lower learning rate"), say("pretrained weights"), say("class weights")]),
        )  # fmt: skip
    return say("No winner: every cell failed. The first one: {reason}", reason=reason)


def _describe_winner(report: SweepReport, winner: Configuration) -> str:
    """The best score with its interval, beside the baseline."""
    row = report.rows[winner.rows[0]]
    values = {
        "name": name_configuration(report, winner), "metric": metric_title(report.metric),
        "score": winner.score.text(), "images": count_images(row.images or 0, row.groups or 0),
    }  # fmt: skip
    texts = [say("{name}: best {metric} on validation, {score}, n = {images}.", **values)]
    baseline = report.baseline
    if baseline is not None and report.metric in baseline.metrics:
        texts.append(say(
            "Baseline ({baseline}): {value}.", value=number(baseline.metrics[report.metric]),
            baseline=name_baseline(report),
        ))  # fmt: skip
    texts += describe_probe(row.probe)
    if not report.finished:
        texts[0] = say("So far, {sentence}", sentence=texts[0])
    return " ".join(texts)


def name_baseline(report: SweepReport) -> str:
    """The baseline in words: "majority class 'ants'"; empty where there is none."""
    if report.baseline is None:
        return ""
    return translate(RECIPES[report.task].baseline_name).format(name=report.baseline.name)


def _describe_bias(report: SweepReport, winner: Winner, score: Estimate) -> str:
    """That the best of many is optimistically biased, and what the corrected score is.

    Args:
        report: of the sweep.
        winner: of it.
        score: of the winner, as the page names it.
    """
    chosen = say_count(
        "This score is optimistically biased: its epoch was selected on the same images.",
        "This score is optimistically biased: it is the best of {n} configurations, selected on the same images.",
        sum(other.score.value is not None for other in report.configurations),
    )
    selection = winner.selection
    if selection is None:
        return f"{chosen} {say('It is not corrected: the cells have no outcomes of their epochs.')}"
    epochs = say_count("{n} epoch", "{n} epochs", selection.epochs)
    cells = say_count("{n} cell", "{n} cells", selection.models)
    if selection.corrected.value is None:
        return f"{chosen} {say('It is not corrected: there are too few groups to resample.')}"
    texts = [chosen, say(
        "Corrected for the choice among {epochs} of {cells} (bootstrap bias correction): {corrected}, {raw} before.",
        epochs=epochs, cells=cells, corrected=selection.corrected.text(), raw=number(selection.raw),
    )]  # fmt: skip
    if winner.uncorrected:
        texts.append(say_count("Without {n} cell that has no outcomes.", "Without {n} cells that have no outcomes.",
                               winner.uncorrected))  # fmt: skip
    if number(selection.raw) != score.value_text():
        texts.append(say("These two are the scores of the epochs: at the model's input size, before thresholds are "
                         "tuned."))  # fmt: skip
    if selection.corrected.value > selection.raw:
        texts.append(
            say("The correction found no bias: the choice is too small, or there are too few groups.")
        )
    return " ".join(texts)


def _describe_comparisons(report: SweepReport, winner: Configuration) -> list[str]:
    """How many others are not distinguishable from the winner, and which."""
    tested = [other for other in report.configurations if other.comparison is not None]
    if len(report.configurations) == 1:
        return [say("It is the only configuration, so there is nothing to compare.")]
    if sum(other.score.value is not None for other in report.configurations) == 1:
        return [say("No other configuration has a score, so there is nothing to compare.")]
    if not tested:
        return [say("The configurations can't be compared: there are no predictions for the same images.")]
    equal = [report.configurations[place] for place in find_equal(report.configurations)]
    method = say("paired test on the same validation images, Holm-corrected")
    if not equal:
        return [say_count(
            "It is significantly better than the other configuration ({method}).",
            "It is significantly better than each of the {n} other configurations ({method}).",
            len(tested), method=method,
        )]  # fmt: skip
    names = listing([name_configuration(report, other) for other in equal], 3)
    if len(equal) == len(tested):
        return [say_count(
            "The other configuration is not distinguishable from it ({method}): {names}.",
            "None of the {n} other configurations is distinguishable from it ({method}): {names}.",
            len(tested), method=method, names=names,
        )]  # fmt: skip
    return [say_count(
        "{n} of the {total} other configurations is not distinguishable from it ({method}): {names}.",
        "{n} of the {total} other configurations are not distinguishable from it ({method}): {names}.",
        len(equal), total=len(tested), method=method, names=names,
    )]  # fmt: skip


def _describe_alternatives(report: SweepReport, winner: Winner) -> list[str]:
    """The smallest and the fastest model among the equals, in one sentence if they are the same."""
    best = report.configurations[winner.configuration]
    sentences = []
    for place in dict.fromkeys((winner.smaller, winner.faster)):
        if place is None:
            continue
        other = report.configurations[place]
        merits = [
            text(best, other) for text, chosen in ((_compare_size, winner.smaller), (_compare_speed, winner.faster))
            if chosen == place
        ]  # fmt: skip
        sentences.append(say(
            "{name} is not distinguishable from it and {merits}.", name=name_configuration(report, other),
            merits=say(" and ").join(merits),
        ))  # fmt: skip
    return sentences


def _compare_size(best: Configuration, other: Configuration) -> str:
    sizes = best.parameters or 0, other.parameters or 1
    texts = [integer(size) if min(sizes) < _MANY else number(size / _MANY, 1) for size in sizes]
    values = {"times": number(sizes[0] / sizes[1], 1), "size": texts[1], "other": texts[0]}
    if min(sizes) < _MANY:
        return say("{times} times smaller ({size} against {other} parameters)", **values)
    return say("{times} times smaller ({size} against {other} million parameters)", **values)


def _compare_speed(best: Configuration, other: Configuration) -> str:
    times = best.milliseconds or 0.0, other.milliseconds or 1.0
    return say(
        "{times} times faster ({own} against {other} ms an image)", times=number(times[0] / times[1], 1),
        own=number(times[1], 2), other=number(times[0], 2),
    )  # fmt: skip


def _describe_test(report: SweepReport, winner: Winner, folder: str) -> list[str]:
    if winner.test is None and not report.has_test_split:
        return [say("There is no labelled test split, so no unbiased estimate of the winner.")]
    if winner.test is None and not report.finished:
        return [say("The test split stays sealed until all cells have ended.")]
    if winner.test is None:
        return [say(
            "The test split is still sealed. To evaluate the winner on it: {command}",
            command=f"pupila sweep DATA --resume --test --out {folder}",
        )]  # fmt: skip
    test, row = winner.test, report.rows[winner.row]
    metrics = (
        [report.metric] if report.metric in test.metrics else list(row.metrics.keys() & test.metrics.keys())
    )
    values: Callable[[str], str] = lambda metric: say(  # noqa: E731
        "{metric} {test} on the test split, {validation} on validation", metric=metric_title(metric),
        test=test.metrics[metric].text(), validation=row.metrics[metric].value_text(),
    )  # fmt: skip
    figures = [values(metric) for metric in sorted(metrics)]
    if winner.selection is not None and winner.selection.corrected.value is not None:
        figures.append(say("corrected {value}", value=winner.selection.corrected.value_text()))
    sentences = [say(
        "The winner on the sealed test split (n = {images}): {figures}.",
        images=count_images(test.images, test.groups), figures="; ".join(figures),
    )]  # fmt: skip
    if test.accesses > 1:
        sentences.append(say(
            "The test split has been evaluated {n} times. If a model or setting was chosen by its results, these "
            "figures are biased upwards.", n=test.accesses,
        ))  # fmt: skip
    return sentences


def _describe_seeds(report: SweepReport, winner: Winner, configuration: Configuration) -> list[str]:
    scored, total = len(configuration.seeds), len(configuration.rows)
    if total < 2:
        return []
    if scored < total:
        return [say(
            "The winner's score is the mean over {n} of its {total} seeds: the others have none. The bundle is that of "
            "seed {seed}.", n=scored, total=total, seed=report.rows[winner.row].seed,
        )]  # fmt: skip
    return [say(
        "Scores are means of {n} seeds; the bundle is that of seed {seed}, the first and not the best one.",
        n=len(configuration.seeds), seed=report.rows[winner.row].seed,
    )]  # fmt: skip


def _describe_states(report: SweepReport) -> list[str]:
    """What has no usable model, and why."""
    sentences, total = [], len(report.rows)
    counts = {
        state: sum(row.state == state for row in report.rows)
        for state in ("collapsed", "failed", "impossible")
    }
    if n := counts["collapsed"]:
        sentences.append(say_count(
            "{n} of {total} cells collapsed: it gives all images the same prediction.",
            "{n} of {total} cells collapsed: they give all images the same prediction.", n, total=total,
        ))  # fmt: skip
    for state, text in (
        ("failed", say("failed")), ("impossible", say("could not be trained")),
    ):  # fmt: skip
        if n := counts[state]:
            reasons = list(dict.fromkeys(row.reason for row in report.rows if row.state == state))
            sentences.append(say_count(
                "{part} of {n} cell {state}: {reasons}", "{part} of {n} cells {state}: {reasons}", total, part=n,
                state=text, reasons=listing(reasons, 2),
            ))  # fmt: skip
    return sentences


def _describe_copies(report: SweepReport) -> list[str]:
    """What was not trained here: equal cells of a sweep beside this one."""
    copied = {
        row.cell: row.timing.copied_from for row in report.rows if row.timing and row.timing.copied_from
    }
    if not copied:
        return []
    return [say_count(
        "{n} cell was copied from an equal one of another sweep and not trained again: {sweeps}.",
        "{n} cells were copied from equal ones of other sweeps and not trained again: {sweeps}.", len(copied),
        sweeps=listing(sorted(set(copied.values())), 5),
    )]  # fmt: skip


def _describe_rung(report: SweepReport, winner: Winner) -> list[str]:
    """That a configuration won which was trained with fewer epochs than the last rung of a halving."""
    row = report.rows[winner.row]
    reached = [other.rung for other in report.rows if other.rung is not None and other.metrics]
    if row.rung is None or row.rung == max(reached):
        return []
    return [say(
        "The winner is of rung {rung} ({epochs}): none of the configurations that were trained longer, up to rung "
        "{last}, has a better score.", rung=row.rung, last=max(reached),
        epochs=say_count("{n} epoch", "{n} epochs", row.epochs or 0),
    )]  # fmt: skip


def _describe_rest(report: SweepReport, folder: str) -> list[str]:
    sentences = []
    if not report.finished:
        ended = sum(row.state not in ("running", "waiting") for row in report.rows)
        sentences.append(say_count(
            "The sweep is not finished: {part} of {n} cell so far has ended. To continue: {command}",
            "The sweep is not finished: {part} of {n} cells so far have ended. To continue: {command}",
            len(report.rows), part=ended, command=f"pupila sweep DATA --resume --out {folder}",
        ))  # fmt: skip
    if report.leaking:
        sentences.append(say(
            "The split leaks: related images are in different splits, which biases these figures upwards. "
            "Draw another split (with the same --by and --folds, if any) and train again: {command}", command=REDRAW,
        ))  # fmt: skip
    return sentences
