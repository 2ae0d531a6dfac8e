"""Checks on duplicates: how many there are, whether their labels agree, and whether a given split separates them."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import number, say
from pupila.imaging.duplicates.pairs import ENOUGH, Pair, some_unlisted
from pupila.stages.doctor.faults import fault

_CODES = {"exact": "exact-duplicates", "near": "near-duplicates", "mirrored": "mirrored-duplicates"}


def duplicates(data: Dataset) -> list[Fault]:
    """Exact, near and mirrored duplicates; each pair is an example."""
    images = data.images["image"]
    faults: list[Fault] = []
    unlisted = some_unlisted(data.pairs)
    for kind, code in _CODES.items():
        listed = fault(code, [_describe_pair(pair, images) for pair in data.pairs if pair.kind == kind])
        if unlisted and kind != "exact":
            more = say(
                "an image in {n} pairs or more may be in further ones, which are not counted", n=ENOUGH
            )
            listed = [entry.model_copy(update={"fix": f"{entry.fix}; {more}"}) for entry in listed]
        faults += listed
    return faults


def conflicting_labels(data: Dataset) -> list[Fault]:
    """Duplicates that carry different labels."""
    images, targets = data.images["image"], data.images["target"]
    return fault("conflicting-labels", [
        f"{images[p.first]} ({targets[p.first]}) = {images[p.second]} ({targets[p.second]})"
        for p in data.pairs
        if None not in (targets[p.first], targets[p.second]) and targets[p.first] != targets[p.second]
    ])  # fmt: skip


def leaking_split(data: Dataset) -> list[Fault]:
    """Duplicates in different parts of the split that came with the data."""
    images, given = data.images["image"], data.images["given_split"]
    return fault("leaking-split", [
        f"{images[p.first]} ({given[p.first]}) = {images[p.second]} ({given[p.second]})"
        for p in data.pairs
        if None not in (given[p.first], given[p.second]) and given[p.first] != given[p.second]
    ])  # fmt: skip


def _describe_pair(pair: Pair, images: object) -> str:
    similarity = "" if pair.kind == "exact" else f" ({number(pair.similarity, 2)})"
    return f"{images[pair.first]} = {images[pair.second]}{similarity}"  # type: ignore[index]
