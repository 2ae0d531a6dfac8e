"""Conclusions about several labels per image."""

from pupila.artifacts.report.fingerprint import Fingerprint, SeveralLabels
from pupila.core.messages import integer, number, percent, say, say_count
from pupila.stages.explore.class_sentences import extreme_classes

OFTEN = 0.5  # share of the images of a class that show another one, from which it is worth a sentence
CORRELATED = 0.3  # phi, from which two classes are worth one
MIN_IMAGES = 10  # that show a class, for a sentence about what occurs with it
MAX_PAIRS = 3  # in the conclusions


def strongest_pairs(labels: SeveralLabels) -> list[tuple[int, int]]:
    """Pairs of classes by number, those whose labels are most alike or most opposed first."""
    size = range(len(labels.classes))
    pairs = [(a, b) for a in size for b in size if a < b and labels.phi[a][b] is not None]
    return sorted(pairs, key=lambda pair: (-abs(labels.phi[pair[0]][pair[1]] or 0), pair))


def co_occurrence(f: Fingerprint) -> str | None:
    """Which class mostly occurs with which other one."""
    labels = f.several_labels
    if labels is None:
        return None
    names, rows = list(labels.classes), list(labels.classes.values())
    texts = []
    for pair in strongest_pairs(labels):
        a, b = sorted(pair, key=lambda k: rows[k].present)  # of the rarer one, what it occurs with
        share, phi = labels.conditional(a, b), labels.phi[a][b] or 0
        if share is None or share < OFTEN or phi < CORRELATED or labels.known[a][b] < MIN_IMAGES:
            continue
        texts.append(say(
            "'{name}' occurs with '{other}' in {share} of its images ('{other}' is in {all} of all images).",
            name=names[a], other=names[b], share=percent(share, 0), all=percent(f.classes[names[b]].share, 0),
        ))  # fmt: skip
    if not texts:
        return None
    advice = say(
        "A model may learn the one from the other: compare them on images that show only one of the two."
    )
    more = len(texts) - MAX_PAIRS
    others = (
        [say_count("{n} more pair of classes is alike.", "{n} more pairs of classes are alike.", more)]
        if more > 0
        else []
    )
    return " ".join([*texts[:MAX_PAIRS], *others, advice])


def prevalence(f: Fingerprint) -> str | None:
    """The most frequent and the rarest class, and what predicting the same for every image achieves."""
    labels = f.several_labels
    if labels is None or not f.classes:
        return None
    (largest, most), (smallest, least) = extreme_classes(f)
    known = sum(row.present + row.absent for row in labels.classes.values())
    frequent = sum(max(row.present, row.absent) for row in labels.classes.values())
    if largest == smallest:
        return say("'{name}' is present in {share} of the images where it is known.",
                   name=largest, share=percent(most.share))  # fmt: skip
    return say(
        "'{largest}' is present in {most} of the images where it is known, '{smallest}' in {least}. Use mean average "
        "precision or F1 instead of accuracy: predicting the same for every image is correct for {constant} of the "
        "labels.",
        largest=largest, most=percent(most.share), smallest=smallest, least=percent(least.share),
        constant=percent(frequent / max(known, 1)),
    )  # fmt: skip


def labels_per_image(f: Fingerprint) -> str | None:
    """How many classes an image shows."""
    counts = f.several_labels.labels_per_image if f.several_labels else []
    images = sum(counts)
    if not images:
        return None
    mean = sum(count * n for count, n in enumerate(counts)) / images
    values = {"mean": number(mean, 2), "classes": len(f.classes), "most": len(counts) - 1,
              "least": next(count for count, n in enumerate(counts) if n)}  # fmt: skip
    if not counts[0]:
        return say(
            "An image shows {mean} of the {classes} classes on average, from {least} to {most}.", **values
        )
    return say(
        "An image shows {mean} of the {classes} classes on average, and at most {most}; in {none} of {all} images no "
        "class is labelled present.", none=integer(counts[0]), all=integer(images), **values,
    )  # fmt: skip


def unknown_labels(f: Fingerprint) -> str | None:
    """How many labels are unknown, and the class with most of them."""
    labels = f.several_labels
    unknown = sum(row.unknown for row in labels.classes.values()) if labels else 0
    if labels is None or not unknown:
        return None
    images = sum(labels.labels_per_image)
    name = max(labels.classes, key=lambda key: labels.classes[key].unknown)
    return say(
        "{share} of the labels are unknown, most of them of '{name}' ({n} of {all} images); they count neither in "
        "training nor in evaluation.",
        share=percent(unknown / (images * len(labels.classes))), name=name, n=integer(labels.classes[name].unknown),
        all=integer(images),
    )  # fmt: skip


def explained_by_labels(f: Fingerprint) -> str | None:
    """The number that most depends on whether an image shows a class."""
    explained = f.several_labels.explained if f.several_labels else []
    if not explained:
        return None
    row = explained[0]
    values = {"name": row.class_name, "share": percent(row.share, 0), "present": f"{row.present:.4g}",
              "absent": f"{row.absent:.4g}", "measure": row.measure}  # fmt: skip
    if row.measure == "brightness":
        return say("Whether an image shows '{name}' explains {share} of the variance in brightness (0 to 255, mean "
                   "{present} with it, {absent} without): a model may learn the lighting instead of the object.",
                   **values)  # fmt: skip
    if row.measure == "saturation":
        return say("Whether an image shows '{name}' explains {share} of the variance in saturation (0 to 255, mean "
                   "{present} with it, {absent} without): a model may learn the lighting instead of the object.",
                   **values)  # fmt: skip
    return say("Whether an image shows '{name}' explains {share} of the variance in {measure} (mean {present} with it, "
               "{absent} without).", **values)  # fmt: skip
