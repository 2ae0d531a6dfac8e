"""The metrics by id: what they are called in sentences, tables and charts.

An id is snake_case and stands in data and files. A metric of masks exists for one image and is then aggregated:
`mean_` (over the images, or over the prompted masks), `pooled_` (from the pixels of all images). A metric of one prompt
strategy ends with its name: `mean_iou_points`.
"""

from pupila.core.messages import mark, say, translate

TITLES = {
    "accuracy": mark("accuracy"),
    "macro_f1": mark("macro F1"),
    "balanced_accuracy": mark("balanced accuracy"),
    "precision": mark("precision"),
    "recall": mark("recall"),
    "f1": mark("F1"),
    "average_precision": mark("average precision"),
    "roc_auc": mark("ROC AUC"),
    "mean_average_precision": mark("mean average precision"),
    "micro_f1": mark("micro F1"),
    "sample_f1": mark("sample F1"),
    "subset_accuracy": mark("subset accuracy"),
    "hamming_loss": mark("Hamming loss"),
    "iou": mark("IoU"),
    "dice": mark("Dice"),
    "boundary_iou": mark("boundary IoU"),
    "pixel_accuracy": mark("pixel accuracy"),
    "mean_iou": mark("mean IoU"),
    "mean_dice": mark("mean Dice"),
    "mean_precision": mark("mean precision"),
    "mean_recall": mark("mean recall"),
    "mean_boundary_iou": mark("mean boundary IoU"),
    "pooled_iou": mark("pooled IoU"),
    "pooled_dice": mark("pooled Dice"),
    "pooled_precision": mark("pooled precision"),
    "pooled_recall": mark("pooled recall"),
    "pooled_boundary_iou": mark("pooled boundary IoU"),
    "mean_iou_points": mark("mean IoU (points)"),
    "mean_iou_box": mark("mean IoU (box)"),
    "mean_dice_points": mark("mean Dice (points)"),
    "mean_dice_box": mark("mean Dice (box)"),
}

_CLASS_MEANS = {"macro_f1", "balanced_accuracy", "mean_average_precision"}
LOWER_IS_BETTER = {"hamming_loss"}


def metric_title(metric: str) -> str:
    """The title of the metric with this id, in the user's language."""
    return translate(TITLES[metric])


def full_title(metric: str, classes: int) -> str:
    """The title, with the words that it is a mean over classes, where it is one.

    Args:
        metric: id.
        classes: of the data; masks of two classes have one that is scored, the foreground.
    """
    title = metric_title(metric)
    if metric in _CLASS_MEANS or (classes > 2 and metric.startswith("pooled_")):
        return say("{metric} (mean over classes)", metric=title)
    if classes > 2 and metric.startswith("mean_"):
        return say("{metric} (mean over the classes of an image)", metric=title)
    return title


def sentence_title(metric: str, classes: int | None = None) -> str:
    """The title as the first words of a sentence; with a number of classes the `full_title`."""
    title = metric_title(metric) if classes is None else full_title(metric, classes)
    return title[0].upper() + title[1:]


def objective_title(objective: str) -> str:
    """The objective of a threshold: the title of its metric, or the condition as it is: "recall>=0.95"."""
    return metric_title(objective) if objective in TITLES else objective
