"""The post-processing of masks in sentences, for the card of a bundle and for the page of its run."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.validation import RejectedPostProcessing
from pupila.core.messages import listing, mark, number, percent, say, translate

# The parameters in words, by the field of `PostProcessing`, marked for translation.
_USED = {
    "smooth": mark("a smoothing window of {share} of the image's side"),
    "largest_hole": mark("holes under {share} of the image filled"),
    "smallest_region": mark("regions under {share} of the image dropped"),
}
_REJECTED = {
    "threshold": mark("A threshold of {value}"),
    "smooth": mark("Smoothing with a window of {share} of the image's side"),
    "largest_hole": mark("Filling holes under {share} of the image"),
    "smallest_region": mark("Dropping regions under {share} of the image"),
}


def describe_clean_up(info: BundleInfo) -> list[str]:
    """What happens to a predicted mask, and what does not because a class would pay for it; nothing without either."""
    values = {name: getattr(info.post_processing, name) for name in _USED}
    used = [
        translate(text).format(share=percent(values[name], 2)) for name, text in _USED.items() if values[name]
    ]
    sentences = []
    if used:
        sentences.append(
            say("Post-processing of the masks, tuned on validation: {steps}.", steps=listing(used))
        )
    rejected = info.validation.rejected_post_processing if info.validation else ()
    return sentences + [_describe_rejected(setting) for setting in rejected]


def _describe_rejected(setting: RejectedPostProcessing) -> str:
    setting_text = translate(_REJECTED[setting.name]).format(
        value=number(setting.value, 2), share=percent(setting.value, 2)
    )
    if not setting.iou_after:
        return say(
            "{setting} would raise the mean, but delete class '{class_name}', which has an IoU of {before} on "
            "validation: it is not used.",
            setting=setting_text, class_name=setting.class_name, before=number(setting.iou_before),
        )  # fmt: skip
    return say(
        "{setting} would raise the mean, but lower the IoU of class '{class_name}' from {before} to {after} on "
        "validation: it is not used.",
        setting=setting_text, class_name=setting.class_name, before=number(setting.iou_before),
        after=number(setting.iou_after),
    )  # fmt: skip
