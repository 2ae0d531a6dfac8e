"""A labelling in words: how many of each class, how many not and why, what it cost, and what comes next."""

from collections import Counter

from pupila.core.messages import listing, say, say_count
from pupila.stages.label.run import Labelled


def sentences(done: Labelled, data: str) -> list[str]:
    """How it went.

    Args:
        done: the labelling.
        data: as the user called it, for the next step.
    """
    lines = [_labelled(done)]
    if done.unsure:
        lines.append(
            say_count("Unsure of one: it has no label.", "Unsure of {n}: they have no label.", done.unsure)
        )
    if done.below:
        lines.append(say_count("One answer was too unsure to count: --set confidence=... says how sure is enough.",
                               "{n} answers were too unsure to count: --set confidence=... says how sure is enough.",
                               done.below))  # fmt: skip
    if done.kept:
        lines.append(say_count("One image had a mask already, which was left alone.",
                               "{n} images had masks already, which were left alone.", done.kept))  # fmt: skip
    if done.failed:
        lines += _failed(done.failed)
    if done.unasked:
        lines.append(say_count("One image was not asked.", "{n} images were not asked.", done.unasked))
    lines += done.remarks
    lines.append(
        say("{seconds:.1f} s, {cost:.4f} US dollars.", seconds=done.seconds, cost=done.cost)
        if done.cost is not None else say("{seconds:.1f} s.", seconds=done.seconds)
    )  # fmt: skip
    if done.labelled:
        lines.append(say("Next: {command}", command=f"pupila label audit {data}"))
    return lines


def _labelled(done: Labelled) -> str:
    if not done.asked:
        return say("Nothing to ask {labeller}.", labeller=done.labeller)
    counts = ", ".join(f"{name} {n}" for name, n in sorted(done.classes.items()))
    return say("{labeller} labelled {n} of {asked} pictures{counts}.", labeller=done.labeller, n=done.labelled,
               asked=done.asked, counts=f" ({counts})" if counts else "")  # fmt: skip


def _failed(failed: list[tuple[str, str]]) -> list[str]:
    reasons = Counter(reason for _, reason in failed)
    first = {reason: image for image, reason in reversed(failed)}
    told = [f"{n} x {reason} ({first[reason]})" for reason, n in reasons.most_common()]
    return [say_count("One failed: {why}.", "{n} failed: {why}.", len(failed), why=listing(told, 3))]
