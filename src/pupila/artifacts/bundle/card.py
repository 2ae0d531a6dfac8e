"""The model card: the task, the validation results, and the limits of use."""

from pupila.artifacts.bundle.architecture import Compression
from pupila.artifacts.bundle.averaging import describe_averaging
from pupila.artifacts.bundle.clean_up import describe_clean_up
from pupila.artifacts.bundle.probe import describe_probe
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.thresholds import describe_thresholds
from pupila.artifacts.dataset.versions.identity import SHORT
from pupila.core.messages import listing, mark, number, say, say_count, say_images, translate
from pupila.statistics.metrics.titles import full_title, sentence_title

# What a model of each task predicts, marked for translation.
PREDICTS: dict[str, str] = {
    "classify": mark("Predicts one of {n} classes: {names}."),
    "multilabel": mark("Predicts which of {n} classes are present: {names}."),
    "segment": mark("Predicts a mask of {n} classes: {names}."),
    "prompt": mark("Predicts a mask from points and a box."),
}


def _describe_task(info: BundleInfo) -> str:
    return translate(PREDICTS[info.task]).format(n=len(info.classes), names=listing(info.classes, 20))


def _describe_weights(info: BundleInfo) -> str:
    source, license = info.weights.source, info.weights.license
    return say("{source} (licence: {license})", source=source, license=license) if license else source


def _describe_compression(given: Compression) -> str:
    return say(
        "Compressed: {method}. {metric} {first} on the images that both were compared on, {other} before (difference "
        "95 % CI {interval}). The table below is that of the model before.",
        method=translate(given.method), metric=sentence_title(given.metric), first=number(given.difference.first),
        other=number(given.difference.other), interval=given.difference.interval_text(),
    )  # fmt: skip


def render_card(info: BundleInfo) -> str:
    """Markdown."""
    lines = [
        f"# {info.architecture.name}", "",
        _describe_task(info), "",
        say("Created by {made_by} on {created}. Pretrained weights: {source}.",
            made_by=info.made_by, created=info.created, source=_describe_weights(info)), "",
    ]  # fmt: skip
    if info.data_version:
        lines += [say("Trained on data version {version}.", version=info.data_version[:SHORT]), ""]
    if given := info.compression:
        lines += [_describe_compression(given), ""]
    if info.validation:
        lines += [say_count("Validation: n = {images} in {n} group (not the test split).",
                            "Validation: n = {images} in {n} groups (not the test split).",
                            info.validation.groups, images=say_images(info.validation.n)), ""]  # fmt: skip
        lines += [f"| {say('metric')} | {say('value')} | {say('95 % CI')} |", "|---|---|---|"]
        lines += [
            f"| {full_title(metric, len(info.classes))} | {' | '.join(estimate.cells())} |"
            for metric, estimate in info.validation.metrics.items()
        ]
        lines.append("")
        if probe := describe_probe(info.validation.probe):
            lines += [*probe, ""]
    else:
        lines += [say("The model was not validated."), ""]
    if averaging := describe_averaging(info):
        lines += [" ".join(averaging), ""]
    if thresholds := describe_thresholds(info):
        lines += [" ".join(thresholds), ""]
    if clean_up := describe_clean_up(info):
        lines += [" ".join(clean_up), ""]
    if info.leaking:
        warning = say(
            "The split leaks: images that belong together are in different splits. The figures are biased upwards."
        )
        lines += [f"**{warning}**", ""]
    lines.append(
        say("The model also predicts for images unlike its training images; such predictions may be wrong.")
    )
    return "\n".join(lines) + "\n"
