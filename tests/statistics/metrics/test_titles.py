"""Every metric that stands in data or files has a title, and ids are ids."""

import re

import pytest

from pupila.statistics.metrics import multilabel
from pupila.statistics.metrics.classify import OVERALL, PER_CLASS
from pupila.statistics.metrics.overlap import FIGURES
from pupila.statistics.metrics.segment import METRICS, headline_metric, selection_metric
from pupila.statistics.metrics.titles import TITLES, full_title, metric_title, objective_title, sentence_title
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES

IN_FILES = [
    *OVERALL, *PER_CLASS, *multilabel.OVERALL, *multilabel.PER_CLASS, *METRICS, *FIGURES, "pixel_accuracy",
    *(f"{aggregation}_{name}" for aggregation in ("mean", "pooled") for name in FIGURES),
    *(f"mean_{name}_{strategy.name}" for name in ("iou", "dice") for strategy in PROMPT_STRATEGIES),
    *(metric(classes) for metric in (selection_metric, headline_metric) for classes in (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("metric", sorted(set(IN_FILES)))
def test_a_metric_in_files_has_a_title(metric: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", metric)
    assert metric_title(metric) == TITLES[metric]


def test_no_title_is_left_over() -> None:
    assert set(TITLES) == set(IN_FILES)


def test_titles_in_sentences() -> None:
    assert sentence_title("mean_dice") == "Mean Dice"
    assert sentence_title("iou") == "IoU"
    assert objective_title("f1") == "F1"
    assert objective_title("mean_dice") == "mean Dice"
    assert objective_title("recall>=0.95") == "recall>=0.95"


@pytest.mark.parametrize(
    ("metric", "classes", "title"),
    [
        ("macro_f1", 2, "macro F1 (mean over classes)"),
        ("accuracy", 5, "accuracy"),
        ("pooled_iou", 2, "pooled IoU"),
        ("pooled_iou", 3, "pooled IoU (mean over classes)"),
        ("mean_dice", 3, "mean Dice (mean over the classes of an image)"),
        ("mean_iou", 0, "mean IoU"),  # of prompted masks
    ],
)
def test_a_mean_over_classes_is_called_so(metric: str, classes: int, title: str) -> None:
    assert full_title(metric, classes) == title
