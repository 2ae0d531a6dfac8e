"""A wrong label on the page of the report."""

from collections.abc import Callable

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Disagreement
from pupila.artifacts.report.gallery import load_image
from pupila.artifacts.report.page import PageImage
from pupila.core.messages import percent, say


def show_both_labels(
    data: Dataset, row: int, error: Disagreement, describe: Callable[[str], str]
) -> PageImage:
    """The image; its caption has the machine label and that of the reviewer.

    Args:
        data: the data set.
        row: of the image.
        error: the label that the reviewer replaced.
        describe: a target in words.
    """
    assert error.correction is not None  # only masks are rejected without one
    labels = {"label": describe(error.label), "answer": describe(error.correction)}
    if error.confidence is None:
        caption = say("label {label}, reviewer {answer}", **labels)
    else:
        caption = say("label {label} (confidence {share}), reviewer {answer}", **labels,
                      share=percent(error.confidence, 0))  # fmt: skip
    return load_image(data.path(row), caption, data.bands)
