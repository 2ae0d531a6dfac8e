"""Metrics by slice: how a column is cut, what is tested, and what the sentences say."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.report.evaluation.slices import SliceReport
from pupila.cli.run import run as command
from pupila.core.errors import PupilaError
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.slices.columns import Cells, Part, cut
from pupila.stages.evaluate.slices.page import sections, sentences, slice_title
from pupila.stages.evaluate.slices.report import report_slices
from tests.pictures import write_classes
from tests.stages.evaluate.reports import assert_valid


def sizes(parts: list[Part]) -> list[int]:
    return [int(part.inside.sum()) for part in parts]


def test_more_than_six_numbers_are_cut_into_thirds() -> None:
    parts, thirds = cut([float(n) for n in range(1, 10)], "light")
    assert thirds and [(part.low, part.high) for part in parts] == [(None, 3.0), (3.0, 6.0), (6.0, None)]
    assert sizes(parts) == [3, 3, 3]


@pytest.mark.parametrize(
    "cells",
    [[0.0] * 20 + [*map(float, range(1, 9))], [*map(float, range(1, 9))] + [9.0] * 20, [*"12121212", *"3456789"]],
    ids=["most-lowest", "most-highest", "texts"],
)  # fmt: skip
def test_equal_numbers_stay_together_and_every_image_is_in_one_part(cells: Sequence[object]) -> None:
    parts, thirds = cut(cells, "light")
    assert thirds and np.sum([part.inside for part in parts], axis=0).tolist() == [1] * len(cells)
    values = np.array([float(str(cell)) for cell in cells])
    for part in parts:
        assert set(values[part.inside]).isdisjoint(values[~part.inside])
        assert part.inside.any()


def test_few_numbers_are_codes_and_texts_are_values() -> None:
    parts, thirds = cut([3, 1, 2, 1, None, float("nan"), " "], "camera")
    assert not thirds and [part.value for part in parts] == ["1", "2", "3", None]
    assert sizes(parts) == [2, 1, 1, 3]
    assert [part.value for part in cut(["b", "a", "b"], "shop")[0]] == ["a", "b"]


def test_a_column_without_a_value_is_refused() -> None:
    with pytest.raises(PupilaError, match="--by shop: none of the evaluated images has a value"):
        cut([None, ""], "shop")


def report(cameras: Sequence[object], wrong: Sequence[bool], groups: Sequence[int]) -> list[SliceReport]:
    scores = 1 - np.array(wrong, dtype=float)
    rows = list(range(len(scores)))
    columns: dict[str, Cells | None] = {"camera": cameras}
    return report_slices(ImageScores("images", rows, np.array(groups), {"accuracy": scores}), columns)


def test_the_bad_camera_is_significantly_worse_and_a_small_one_is_not_tested() -> None:
    cameras = ["north"] * 40 + ["south"] * 40 + ["west"] * 40 + ["phone"] * 4
    wrong = [False] * 38 + [True] * 2 + [True] * 24 + [False] * 16 + [False] * 39 + [True] + [True] * 4
    (by_camera,) = report(cameras, wrong, range(124))
    rows = {row.value: row for row in by_camera.slices}
    assert {name: row.verdict for name, row in rows.items()} == {
        "north": "better", "phone": None, "south": "worse", "west": "better",
    }  # fmt: skip
    south, phone = rows["south"], rows["phone"]
    assert south.difference is not None and south.p_value is not None
    # 16 of 40 against 77 of 84
    assert [south.difference.first, south.difference.other] == pytest.approx([0.4, 77 / 84])
    assert south.p_holm == 3 * south.p_value < 0.001 and by_camera.tests == 3
    assert (phone.p_value, phone.estimate.low, phone.estimate.value) == (None, None, 0.0)
    (text,) = sentences([by_camera])
    assert text == (
        "By camera (slices with a test), accuracy is lowest for 'south': 0.400 (95 % CI 0.263 to 0.554; 40 images in "
        "40 groups), significantly lower than 0.917 elsewhere (sign-flip test over groups, Holm-corrected for 3 tests, "
        "p < 0.001). Too few groups for a test (fewer than 10): 'phone'. Lower, but in too few groups: 'phone' with "
        "0.000 (4 images in 4 groups)."
    )
    (section,) = sections([by_camera])
    assert [row[0] for row in section.tables[0].rows] == ["phone", "south", "north", "west"]
    assert section.tables[0].rows[0][-2:] == ["too few groups", ""]


def test_of_two_slices_there_is_one_test() -> None:
    wrong = [True] * 10 + [False] * 10 + [False] * 19 + [True]
    (by_camera,) = report(["a"] * 20 + ["b"] * 20, wrong, range(40))
    first, second = by_camera.slices
    assert by_camera.tests == 1
    assert first.p_value == first.p_holm == second.p_holm
    assert (first.verdict, second.verdict) == ("worse", "better")


def test_images_of_few_groups_are_described_and_not_tested() -> None:
    (by_camera,) = report(["a"] * 20 + ["b"] * 20, [True] * 20 + [False] * 20, [n // 4 for n in range(40)])
    assert [row.verdict for row in by_camera.slices] == [None, None] and by_camera.tests == 0
    assert sentences([by_camera]) == [
        "By camera, accuracy is lowest for 'a': 0.000 (20 images in 5 groups) against 1.000 elsewhere. Too few groups "
        "for a test in every slice: one needs 10 in it and 10 outside."
    ]


def test_one_value_leaves_nothing_to_compare() -> None:
    (by_camera,) = report(["a"] * 20, [False] * 20, range(20))
    assert by_camera.slices[0].difference is None
    assert sentences([by_camera]) == ["By camera: all images are 'a', so there is nothing to compare."]
    assert len(sections([by_camera])) == 1


def test_images_that_do_not_count_are_in_no_slice() -> None:
    scores = np.array([0.5, np.nan, 1.0, np.nan])
    (by_size,) = report_slices(
        ImageScores(
            "masks", [0, 0, 1, 2], np.arange(4), {"mean_iou_box": scores}, np.array([0.1, 0.2, 0.1, 0.9])
        ),
        {"size": None},
    )
    assert [(row.value, row.n) for row in by_size.slices] == [("0.1", 2)]


def test_sizes_need_masks() -> None:
    with pytest.raises(PupilaError, match="--by size needs masks"):
        report_slices(ImageScores("images", [0], np.zeros(1), {"accuracy": np.ones(1)}), {"size": None})


def test_thirds_are_named_by_their_ends() -> None:
    cells = [0.0004 * n for n in range(1, 31)]
    scores = ImageScores(
        "masks", list(range(30)), np.arange(30), {"mean_iou_box": np.ones(30)}, np.array(cells)
    )
    (by_size,) = report_slices(scores, {"size": None})
    assert [slice_title(row, "size") for row in by_size.slices] == [
        "up to 0.40 %", "0.40 % to 0.80 %", "above 0.80 %",
    ]  # fmt: skip
    assert "cut into thirds" in sections([by_size])[0].sentences[0]
    assert "10 masks in 10 groups" in sentences([by_size])[0]


def write_cameras(folder: Path) -> Path:
    """180 photos in a table, a third of them of each camera."""
    write_classes(folder, {"cat": 90, "dog": 90})
    cameras = ["north", "south", "west"]
    rows = [f"{name}/{n:03d}.jpg,{name},{cameras[n % 3]}" for name in ("cat", "dog") for n in range(90)]
    (folder / "labels.csv").write_text("\n".join(["image,label,camera", *rows]) + "\n")
    return folder / "labels.csv"


def test_a_table_with_a_bad_camera_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pupila.open(write_cameras(tmp_path / "data"))
    pupila.split(data, val=0.1, test=0.5)
    predictions = tmp_path / "theirs.csv"
    rows = [
        (image, "dog" if camera == "south" and n % 4 else target)
        for n, (image, target, camera) in enumerate(
            data.images.select("image", "target", "camera_").iter_rows()
        )
    ]
    predictions.write_text("\n".join(["image,prediction", *map(",".join, rows)]) + "\n")
    output = pupila.evaluate(
        predictions, data, by=["camera", "brightness", r"(\d)\.jpg"], out=tmp_path / "out"
    )
    by_camera, by_light, by_name = output.evaluation.slices
    assert (by_camera.by, by_camera.metric, by_light.thirds) == ("camera", "accuracy", True)
    assert {row.value: row.verdict for row in by_camera.slices}["south"] == "worse"
    assert (
        sum(row.n for row in by_light.slices)
        == sum(row.n for row in by_name.slices)
        == output.evaluation.models[0].n
    )
    assert_valid(Path(output.report_json), output.evaluation)
    page = html.unescape(Path(output.report).read_text())
    assert "Without probabilities, errors have no order." in page and "No errors to show." not in page
    assert "Accuracy by camera" in page and "Accuracy by brightness (thirds)" in page
    assert command(["evaluate", str(predictions), str(data.source), "--by", "camera", "--by", "width"]) == 0
    text = capsys.readouterr().out
    assert "By camera, accuracy is lowest for 'south'" in text and "By width: all images are '96'" in text
    with pytest.raises(PupilaError, match=r"(?s)no column 'kamera'.*--by camera"):
        pupila.evaluate(predictions, data, by="kamera")
