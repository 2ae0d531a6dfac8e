"""The post-processing of masks in sentences."""

from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.clean_up import describe_clean_up
from pupila.artifacts.bundle.validation import RejectedPostProcessing, ValidationSummary
from pupila.statistics.metrics.baseline import Baseline
from pupila.tasks.task import PostProcessing
from tests.colours import info


def rejected(name: str, value: float, left: float = 0.25) -> ValidationSummary:
    setting = RejectedPostProcessing(
        name=name, value=value, class_name="pole", iou_before=0.71429, iou_after=left
    )
    base = Baseline(name="sky", metrics={})
    return ValidationSummary(n=24, groups=24, metrics={}, baseline=base, rejected_post_processing=(setting,))


def test_masks_have_no_description_as_the_model_predicts_them() -> None:
    assert describe_clean_up(info(task="segment")) == []


def test_the_post_processing_in_use_is_printed_on_the_card() -> None:
    used = PostProcessing(smooth=0.01, smallest_region=0.0005)
    text = (
        "Post-processing of the masks, tuned on validation: a smoothing window of 1.00 % of the image's side, "
        "regions under 0.05 % of the image dropped."
    )
    assert describe_clean_up(info(task="segment", post_processing=used)) == [text]
    assert text in render_card(info(task="segment", post_processing=used))


def test_post_processing_that_costs_a_class_names_the_class() -> None:
    bundle = info(task="segment", validation=rejected("smallest_region", 0.002))
    text = (
        "Dropping regions under 0.20 % of the image would raise the mean, but lower the IoU of class 'pole' from 0.714 "
        "to 0.250 on validation: it is not used."
    )
    assert describe_clean_up(bundle) == [text]
    assert text in render_card(bundle)


def test_a_threshold_that_costs_a_class_is_named_with_its_value() -> None:
    (text,) = describe_clean_up(info(task="segment", validation=rejected("threshold", 0.75)))
    assert text.startswith("A threshold of 0.75 would raise the mean")


def test_a_step_that_deletes_a_class_says_so() -> None:
    (text,) = describe_clean_up(info(task="segment", validation=rejected("smallest_region", 0.01, left=0)))
    assert text == (
        "Dropping regions under 1.00 % of the image would raise the mean, but delete class 'pole', which has an IoU of "
        "0.714 on validation: it is not used."
    )
