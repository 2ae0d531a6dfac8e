"""The conclusions from a fingerprint: each sentence is a function of the fingerprint alone."""

import shlex

from pupila.artifacts.dataset.splits import say_no_groups
from pupila.artifacts.report.fingerprint import Fingerprint, NumericColumn, Quantiles
from pupila.core.messages import number, percent, say, say_count, say_images
from pupila.core.vocabulary import ERROR, REDRAW
from pupila.stages.explore.labels import audit_result, label_sources, labeller_disagreement
from pupila.stages.explore.view import Sentence
from pupila.stages.explore.views import find_target_view

SMALL_SIZE = 64  # pixels
ONE_SIZE_SHARE = 0.9  # share of images of one size that is worth a sentence
MIN_EXPLAINED_VARIANCE = 0.25  # share of a number's variance between the classes that is worth a sentence
MIN_COLOUR_AGREEMENT = 0.1  # agreement of neighbours in colour beyond chance that is worth one
UNNAMED_GROUPS = "unnamed-groups"
SHORTCUTS = ("column-predicts-label", "folder-predicts-label", "property-predicts-label")


def faults(f: Fingerprint) -> str | None:
    """How many findings would spoil training."""
    spoiling = [fault.code for fault in f.faults if fault.severity == ERROR]
    if not spoiling:
        return None
    return say_count(
        "The doctor found {n} error that would spoil training: {codes}.",
        "The doctor found {n} errors that would spoil training: {codes}.",
        len(spoiling),
        codes=", ".join(spoiling),
    )


def no_labels(f: Fingerprint) -> str | None:
    """No image has a label."""
    if f.classes:
        return None
    return say(
        "No image has a label yet: sort the images into one folder per class, or list them in a table."
    )


def leaking_split(f: Fingerprint) -> str | None:
    """The split separates duplicates or groups."""
    if not f.splits or f.splits.verdict != "leaking":
        return None
    return say_count(
        "Data leakage: {n} pair of related images is in different splits, so scores are optimistically biased. "
        "Draw another split: {command}",
        "Data leakage: {n} pairs of related images are in different splits, so scores are optimistically biased. "
        "Draw another split: {command}",
        f.splits.leaks, command=REDRAW if f.splits.by is None else f"{REDRAW} --by {shlex.quote(f.splits.by)}",
    )  # fmt: skip


def missing_classes(f: Fingerprint) -> str | None:
    """A class that is not in every split, and how many others are not."""
    missing = f.splits.missing_classes if f.splits else []
    if not missing:
        return None
    first, more = missing[0].describe(), len(missing) - 1
    if not more:
        return first
    others = say_count(
        "{n} more class is not in every split.", "{n} more classes are not in every split.", more
    )
    return f"{first} {others}"


def missing_split(f: Fingerprint) -> str | None:
    """There are labels, but no split was made."""
    if f.splits or not f.classes:
        return None
    if len(f.given_splits) > 1:
        parts = ", ".join(f"{name} {n}" for name, n in f.given_splits.items())
        return say(
            "The data come with a split ({parts}): pupila split keeps it and audits it for leaks; "
            "{command} draws another.",
            parts=parts,
            command=REDRAW,
        )
    return say(
        "The data are not split yet: pupila split makes a train, a validation and a sealed test split."
    )


def duplicates(f: Fingerprint) -> str | None:
    """How many duplicates there are, and how a split treats them."""
    copies = f.duplicates.exact + f.duplicates.near + f.duplicates.mirrored
    if not copies:
        return None
    return say_count(
        "There is {n} pair of duplicates ({exact} exact, {near} near, {mirrored} mirrored). "
        "A random split could separate it; pupila split keeps duplicates in one split.",
        "There are {n} pairs of duplicates ({exact} exact, {near} near, {mirrored} mirrored). "
        "A random split could separate some of them; pupila split keeps duplicates in one split.",
        copies, **f.duplicates.model_dump(),
    )  # fmt: skip


def sequences(f: Fingerprint) -> str | None:
    """How many sequences of alike images there are, and what they are good for."""
    if not f.duplicates.sequences:
        return None
    return say_count(
        "{images} are alike in {n} sequence: frames of a video, repeat photographs of one object, or tiles. They are "
        "no duplicates; pupila split keeps the sequence in one split.",
        "{images} are alike in {n} sequences: frames of a video, repeat photographs of one object, or tiles. They are "
        "no duplicates; pupila split keeps each sequence in one split.",
        f.duplicates.sequences,
        images=say_images(f.duplicates.sequence_images),
    )  # fmt: skip


def unnamed_groups(f: Fingerprint) -> str | None:
    """Groups that are likely in the file names and that nobody named."""
    likely = [fault for fault in f.faults if fault.code == UNNAMED_GROUPS]
    if not likely:
        return None
    return say(
        "Groups are likely in the file names ({groups}): images of one group in two splits bias the scores upwards. "
        "Keep each group in one split: {command}", groups=likely[0].examples[0], command=f"{REDRAW} --by auto",
    )  # fmt: skip


def no_groups(f: Fingerprint) -> str | None:
    """Neither the data, nor the split, nor the file names tell of groups."""
    if f.grouped or (f.splits and f.splits.by) or any(fault.code == UNNAMED_GROUPS for fault in f.faults):
        return None
    return say_no_groups()


def one_size(f: Fingerprint) -> str | None:
    """All images have one size, or nearly all."""
    width, height, count = f.sizes[0].width, f.sizes[0].height, f.sizes[0].images
    if count < ONE_SIZE_SHARE * f.images or f.images < 2:
        return None
    if count == f.images:
        return say("All images have {width} x {height} pixels.", width=width, height=height)
    share = percent(count / f.images)
    return say(
        "{share} of the images have {width} x {height} pixels.", share=share, width=width, height=height
    )


def many_sizes(f: Fingerprint) -> str | None:
    """The sizes differ a lot."""
    if f.sizes[0].images >= ONE_SIZE_SHARE * f.images or f.images < 2:
        return None
    return say("Image sizes vary: width {width} pixels, height {height} pixels.",
               width=_describe_range(f.width), height=_describe_range(f.height))  # fmt: skip


def _describe_range(quantiles: Quantiles) -> str:
    low, high = number(quantiles.min, 0), number(quantiles.max, 0)
    return low if low == high else say("{low} to {high}", low=low, high=high)


def small_images(f: Fingerprint) -> str | None:
    """Half of the images are small, so a large image size gains nothing."""
    size = min(f.width.median, f.height.median)
    if size >= SMALL_SIZE:
        return None
    return say(
        "Half of the images are smaller than {size} pixels: a larger image size adds no detail.",
        size=number(size + 1, 0),
    )


def skipped_files(f: Fingerprint) -> str | None:
    """Files that could not be used."""
    if not f.skipped:
        return None
    return say_count(
        "{n} file could not be read and is skipped.",
        "{n} files could not be read and are skipped.",
        f.skipped,
    )


def shortcuts(f: Fingerprint) -> str | None:
    """Metadata alone predicts the label."""
    properties = [fault.examples[0] for fault in f.faults if fault.code in SHORTCUTS]
    if not properties:
        return None
    return say(
        "Metadata alone predicts the label; a model may learn this shortcut: {properties}.",
        properties="; ".join(properties),
    )


def brightness(f: Fingerprint) -> str | None:
    """Brightness or saturation depends on the class."""
    shares = [
        (name, share)
        for name, share in f.colour.explained_variance
        if share is not None and share >= MIN_EXPLAINED_VARIANCE
    ]
    if not shares:
        return None
    name, share = max(shares, key=lambda pair: pair[1])
    means = {of: float(getattr(row, name)) for of, row in f.colour.classes.items()}
    low, high = min(means, key=lambda of: means[of]), max(means, key=lambda of: means[of])
    values = {"share": percent(share, 0), "low": low, "least": number(means[low], 0), "high": high,
              "most": number(means[high], 0)}  # fmt: skip
    if name == "brightness":
        return say(
            "The class explains {share} of the variance in brightness (from 0 to 255, the mean of '{low}' is {least}, "
            "of '{high}' {most}): a model may learn the lighting instead of the object.", **values
        )  # fmt: skip
    return say(
        "The class explains {share} of the variance in saturation (from 0 to 255, the mean of '{low}' is {least}, "
        "of '{high}' {most}): a model may learn the lighting instead of the object.", **values
    )  # fmt: skip


def some_grey(f: Fingerprint) -> str | None:
    """A few images without colour among others, or a few with."""
    grey = f.colour.grey
    if not grey or grey == f.images:
        return None
    return say_count(
        "{n} of {all} images contains no colour, however it is stored.",
        "{n} of {all} images contain no colour, however they are stored.", grey, all=f.images,
    )  # fmt: skip


def some_dark(f: Fingerprint) -> str | None:
    """Images that are almost black or almost white."""
    dark, bright = f.colour.dark, f.colour.bright
    parts = [
        say_count("{n} image is almost black.", "{n} images are almost black.", dark) if dark else "",
        say_count("{n} image is almost white.", "{n} images are almost white.", bright) if bright else "",
    ]
    return " ".join(filter(None, parts)) or None


def neighbours(f: Fingerprint) -> str | None:
    """Whether neighbours share their class: in a bundle's embedding a sign of separation, in colour of a shortcut."""
    facts = f.map
    if facts is None or facts.agreement.value is None:
        return None
    agreement, beyond = facts.agreement.value, facts.above_chance
    if not f.bundle:
        if agreement - facts.chance < MIN_COLOUR_AGREEMENT or not beyond:
            return None
        return say(
            "Colours alone predict the class to some extent: the nearest neighbour in colour has the same class for "
            "{agreement} of the images ({chance} by chance). This may be a shortcut, or several photos of one object "
            "that need a group (--by).",
            agreement=percent(agreement, 0), chance=percent(facts.chance, 0),
        )  # fmt: skip
    if not beyond:
        return say(
            "In the bundle's embedding, neighbours do not have the same class significantly more often than by chance."
        )
    separation = say(
        "The embeddings of the bundle separate the classes: the nearest neighbour has the same class for {agreement} "
        "of the images ({chance} by chance).",
        agreement=percent(agreement, 0), chance=percent(facts.chance, 0),
    )  # fmt: skip
    if not facts.outliers:
        return separation
    outliers = say_count(
        "{n} image lies among other classes.", "{n} images lie among other classes.", facts.outliers
    )
    return f"{separation} {outliers}"


def own_columns(f: Fingerprint) -> str | None:
    """The user's own column whose numbers differ most between the classes."""
    shares = [
        (row.explained_variance, name, row)
        for name, row in f.columns.items()
        if isinstance(row, NumericColumn) and (row.explained_variance or 0) >= MIN_EXPLAINED_VARIANCE
    ]
    if not shares:
        return None
    share, name, column = max(shares, key=lambda entry: (entry[0] or 0, entry[1]))
    medians = {of: row.median for of, row in column.classes.items() if row.median is not None}
    low, high = min(medians, key=lambda of: medians[of]), max(medians, key=lambda of: medians[of])
    return say(
        "The class explains {share} of the variance in {name} (the median of '{low}' is {least}, of '{high}' {most}).",
        name=name, share=percent(share or 0, 0), low=low, least=f"{medians[low]:g}", high=high,
        most=f"{medians[high]:g}",
    )  # fmt: skip


# In the order in which a reader needs them; those about the classes lie between.
_FIRST: tuple[Sentence, ...] = (
    no_labels,
    faults,
    leaking_split,
    missing_classes,
    audit_result,
    shortcuts,
    brightness,
)
_LAST: tuple[Sentence, ...] = (
    neighbours, own_columns, label_sources, labeller_disagreement, duplicates, sequences, unnamed_groups, no_groups,
    skipped_files, some_grey, some_dark, one_size, many_sizes, small_images, missing_split,
)  # fmt: skip


def applicable(f: Fingerprint) -> tuple[Sentence, ...]:
    """The sentences that suit the targets of the data."""
    return (*_FIRST, *find_target_view(f.target).sentences, *_LAST)


def sentences(f: Fingerprint) -> list[str]:
    """All that follow from the fingerprint."""
    return [text for sentence in applicable(f) if (text := sentence(f)) is not None]
