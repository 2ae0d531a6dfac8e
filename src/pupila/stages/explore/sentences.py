"""The conclusions from a fingerprint: each sentence is a function of the fingerprint alone."""

from collections.abc import Callable

from pupila.artifacts.report.fingerprint import ClassFacts, Fingerprint, NumericColumn
from pupila.core.messages import integer, number, percent, say, say_count
from pupila.core.vocabulary import ERROR, TEST
from pupila.stages.explore.labels import audit_result, label_sources, labeller_disagreement
from pupila.statistics.intervals import trials_for_width, wilson_width

MAX_BALANCED_RATIO = 1.5  # largest over smallest class, up to which accuracy is a fair measure
ASSUMED_RECALL = 7 / 8  # of a decent model, to predict the width of an interval
TARGET_WIDTH = 0.10  # of an interval, 10 points
FEW_GROUPS = 10  # of a class in the test split, below which there is no interval
FEW_IMAGES = 10  # of a class, below which it cannot be evaluated
SMALL_AREA = 0.01  # of an average image
SMALL_SIZE = 64  # pixels
ONE_SIZE_SHARE = 0.9  # share of images of one size that is worth a sentence
MIN_EXPLAINED_VARIANCE = 0.25  # share of a number's variance between the classes that is worth a sentence
MIN_COLOUR_AGREEMENT = 0.1  # agreement of neighbours in colour beyond chance that is worth one
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


def imbalance(f: Fingerprint) -> str | None:
    """The classes are imbalanced, so accuracy is misleading."""
    ratio = _ratio(f)
    if ratio is None or ratio < MAX_BALANCED_RATIO:
        return None
    (largest, most), (smallest, _) = _extremes(f)
    return say(
        "The classes are imbalanced, {ratio} : 1 ('{largest}' : '{smallest}'). Use F1 instead of accuracy: "
        "the majority-class baseline '{largest}' has accuracy {share}.",
        ratio=number(ratio, 1), largest=largest, smallest=smallest, share=number(most.share),
    )  # fmt: skip


def balance(f: Fingerprint) -> str | None:
    """The classes are balanced."""
    ratio = _ratio(f)
    if ratio is None or ratio >= MAX_BALANCED_RATIO:
        return None
    return say(
        "The classes are balanced ({ratio} : 1), so accuracy and F1 will be nearly equal.",
        ratio=number(ratio, 2),
    )


def areas(f: Fingerprint) -> str | None:
    """How the classes of masks share the area, so that pixel accuracy is misleading."""
    if f.target != "mask" or len(f.classes) < 2:
        return None
    (largest, most), (smallest, least) = _extremes(f)
    return say(
        "'{smallest}' covers {least} of an average image and occurs in {n} of {all} images. Use Dice or IoU instead of "
        "pixel accuracy: predicting '{largest}' everywhere has a pixel accuracy of {most}.",
        smallest=smallest, least=percent(least.share), n=least.images, all=f.images - f.unlabelled,
        largest=largest, most=number(most.share),
    )  # fmt: skip


def small_areas(f: Fingerprint) -> str | None:
    """Classes with so small an area that resizing may remove them."""
    small = [name for name, row in f.classes.items() if row.images and row.share < SMALL_AREA]
    if f.target != "mask" or not small:
        return None
    return say_count(
        "{n} class covers under 1 % of the area ({names}): resizing may remove it, tiles preserve it.",
        "{n} classes cover under 1 % of the area ({names}): resizing may remove them, tiles preserve them.",
        len(small), names=", ".join(f"'{name}'" for name in small[:5]),
    )  # fmt: skip


def annotator_agreement(f: Fingerprint) -> str | None:
    """The agreement of two annotations of the same image, as measured by the doctor."""
    agreement = [fault.examples[0] for fault in f.faults if fault.code == "annotator-agreement"]
    if not agreement:
        return None
    return say(
        "Agreement of two annotations of the same image: {agreement}. This is about the highest score that these "
        "labels allow.",
        agreement=agreement[0],
    )


def small_classes(f: Fingerprint) -> str | None:
    """Classes with too few images to evaluate."""
    small = [name for name, row in f.classes.items() if row.images < FEW_IMAGES]
    if not small:
        return None
    return say_count("{n} class has fewer than 10 images ({names}), too few to evaluate it.",
                     "{n} classes have fewer than 10 images ({names}), too few to evaluate them.",
                     len(small), names=", ".join(f"'{name}'" for name in small[:5]))  # fmt: skip


def interval(f: Fingerprint) -> str | None:
    """The expected width of the interval of the rarest class's recall on the test split, and the size for 10 points."""
    rarest = _rarest_in_test(f)
    if (
        rarest is None or f.splits is None or f.target == "mask"
    ):  # with masks, no image is simply right or wrong
        return None
    name, count = rarest
    groups = _test_groups(f, name)
    if groups < FEW_GROUPS:
        return None
    width = wilson_width(ASSUMED_RECALL, groups)
    needed = trials_for_width(ASSUMED_RECALL, TARGET_WIDTH)
    test_share = f.splits.table[TEST].images / max(f.images, 1)
    values = {
        "n": integer(groups), "name": name, "width": number(100 * width, 0), "needed": _round_count(needed),
        "all": _round_count(needed / max(test_share, 0.01)),
    }  # fmt: skip
    if width <= TARGET_WIDTH and groups == count:
        return say(
            "The test split has {n} images of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide.", **values,
        )  # fmt: skip
    if width <= TARGET_WIDTH:
        return say(
            "The test split has {n} groups of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide.", **values,
        )  # fmt: skip
    if groups == count:
        return say(
            "The test split has only {n} images of class '{name}', so the 95 % CI of its recall will be about {width} "
            "percentage points wide. For 10 points you need about {needed} images in the test split (about {all} in "
            "total).", **values,
        )  # fmt: skip
    return say(
        "The test split has only {n} groups of class '{name}', so the 95 % CI of its recall will be about {width} "
        "percentage points wide. For 10 points you need about {needed} groups in the test split (about {all} in "
        "total).", **values,
    )  # fmt: skip


def too_few_groups(f: Fingerprint) -> str | None:
    """The rarest class has too few groups in the test split."""
    rarest = _rarest_in_test(f)
    if rarest is None or (groups := _test_groups(f, rarest[0])) >= FEW_GROUPS:
        return None
    by = f"--by '{f.splits.by}' " if f.splits and f.splits.by else ""
    return say_count(
        "The test split has {n} group of class '{name}', too few for a confidence interval. Use folds: {command}",
        "The test split has {n} groups of class '{name}', too few for a confidence interval. Use folds: {command}",
        groups, name=rarest[0], command=f"pupila split {by}--folds 5 --test 0 --replace",
    )  # fmt: skip


def leaking_split(f: Fingerprint) -> str | None:
    """The split separates duplicates or groups."""
    if not f.splits or f.splits.verdict != "leaking":
        return None
    return say_count(
        "Data leakage: {n} pair of related images is in different splits, so scores are optimistically biased.",
        "Data leakage: {n} pairs of related images are in different splits, so scores are optimistically biased.",
        f.splits.leaks,
    )


def missing_split(f: Fingerprint) -> str | None:
    """There are labels, but no split."""
    if f.splits or not f.classes:
        return None
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
    return say(
        "Image sizes vary: width {narrowest} to {widest} pixels, height {lowest} to {highest} pixels.",
        narrowest=number(f.width.min, 0), widest=number(f.width.max, 0),
        lowest=number(f.height.min, 0), highest=number(f.height.max, 0),
    )  # fmt: skip


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


# In the order in which a reader needs them.
SENTENCES: tuple[Callable[[Fingerprint], str | None], ...] = (
    no_labels, faults, leaking_split, audit_result, shortcuts, brightness, imbalance, balance, areas, small_areas,
    annotator_agreement, small_classes, too_few_groups, interval, neighbours, own_columns, label_sources,
    labeller_disagreement, duplicates, skipped_files, some_grey, some_dark, one_size, many_sizes, small_images,
    missing_split,
)  # fmt: skip


def sentences(f: Fingerprint) -> list[str]:
    """All that follow from the fingerprint."""
    return [text for sentence in SENTENCES if (text := sentence(f)) is not None]


def _round_count(count: float) -> str:
    """The count to two significant digits, for estimates."""
    return integer(int(float(f"{count:.2g}")))


def _extremes(f: Fingerprint) -> tuple[tuple[str, ClassFacts], tuple[str, ClassFacts]]:
    rows = list(f.classes.items())
    return rows[0], rows[-1]


def _ratio(f: Fingerprint) -> float | None:
    if len(f.classes) < 2 or f.target == "mask":  # for masks, the areas count
        return None
    (_, most), (_, least) = _extremes(f)
    return float(most.images / least.images)


def _rarest_in_test(f: Fingerprint) -> tuple[str, int] | None:
    """The class with the fewest images in the test split, and how many."""
    if not f.splits or not f.splits.table[TEST].images or len(f.classes) < 2:
        return None
    counts = f.splits.table[TEST].classes
    name = min(counts, key=lambda key: (counts[key], key))
    return name, counts[name]


def _test_groups(f: Fingerprint, name: str) -> int:
    return f.splits.table[TEST].class_groups[name] if f.splits else 0
