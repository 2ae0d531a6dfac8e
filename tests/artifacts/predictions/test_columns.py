"""The columns of tables of predictions: what one stage writes, another one reads."""

from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.catalogue import PREDICTION_COLUMNS
from pupila.artifacts.predictions.segment import ClassRegions, MaskRow
from pupila.artifacts.predictions.table import read_prediction_table
from pupila.core.errors import PupilaError
from pupila.tasks import TASKS
from tests.pictures import write_classes

CLASSES = ["cat", "dog"]


def test_every_task_has_its_columns() -> None:
    assert PREDICTION_COLUMNS.keys() == TASKS.keys()


@pytest.mark.parametrize("task", sorted(PREDICTION_COLUMNS))
def test_what_is_written_can_be_read_and_names_no_column_twice(task: str) -> None:
    columns = PREDICTION_COLUMNS[task]
    written = columns.written(CLASSES)
    assert written[0] == "image"
    assert len(set(written)) == len(written)
    assert set(columns.readable(written, CLASSES)) <= set(written)
    assert columns.readable(written, CLASSES)
    assert columns.readable(["image", "error"], CLASSES) == []
    assert "image" in columns.expected()


def test_the_columns_of_two_classes_are_these() -> None:
    classify, segment, prompt = (PREDICTION_COLUMNS[name] for name in ("classify", "segment", "prompt"))
    assert classify.written(CLASSES)[1:] == [
        "prediction",
        "confidence",
        "abstained",
        "error",
        "p:cat",
        "p:dog",
    ]
    assert classify.out_of_fold(CLASSES) == ["prediction", "logit:cat", "logit:dog"]
    assert classify.readable(["p:dog", "p:cat"], CLASSES) == ["p:cat", "p:dog"]
    assert classify.readable(["p:cat"], CLASSES) == []
    assert segment.written(CLASSES)[7:12] == [
        "share:cat",
        "regions:cat",
        "pixels:cat",
        "mean:cat",
        "largest:cat",
    ]
    assert segment.out_of_fold(CLASSES) == ["mask"]
    assert prompt.out_of_fold(CLASSES) == ["iou:points", "iou:box"]
    multilabel = PREDICTION_COLUMNS["multilabel"]
    assert multilabel.written(CLASSES)[1:] == ["labels", *classify.written(CLASSES)[2:]]
    assert multilabel.out_of_fold(CLASSES) == ["labels", "logit:cat", "logit:dog"]
    assert multilabel.readable(["labels", "p:cat"], CLASSES) == ["labels", "p:cat"]
    assert multilabel.readable(["p:cat"], CLASSES) == []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), dict.fromkeys(CLASSES, 2)))


def read(tmp_path: Path, data: Dataset, rows: list[int], **columns: list[str]) -> list[str]:
    path = tmp_path / "hosted.csv"
    pl.DataFrame(columns).write_csv(path)
    table = read_prediction_table(str(path), data, rows, PREDICTION_COLUMNS["classify"])
    return table["prediction"].to_list()


def test_rows_are_matched_by_path_by_its_end_or_by_hash(tmp_path: Path, data: Dataset) -> None:
    images, digests = data.images["image"].to_list(), data.images["sha256"].to_list()
    named = ["a", "b", "c", "d"]
    assert read(tmp_path, data, [2, 0], image=images, prediction=named) == ["c", "a"]
    ends = [f"C:\\photos\\{image}" for image in images]
    assert read(tmp_path, data, [3], file_name=ends, prediction=named) == ["d"]
    assert read(tmp_path, data, [1], sha256=[digest.upper() for digest in digests], prediction=named) == ["b"]


def test_a_table_that_lacks_or_contradicts_is_refused(tmp_path: Path, data: Dataset) -> None:
    images = data.images["image"].to_list()
    with pytest.raises(PupilaError, match="is not a table of predictions"):
        read(tmp_path, data, [0], image=images, class_name=images)
    with pytest.raises(PupilaError, match="1 of 2 images has no prediction"):
        read(tmp_path, data, [0, 1], image=images[:1], prediction=["cat"])
    with pytest.raises(PupilaError, match="different predictions for the same image"):
        read(tmp_path, data, [0], image=[images[0]] * 2, prediction=CLASSES)


def test_a_row_is_a_line_of_json_without_what_it_lacks() -> None:
    regions = ClassRegions(share=0.5, regions=1, pixels=8, mean=8.0, largest=8)
    row = MaskRow(
        image="\u00e9.jpg", width=4, height=4, confidence=0.9, abstained=False, classes={"sea": regions}
    )
    assert row.json_line() == (
        '{"image": "\u00e9.jpg", "width": 4, "height": 4, "confidence": 0.9, "abstained": false, "classes": '
        '{"sea": {"share": 0.5, "regions": 1, "pixels": 8, "mean": 8.0, "largest": 8}}}'
    )
