"""Checks on alike images: copies of one photograph, whether their labels agree, and sequences."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import listing, number, say, say_count
from pupila.imaging.duplicates.pairs import ENOUGH, Pair, some_unlisted
from pupila.stages.doctor.faults import fault

_CODES = {"exact": "exact-duplicates", "near": "near-duplicates", "mirrored": "mirrored-duplicates"}


def duplicates(data: Dataset) -> list[Fault]:
    """Exact, near and mirrored copies of one photograph; each pair is an example."""
    images, copies = data.images["image"], data.alike.copies
    faults: list[Fault] = []
    unlisted = some_unlisted(copies)
    for kind, code in _CODES.items():
        listed = fault(code, [_describe_pair(pair, images) for pair in copies if pair.kind == kind])
        if unlisted and kind != "exact":
            more = say(
                "an image in {n} pairs or more may be in further ones, which are not counted", n=ENOUGH
            )
            listed = [entry.model_copy(update={"fix": f"{entry.fix}; {more}"}) for entry in listed]
        faults += listed
    return faults


def sequences(data: Dataset) -> list[Fault]:
    """Groups of images that are alike and no copies; each group is an example."""
    images = data.images["image"].to_list()
    return fault("image-sequences", [
        say_count("{n} image: {names}", "{n} images: {names}", len(rows),
                  names=listing([images[row] for row in rows], 3))
        for rows in data.alike.sequences
    ])  # fmt: skip


def conflicting_labels(data: Dataset) -> list[Fault]:
    """Copies of one photograph that carry different labels."""
    images, targets = data.images["image"], data.images["target"]
    return fault("conflicting-labels", [
        f"{images[p.first]} ({targets[p.first]}) = {images[p.second]} ({targets[p.second]})"
        for p in data.alike.copies
        if None not in (targets[p.first], targets[p.second]) and targets[p.first] != targets[p.second]
    ])  # fmt: skip


def _describe_pair(pair: Pair, images: object) -> str:
    similarity = "" if pair.kind == "exact" else f" ({number(pair.similarity, 2)})"
    return f"{images[pair.first]} = {images[pair.second]}{similarity}"  # type: ignore[index]
