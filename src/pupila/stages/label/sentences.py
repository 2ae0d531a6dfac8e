"""The result of a labelling run in sentences."""

from collections import Counter

from pupila.core.messages import listing, number, say, say_count, say_images
from pupila.stages.label.run import LabellingResult


def sentences(result: LabellingResult, data: str) -> list[str]:
    """Counts, failures, cost, and the next command.

    Args:
        result: the result.
        data: the data set as the user wrote it.
    """
    lines = [_describe_labelled(result)]
    if result.unknown:
        counts = ", ".join(f"{name} {n}" for name, n in sorted(result.unknown.items()))
        lines.append(
            say("The labeller was not certain of some classes, which stay unknown: {counts}.", counts=counts)
        )
    if result.unsure:
        lines.append(
            say_count(
                "One image is unsure and has no label.",
                "{n} images are unsure and have no label.",
                result.unsure,
            )
        )
    if result.abstained:
        lines.append(say_count("One image is below the confidence threshold and has no label (--confidence).",
                               "{n} images are below the confidence threshold and have no label (--confidence).",
                               result.abstained))  # fmt: skip
    if result.has_mask:
        lines.append(say_count("Skipped one image that already has a mask.",
                               "Skipped {n} images that already have masks.", result.has_mask))  # fmt: skip
    if result.failed:
        lines += _describe_failures(result.failed)
    if result.not_requested:
        lines.append(
            say_count("One image was not requested.", "{n} images were not requested.", result.not_requested)
        )
    lines += result.remarks
    lines.append(
        say("Time {seconds} s, cost {cost} US dollars.", seconds=number(result.seconds, 1), cost=number(result.cost, 4))
        if result.cost is not None else say("Time {seconds} s.", seconds=number(result.seconds, 1))
    )  # fmt: skip
    if result.labelled:
        lines.append(say("Next: {command}", command=f"pupila label audit {data}"))
    return lines


def _describe_labelled(result: LabellingResult) -> str:
    if not result.selected:
        return say("{labeller} has nothing to label.", labeller=result.labeller)
    counts = ", ".join(f"{name} {n}" for name, n in sorted(result.classes.items()))
    values = {
        "labeller": result.labeller, "n": result.labelled,
        "images": say_images(result.selected),
    }  # fmt: skip
    if not counts:
        return say("{labeller} labelled {n} of {images}.", **values)
    return say("{labeller} labelled {n} of {images} ({counts}).", **values, counts=counts)


def _describe_failures(failed: list[tuple[str, str]]) -> list[str]:
    reasons = Counter(reason for _, reason in failed)
    first = {reason: image for image, reason in reversed(failed)}
    summaries = [f"{n} x {reason} ({first[reason]})" for reason, n in reasons.most_common()]
    return [
        say_count(
            "One image failed: {why}.", "{n} images failed: {why}.", len(failed), why=listing(summaries, 3)
        )
    ]
