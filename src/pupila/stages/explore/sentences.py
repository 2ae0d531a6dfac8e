"""What follows from a fingerprint, in words: each sentence is a function of it, or of nothing else."""

from collections.abc import Callable

from pupila.core.messages import say, say_count
from pupila.core.vocabulary import ERROR, TEST
from pupila.stages.explore.fingerprint import Fingerprint
from pupila.stages.explore.labels import audited, disagreement, labelled_by
from pupila.statistics.intervals import trials_for_width, wilson_width

BALANCED = 1.5  # largest over smallest class, up to which accuracy is a fair measure
ASSUMED_RECALL = 7 / 8  # of a decent model, where the width of an interval to come is told
WANTED_WIDTH = 0.10  # of an interval, 10 points
FEW_GROUPS = 10  # of a class in the test split, under which there is no interval
FEW_IMAGES = 10  # of a class, under which nothing can be said
SMALL_AREA = 0.01  # of an average image
SMALL_SIDE = 64  # pixels
ONE_SIZE = 0.9  # share of images of one size that is worth a sentence
TELLS = 0.25  # share of a number's variance between the classes that is worth a sentence
COLOURS_TELL = 0.1  # agreement of neighbours in colour beyond chance that is worth one
SHORTCUTS = ("column-predicts-label", "folder-predicts-label", "property-predicts-label")


def faults(f: Fingerprint) -> str | None:
    """How many findings would spoil training."""
    spoiling = [fault["code"] for fault in f["faults"] if fault["severity"] == ERROR]
    if not spoiling:
        return None
    return say_count(
        "One finding of the doctor would spoil training: {codes}.",
        "{n} findings of the doctor would spoil training: {codes}.",
        len(spoiling),
        codes=", ".join(spoiling),
    )


def no_labels(f: Fingerprint) -> str | None:
    """No image has a label."""
    if f["classes"]:
        return None
    return say("No image has a label yet: put the images into one folder per class, or name them in a table.")


def imbalance(f: Fingerprint) -> str | None:
    """The classes are out of balance, so accuracy flatters."""
    ratio = _ratio(f)
    if ratio is None or ratio < BALANCED:
        return None
    (largest, most), (smallest, _) = _extremes(f)
    return say(
        "The classes are out of balance, {ratio:.1f} : 1 ({largest} : {smallest}), so judge by F1 and not by accuracy: "
        "always answering {largest} is right for {share:.1%} of the images.",
        ratio=ratio, largest=largest, smallest=smallest, share=most["share"],
    )  # fmt: skip


def balanced(f: Fingerprint) -> str | None:
    """The classes are about equal."""
    ratio = _ratio(f)
    if ratio is None or ratio >= BALANCED:
        return None
    return say(
        "The classes are about balanced ({ratio:.2f} : 1): accuracy and F1 will tell nearly the same.",
        ratio=ratio,
    )


def areas(f: Fingerprint) -> str | None:
    """How the classes of masks share the area, so pixel accuracy flatters."""
    if not f["masks"] or len(f["classes"]) < 2:
        return None
    (largest, most), (smallest, least) = _extremes(f)
    return say(
        "{smallest} covers {least:.1%} of an average image and occurs in {n} of {all}; always answering {largest} is "
        "right for {most:.1%} of the pixels of an average image: judge by Dice or IoU and not by pixel accuracy.",
        smallest=smallest, least=least["share"], n=least["images"], all=f["masks"]["images"], largest=largest,
        most=most["share"],
    )  # fmt: skip


def small_areas(f: Fingerprint) -> str | None:
    """Classes of which resizing leaves little."""
    small = [name for name, row in f["classes"].items() if row["images"] and row["share"] < SMALL_AREA]
    if not f["masks"] or not small:
        return None
    return say_count(
        "One class covers under 1 % of the area ({names}): resizing may leave too little of it, tiles keep it.",
        "{n} classes cover under 1 % of the area ({names}): resizing may leave too little of them, tiles keep them.",
        len(small), names=", ".join(small[:5]),
    )  # fmt: skip


def ceiling(f: Fingerprint) -> str | None:
    """How far two labellings of one picture agree, as the doctor measured it."""
    told = [fault["examples"][0] for fault in f["faults"] if fault["code"] == "label-ceiling"]
    if not told:
        return None
    return say(
        "Pictures that were labelled twice show how far labels agree here ({told}): no score means more.",
        told=told[0],
    )


def small_classes(f: Fingerprint) -> str | None:
    """Classes that can't be learned or judged."""
    small = [name for name, row in f["classes"].items() if row["images"] < FEW_IMAGES]
    if not small:
        return None
    return say_count("One class has under 10 images ({names}): nothing can be said of it.",
                     "{n} classes have under 10 images ({names}): nothing can be said of them.",
                     len(small), names=", ".join(small[:5]))  # fmt: skip


def interval(f: Fingerprint) -> str | None:
    """How wide the interval of the rarest class's recall will be on the test split, and what would narrow it."""
    rarest = _rarest_in_test(f)
    if rarest is None or f["masks"]:  # of masks, no image is simply right or wrong
        return None
    name, count = rarest
    groups = _test_groups(f, name)
    if groups < FEW_GROUPS:
        return None
    width = wilson_width(ASSUMED_RECALL, groups)
    unit = say("images") if groups == count else say("groups")
    told = say(
        "The test split holds {groups} {unit} of {name}, "
        "so the interval of its recall will be about {width:.0f} points wide",
        groups=groups, unit=unit, name=name, width=100 * width,
    )  # fmt: skip
    if width <= WANTED_WIDTH:
        return say("{told}.", told=told)
    needed = trials_for_width(ASSUMED_RECALL, WANTED_WIDTH)
    whole = f["splits"]["table"][TEST]["images"] / max(f["images"], 1)
    return say(
        "{told}; {needed} would narrow it to 10 points, {all} in all splits together.",
        told=told, needed=needed, all=round(needed / max(whole, 0.01)),
    )  # fmt: skip


def too_few_groups(f: Fingerprint) -> str | None:
    """The rarest class has too few groups in the test split."""
    rarest = _rarest_in_test(f)
    if rarest is None or (groups := _test_groups(f, rarest[0])) >= FEW_GROUPS:
        return None
    by = f"--by '{f['splits']['by']}' " if f["splits"]["by"] else ""
    return say_count(
        "The test split holds one group of {name}: too few groups for an interval; use folds ({command}).",
        "The test split holds {n} groups of {name}: too few groups for an interval; use folds ({command}).",
        groups, name=rarest[0], command=f"pupila split {by}--folds 5 --test 0 --replace",
    )  # fmt: skip


def leaking(f: Fingerprint) -> str | None:
    """The split parts duplicates or groups."""
    if not f["splits"] or f["splits"]["verdict"] != "leaking":
        return None
    return say_count("The split leaks: one pair of images that belong together is parted; scores on it are too good.",
                     "The split leaks: {n} pairs of images that belong together are parted; scores on it are too good.",
                     f["splits"]["leaks"])  # fmt: skip


def not_split(f: Fingerprint) -> str | None:
    """There are labels and no split."""
    if f["splits"] or not f["classes"]:
        return None
    return say("The data are not split yet: pupila split draws train, validation and a sealed test split.")


def duplicates(f: Fingerprint) -> str | None:
    """How many images are copies, and what is done about it."""
    copies = sum(f["duplicates"].values())
    if not copies:
        return None
    return say_count(
        "One pair of duplicates was found; a random split would put some on both sides, Pupila's keeps them together.",
        "{n} pairs of duplicates were found ({exact} exact, {near} near, {mirrored} mirrored); "
        "a random split would put some on both sides, Pupila's keeps them together.",
        copies, **f["duplicates"],
    )  # fmt: skip


def one_size(f: Fingerprint) -> str | None:
    """Nearly all images have one size."""
    width, height, count = f["sizes"][0]
    if count < ONE_SIZE * f["images"] or f["images"] < 2:
        return None
    return say(
        "{share:.1%} of the images are {width} x {height}.",
        share=count / f["images"],
        width=width,
        height=height,
    )


def many_sizes(f: Fingerprint) -> str | None:
    """The sizes differ a lot."""
    if f["sizes"][0][2] >= ONE_SIZE * f["images"] or f["images"] < 2:
        return None
    return say(
        "The sizes differ: widths from {w[min]:.0f} to {w[max]:.0f} pixels, "
        "heights from {h[min]:.0f} to {h[max]:.0f}.",
        w=f["width"], h=f["height"],
    )  # fmt: skip


def small_images(f: Fingerprint) -> str | None:
    """Half of the images are small, so a large input side gains nothing."""
    side = min(f["width"]["median"], f["height"]["median"])
    if side >= SMALL_SIDE:
        return None
    return say(
        "Half of the images are under {side:.0f} pixels: training at a larger side adds no detail.",
        side=side + 1,
    )


def set_aside(f: Fingerprint) -> str | None:
    """Files that could not be used."""
    if not f["set_aside"]:
        return None
    return say_count(
        "One file could not be read and is left out.",
        "{n} files could not be read and are left out.",
        f["set_aside"],
    )


def shortcuts(f: Fingerprint) -> str | None:
    """The label can be told without looking at the picture."""
    told = [fault["examples"][0] for fault in f["faults"] if fault["code"] in SHORTCUTS]
    if not told:
        return None
    return say(
        "The label can be told without a look at the picture ({told}): a model may learn that instead.",
        told="; ".join(told),
    )


def light(f: Fingerprint) -> str | None:
    """Brightness or saturation goes with the class."""
    names = {"brightness": say("brightness"), "saturation": say("saturation")}
    told = [
        (name, share)
        for name, share in f["colour"]["explained"].items()
        if share is not None and share >= TELLS
    ]
    if not told:
        return None
    name, share = max(told, key=lambda pair: pair[1])
    means = {of: row[name] for of, row in f["colour"]["classes"].items()}
    low, high = min(means, key=lambda of: means[of]), max(means, key=lambda of: means[of])
    return say(
        "The class goes with the {name} of an image ({share:.0%} of its variance lies between the classes; of 255 "
        "{low} has {least:.0f} on average, {high} {most:.0f}): a model may learn the light instead of the thing.",
        name=names[name], share=share, low=low, least=means[low], high=high, most=means[high],
    )  # fmt: skip


def some_grey(f: Fingerprint) -> str | None:
    """A few images without colour among others, or a few with."""
    grey = f["colour"]["grey"]
    if not grey or grey == f["images"]:
        return None
    return say_count("One image of {all} is grey, the others have colour.",
                     "{n} images of {all} are grey, the others have colour.", grey, all=f["images"])  # fmt: skip


def some_dark(f: Fingerprint) -> str | None:
    """Images that are almost black or almost white."""
    dark, bright = f["colour"]["dark"], f["colour"]["bright"]
    told = [
        say_count("One image is almost black.", "{n} images are almost black.", dark) if dark else "",
        say_count("One image is almost white.", "{n} images are almost white.", bright) if bright else "",
    ]
    return " ".join(filter(None, told)) or None


def neighbours(f: Fingerprint) -> str | None:
    """What alike images say of the classes: of a bundle's embedding how well it parts them, of colours a shortcut."""
    told = f["map"]
    if told is None:
        return None
    beyond = told["low"] > told["chance"]
    if not f["bundle"]:
        if told["agreement"] - told["chance"] < COLOURS_TELL or not beyond:
            return None
        return say(
            "Colours alone tell something of the class: the image of the most alike colours is of the same class for "
            "{agreement:.0%}, by chance it would be for {chance:.0%}. A shortcut, or several photos of one thing that "
            "no group holds together (--by).",
            agreement=told["agreement"], chance=told["chance"],
        )  # fmt: skip
    if not beyond:
        return say(
            "To the bundle, images of one class are no more alike than others: it does not part these classes."
        )
    there = say_count("one lies among another class", "{n} lie among another class", told["foreign"])
    return say(
        "To the bundle, the most alike image is of the same class for {agreement:.0%} (by chance {chance:.0%}); "
        "{there}.",
        agreement=told["agreement"], chance=told["chance"], there=there,
    )  # fmt: skip


def own_numbers(f: Fingerprint) -> str | None:
    """The column of the user's own whose numbers differ most between the classes."""
    told = [
        (row["explained"], name) for name, row in f["columns"].items() if (row.get("explained") or 0) >= TELLS
    ]
    if not told:
        return None
    share, name = max(told)
    medians = {
        of: row["median"] for of, row in f["columns"][name]["classes"].items() if row["median"] is not None
    }
    low, high = min(medians, key=lambda of: medians[of]), max(medians, key=lambda of: medians[of])
    return say(
        "{name} goes with the class ({share:.0%} of its variance lies between the classes; the median of {low} is "
        "{least:g}, of {high} {most:g}).",
        name=name, share=share, low=low, least=medians[low], high=high, most=medians[high],
    )  # fmt: skip


# In the order in which a reader needs them.
SENTENCES: tuple[Callable[[Fingerprint], str | None], ...] = (
    no_labels, faults, leaking, audited, shortcuts, light, imbalance, balanced, areas, small_areas, ceiling,
    small_classes, too_few_groups, interval, neighbours, own_numbers, labelled_by, disagreement, duplicates, set_aside,
    some_grey, some_dark, one_size, many_sizes, small_images, not_split,
)  # fmt: skip


def sentences(f: Fingerprint) -> list[str]:
    """All that follow from the fingerprint."""
    return [text for sentence in SENTENCES if (text := sentence(f)) is not None]


def _extremes(f: Fingerprint) -> tuple[tuple[str, dict[str, float]], tuple[str, dict[str, float]]]:
    rows = list(f["classes"].items())
    return rows[0], rows[-1]


def _ratio(f: Fingerprint) -> float | None:
    if len(f["classes"]) < 2 or f["masks"]:  # of masks the areas count
        return None
    (_, most), (_, least) = _extremes(f)
    return float(most["images"] / least["images"])


def _rarest_in_test(f: Fingerprint) -> tuple[str, int] | None:
    """The class with the fewest images in the test split, and how many."""
    if not f["splits"] or not f["splits"]["table"][TEST]["images"] or len(f["classes"]) < 2:
        return None
    counts = f["splits"]["table"][TEST]["classes"]
    name = min(counts, key=lambda key: (counts[key], key))
    return name, counts[name]


def _test_groups(f: Fingerprint, name: str) -> int:
    return int(f["splits"]["table"][TEST]["class_groups"][name])
