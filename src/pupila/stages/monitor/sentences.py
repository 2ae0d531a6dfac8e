"""What monitoring shows, in sentences."""

from pupila.artifacts.report.drift import Alarm, DriftReport, StreamChange
from pupila.core.messages import (
    integer,
    listing,
    mark,
    number,
    percent,
    say,
    say_count,
    say_images,
    signed_number,
    translate,
)
from pupila.stages.monitor.tasks import MONITORED
from pupila.statistics.estimate import p_text

MOST_STREAMS = 4  # that a sentence names
_REVIEW = "pupila label queue DATA --from LOG --bundle BUNDLE"
_IMAGE_STREAMS = ("brightness", "sharpness", "embedding")
# Stream -> what more and less of it is called.
_DIRECTIONS = {
    "confidence": (mark("confidence is higher by {shift} sd"), mark("confidence is lower by {shift} sd")),
    "brightness": (mark("images are brighter by {shift} sd"), mark("images are darker by {shift} sd")),
    "sharpness": (mark("images are sharper by {shift} sd"), mark("images are less sharp by {shift} sd")),
    "outputs": (
        mark("{title} is predicted more by {shift} sd"),
        mark("{title} is predicted less by {shift} sd"),
    ),
}


def sentences(report: DriftReport) -> list[str]:
    """The summary, most important first; estimates without labels come last."""
    return [*verdict(report), *describe_accuracy(report)]


def verdict(report: DriftReport) -> list[str]:
    """What is known without any estimate of the accuracy, most important first."""
    if report.alarm is None:
        texts = [_describe_quiet(report), _describe_power(report)]
    else:
        texts = [_describe_alarm(report, report.alarm), _describe_changes(report)]
        texts.append(say("Next, review some of the images: {command}", command=_REVIEW))
        texts.append(_describe_confidence(report, report.alarm))
        texts += _describe_comparison(report)
    return [*texts, *describe_reference(report), describe_groups(report), *describe_left_out(report)]


def warn_of_estimates(report: DriftReport) -> list[str]:
    """That estimates without labels can be far off; nothing while the images look as they did."""
    if not any(
        stream.changed and stream.name.partition(" ")[0] in _IMAGE_STREAMS for stream in report.streams
    ):
        return []
    return [
        say("The images have changed, so that this estimate can be far off: label some with {command}",
            command=_REVIEW)
    ]  # fmt: skip


def show_time(time: str, other: str = "") -> str:
    """A time of ISO 8601 in UTC, to the minute; to the second where another time is in the same minute."""
    return say("{day} {time} UTC", day=time[:10], time=time[11 : 19 if time[:16] == other[:16] else 16])


def _describe_quiet(report: DriftReport) -> str:
    counts = report.counts
    return say_count(
        "No alarm in {n} group ({images}, {first} to {last}).",
        "No alarm in {groups} groups ({images}, {first} to {last}).",
        counts.groups, groups=integer(counts.groups), images=say_images(counts.images),
        first=show_time(counts.first, counts.last), last=show_time(counts.last, counts.first),
    )  # fmt: skip


def _describe_power(report: DriftReport) -> str:
    values = {"groups": integer(report.counts.groups), "reference": integer(report.reference_groups)}
    if report.smallest_shift is None:
        return say(
            "So few groups of the log (n = {groups}) and of the reference (n = {reference}) can miss even a shift of 3 "
            "standard deviations, as of another camera.",
            **values,
        )
    return say(
        "A lasting shift of {shift} standard deviations in one stream, such as brightness, is shown about half of the "
        "time or more by so many groups of the log (n = {groups}) and of the reference (n = {reference}); smaller or "
        "shorter changes can be missed.",
        shift=number(report.smallest_shift, 2), **values,
    )  # fmt: skip


def _describe_alarm(report: DriftReport, alarm: Alarm) -> str:
    return say(
        "Alarm: the images have changed since about {since}, group {group} of {groups}.",
        since=show_time(alarm.since, alarm.time), group=integer(alarm.since_group),
        groups=integer(report.counts.groups),
    )  # fmt: skip


def _describe_changes(report: DriftReport) -> str:
    changed = [_describe_change(stream) for stream in report.streams if stream.changed]
    return say("What changed (sd: standard deviations of the reference): {changes}.",
               changes=listing(list(dict.fromkeys(changed)), MOST_STREAMS))  # fmt: skip


def _describe_change(stream: StreamChange) -> str:
    """The direction and size of a shift; a stream whose mean stayed has another spread. Projections have no names."""
    if stream.name.startswith("embedding"):
        return say("the content of the images differs")
    shift = stream.shift
    if stream.stream is None:
        return say("{title} is unknown since then", title=stream.title)
    if shift.value is None:
        return say("{title} differs", title=stream.title)
    if shift.low is not None and shift.high is not None and shift.low <= 0 <= shift.high:
        return say("the distribution of {title} differs, with the same mean", title=stream.title)
    up, down = _DIRECTIONS[stream.name.partition(" ")[0]]
    sentence = translate(up if shift.value > 0 else down)
    return sentence.format(title=stream.title, shift=number(abs(shift.value), 1))


def _describe_confidence(report: DriftReport, alarm: Alarm) -> str:
    return say(
        "The alarm was raised {after} groups later, at {time}. While images look like the reference, a false alarm is "
        "expected at most once in {every} groups.",
        after=integer(alarm.group - alarm.since_group), time=show_time(alarm.time, alarm.since),
        every=_every(report),
    )  # fmt: skip


def _every(report: DriftReport) -> str:
    return integer(report.false_alarm_every)


def _describe_comparison(report: DriftReport) -> list[str]:
    own = report.comparison
    if own is None:
        return [say("The groups since then are too few for a classifier test.")]
    values = {"auc": number(own.auc), "p": p_text(own.p_value), "groups": integer(own.stream_groups)}
    if own.after_alarm:
        return [
            say(
                "A classifier tells the groups after the alarm (n = {groups}) from the reference with an area under "
                "the ROC curve of {auc} ({p}, approximately: the same reference raised the alarm).",
                **values,
            )
        ]
    return [
        say(
            "A classifier tells the groups since then (n = {groups}) from the reference with an area under the ROC "
            "curve of {auc} ({p}, optimistically biased: the same groups raised the alarm).",
            **values,
        )
    ]


def describe_accuracy(report: DriftReport) -> list[str]:
    """Whether the estimated accuracy can be far off; then the estimate."""
    return [*warn_of_estimates(report), _estimate_accuracy(report)]


def _estimate_accuracy(report: DriftReport) -> str:
    """The estimated accuracy beside that of the reference, and what it assumes."""
    own = report.accuracy
    values = {"title": translate(MONITORED[report.task].accuracy), "value": own.stream.percent_text(),
              "interval": own.stream.percent_interval_text()}  # fmt: skip
    if own.stream.value is None:
        return say("{title} without labels is unknown: the log has no confidence.", **values)
    if own.difference is None:
        return say(
            "{title} without labels: {value} (95 % CI {interval}). It assumes that the confidence is still "
            "calibrated and that the same image would still get the same label (no concept drift). The reference has "
            "no confidence to compare it with.",
            **values,
        )
    values |= {"reference": own.reference.percent_text(),
               "change": signed_number(100 * (own.difference.first - own.difference.other), 1)}  # fmt: skip
    return say(
        "{title} without labels: {value} (95 % CI {interval}), {reference} on the reference: {change} points. It "
        "assumes that the confidence is still calibrated and that the same image would still get the same label "
        "(no concept drift).",
        **values,
    )


def describe_reference(report: DriftReport) -> list[str]:
    """What the reference does not know, and what that means."""
    texts = []
    if any(stream.baseline == "beginning" for stream in report.streams):
        texts.append(
            say(
                "The reference has no confidence and no classes: no model of the folds predicts what the ensemble does."
            )
            if has_no_shares(report)
            else say(
                "Models of the folds predicted the reference. They learned from fewer images than the served model and "
                "are usually less confident; the figures of the reference are theirs."
            )
        )
        texts.append(
            say(
                "The alarm therefore compares confidence and classes with the beginning of the log and can't show what "
                "was different in them from the first group on; a classifier test leaves them out."
            )
        )
    if not any(stream.name.startswith("embedding") for stream in report.streams):
        texts.append(
            say(
                "The content of the images is not monitored: the model has no embedding, or it was fine-tuned on the "
                "images of the reference."
            )
        )
    return texts


def has_no_shares(report: DriftReport) -> bool:
    """Whether the reference does not know its classes, as that of an ensemble."""
    return all(row.reference is None for row in report.classes)


def describe_groups(report: DriftReport) -> str:
    """How many images there are of a group, and whether related ones counted as independent."""
    own = report.counts
    values = {"images": say_images(own.images), "each": number(own.images / own.groups, 1)}
    text = say_count("{images} in {n} group, {each} images in each.",
                     "{images} in {groups} groups, {each} images in each.", own.groups,
                     groups=integer(own.groups), **values)  # fmt: skip
    if not own.without_group:
        return text
    return text + " " + say_count(
        "{n} image came without the name of a group and counts by itself.",
        "{number} images came without the name of a group and count by themselves: where some show the same object, "
        "false alarms are more frequent than promised.", own.without_group, number=integer(own.without_group),
    )  # fmt: skip


def describe_left_out(report: DriftReport) -> list[str]:
    """What of the log was not monitored."""
    own, texts = report.counts, []
    if own.other_versions:
        total = sum(own.other_versions.values())
        named = [f"{name[:12]} ({integer(n)})" for name, n in own.other_versions.items()]
        texts.append(
            say_count("{n} prediction of another bundle was left out: {named}.",
                      "{n} predictions of other bundles were left out: {named}.", total, named=listing(named, 3))
        )  # fmt: skip
    if own.damaged_lines:
        texts.append(
            say_count("{n} damaged line was left out.", "{n} damaged lines were left out.", own.damaged_lines)
        )
    if own.dropped:
        texts.append(
            say_count("{n} prediction is missing: the service could not write it.",
                      "{n} predictions are missing: the service could not write them.", own.dropped)
        )  # fmt: skip
    if own.late_images:
        texts.append(
            say_count(
                "{n} image was left out: it came after its group was closed.",
                "{n} images were left out: they came after their group was closed.",
                own.late_images,
            )
        )
    if own.repeated_images:
        texts.append(
            say_count("{n} image was left out: it is the same file again.",
                      "{n} images were left out: they are the same files again.", own.repeated_images)
        )  # fmt: skip
    if own.without_embedding:
        texts.append(
            say_count(
                "{n} group has no embedding in the log: its content was not compared.",
                "{n} groups have no embedding in the log: their content was not compared.",
                own.without_embedding,
            )
        )
    return texts


def describe_evidence(report: DriftReport) -> str:
    """How much evidence there is, as a share of what raises an alarm."""
    share = report.evidence / report.false_alarm_every
    most = report.largest_evidence / report.false_alarm_every
    return say(
        "The evidence at the end is {share} of the threshold of {every}; its largest value was {most}.",
        share=percent(share), every=_every(report), most=percent(most),
    )  # fmt: skip
