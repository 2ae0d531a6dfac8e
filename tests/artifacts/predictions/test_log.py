"""The log of predictions: whole files in order, damage counted, and one image for each group."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.artifacts.predictions.groups import WINDOW, GroupPicker
from pupila.artifacts.predictions.log import LogReading, PredictionRecord, observe_records, read_predictions
from pupila.core.errors import PupilaError

MakeRecord = Callable[..., PredictionRecord]


def record(image: str = "a", **changes: Any) -> PredictionRecord:
    fields: dict[str, Any] = {
        "time": "2026-11-30T10:00:00.000+00:00", "request_id": "r", "item": 0, "model_version": "m", "image": image,
        "width": 8, "height": 6, "predicted": ["red"], "outputs": {"red": 0.75, "green": 0.25}, "confidence": 0.75,
        "abstained": False, "brightness": 0.5, "sharpness": 0.1, "embedding": [1.0, -2.0], "seconds": 0.01,
    }  # fmt: skip
    return PredictionRecord(**{**fields, **changes})


def line(image: str, **changes: Any) -> str:
    return record(image, **changes).model_dump_json() + "\n"


def test_rotated_files_are_read_oldest_first(tmp_path: Path) -> None:
    names = ["predictions.jsonl.2", "predictions.jsonl.1", "predictions.jsonl"]
    for number, name in enumerate(names):
        Path(tmp_path, name).write_text(line(f"{number}a") + line(f"{number}b"))
    images = ["0a", "0b", "1a", "1b", "2a", "2b"]
    assert [own.image for own in read_predictions(tmp_path)] == images
    assert [own.image for own in read_predictions(tmp_path / "predictions.jsonl")] == images


def test_damaged_and_dropped_lines_are_counted(tmp_path: Path) -> None:
    other = json.dumps({"image": "b"})
    content = line("a") + '{"dropped": 7}\n' + "no json\n" + other + "\n" + line("c") + line("d")[:-20]
    Path(tmp_path, "predictions.jsonl").write_text(content)
    reading = LogReading()
    assert [own.image for own in read_predictions(tmp_path, reading)] == ["a", "c"]
    assert (reading.lines, reading.damaged, reading.dropped) == (5, 2, 7)  # the last line is being written


@pytest.mark.parametrize("length", [2_000_000, 5_000_000])
def test_a_line_that_is_too_long_hides_no_other(length: int, tmp_path: Path) -> None:
    long = "x" * (length - 1)
    Path(tmp_path, "predictions.jsonl").write_text(line("a") + long + "x\n" + line("b") + long)
    reading = LogReading()
    assert [own.image for own in read_predictions(tmp_path, reading)] == ["a", "b"]
    assert reading.damaged == 1 + (length > 2_000_000)  # the last line is being written where it is shorter


def test_what_is_written_while_it_is_read_comes_the_next_time(tmp_path: Path) -> None:
    log = tmp_path / "predictions.jsonl"
    log.write_text(line("a") + line("b"))
    images = []
    for own in read_predictions(tmp_path):
        images.append(own.image)
        with log.open("a") as stream:
            stream.write(line("later"))
    assert images == ["a", "b"]


def test_a_file_that_is_rotated_while_it_is_read_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "predictions.jsonl"
    log.write_text(line("a") + line("b"))
    stream = read_predictions(tmp_path)
    assert next(stream).image == "a"
    log.rename(tmp_path / "predictions.jsonl.1")
    log.write_text(line("c"))
    assert [own.image for own in stream] == ["b"]


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)No log in .*--log-predictions"):
        list(read_predictions(tmp_path))


def test_observations_have_the_values_and_nan_for_unknown_ones() -> None:
    records = [record("a"), record("b", brightness=None, embedding=[], outputs={"green": 1.0})]
    observed = observe_records(records, ["red", "green"])
    assert observed.confidence.tolist() == [0.75, 0.75] and observed.sharpness.tolist() == [0.1, 0.1]
    np.testing.assert_array_equal(observed.brightness, [0.5, np.nan])
    np.testing.assert_array_equal(observed.embedding, [[1.0, -2.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(observed.outputs, [[0.75, 0.25], [np.nan, 1.0]])
    assert len(observe_records([], ["red"])) == 0


def pick(records: list[PredictionRecord]) -> tuple[list[str], GroupPicker]:
    picker = GroupPicker()
    picked = [own.image for each in records for own in picker.add(each)]
    return picked + [own.image for own in picker.finish()], picker


def test_the_image_with_the_least_hash_stands_for_its_group() -> None:
    records = [
        record("c", group="x"),
        record("e"),
        record("a", group="x"),
        record("b", group="x"),
        record("e"),
    ]
    picked, picker = pick(records)
    assert picked == ["e", "a"]
    assert (picker.images, picker.late, picker.repeated) == (5, 0, 1)  # the same file again is the same group


def test_a_group_is_closed_after_a_window_of_other_images() -> None:
    others = [record(f"o{number}") for number in range(WINDOW)]
    picked, picker = pick([record("b", group="x"), *others, record("a", group="x")])
    assert picked == [own.image for own in others[:-1]] + [others[-1].image, "b"]
    assert (picker.late, picker.repeated) == (1, 0)


def test_a_group_is_closed_by_an_image_an_hour_later() -> None:
    picker = GroupPicker()
    first, soon, later = (record(image, time=f"2026-11-30T{moment}+00:00", group=group) for image, moment, group in (
        ("b", "10:00:00", "x"), ("c", "10:59:59", ""), ("a", "11:00:00", "y")))  # fmt: skip
    assert [[own.image for own in picker.add(each)] for each in (first, soon, later)] == [[], ["c"], ["b"]]
    assert picker.open == 1


@given(st.lists(st.tuples(st.sampled_from(["", "x", "y", "z"]), st.integers(0, 9)), max_size=60))
def test_every_group_is_picked_once_by_its_least_image(images: list[tuple[str, int]]) -> None:
    picked, picker = pick([record(str(number), group=group) for group, number in images])
    named = {group: min(str(n) for g, n in images if g == group) for group, _ in images if group}
    single = {str(number) for group, number in images if not group}
    assert sorted(picked) == sorted([*named.values(), *single])
    assert picker.images == len(images)
    assert picker.late == 0 and picker.repeated == sum(not group for group, _ in images) - len(single)
