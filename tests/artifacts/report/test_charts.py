"""Charts and images: numbers on them, names that are not read as formulas, and a note for a missing image."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from pupila.artifacts.report import charts
from pupila.artifacts.report.figure import shorten
from pupila.artifacts.report.gallery import SIDE, load_image
from pupila.artifacts.report.page import Page, Section, Table, render
from pupila.statistics.estimate import Estimate
from tests.pictures import photo, write_photo


@pytest.mark.parametrize(
    "drawn",
    [
        charts.bars("A <title>", {"a": 3.0, "b": 0.0}),
        charts.bars("A <title>", {}),
        charts.pie("A <title>", {"a": 3.0, "b": 1.0}),
        charts.grouped_bars("A <title>", {"train": {"a": 60.0}, "test": {"a": 40.0, "b": 60.0}}),
        charts.histogram("A <title>", [0.0, 1.0, 2.0], [3, 4], "pixels"),
        charts.histograms("A <title>", [0.0, 1.0, 2.0], {"first": [3, 4], "other": [0, 7]}, "IoU"),
        charts.scatter("A <title>", [(1, 2, 3)], ("x", "y")),
        charts.lines("A <title>", {"a": [(1, 2), (2, 3)], "b": [(1, 1)]}, ("x", "y")),
    ],
    ids=["bars", "no bars", "pie", "grouped bars", "histogram", "histograms", "scatter", "lines"],
)
def test_a_chart_is_one_svg_that_a_screen_reader_can_name(drawn: str) -> None:
    assert drawn.startswith('<svg role="img" aria-label="A &lt;title&gt;"')
    assert drawn.count("<svg") == 1
    assert "<metadata>" not in drawn


def test_the_same_numbers_give_the_same_svg() -> None:
    assert charts.bars("t", {"a": 1.0}) == charts.bars("t", {"a": 1.0})


def test_long_names_are_cut_in_the_middle_and_dollars_are_no_formulas() -> None:
    assert shorten("abcdefghij", 7) == "abc…hij"
    assert shorten("short") == "short"
    assert shorten("a $5 $6") == r"a \$5 \$6"


def test_a_photo_is_small_upright_and_embedded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(1, 900, 300)).save(tmp_path / "a.jpg", exif=exif)
    shown = load_image(str(tmp_path / "a.jpg"), "a.jpg")
    head, _, body = shown.source.partition(",")
    assert head == "data:image/jpeg;base64"
    width, height = Image.open(io.BytesIO(base64.b64decode(body))).size
    assert (round(SIDE / 3), SIDE) == (width, height)


def test_a_photo_that_is_gone_leaves_a_note(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", 1)
    path.unlink()
    assert "No such file" in load_image(str(path), "a.jpg").caption


def test_a_page_escapes_everything_that_it_is_given() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    page = render(Page(nasty, [nasty], [Section(nasty, [nasty], tables=[Table([nasty], [[nasty]])])], nasty))
    assert "<img" not in page
    assert page.count("&lt;img src=x") >= 6


def test_a_long_title_is_wrapped_and_not_cut() -> None:
    title = "Mean Dice by size of the object (share of the labelled pixels) (95 % CI)"
    drawn = charts.intervals(title, {"above 49.4 % (n = 14)": Estimate(value=0.86, low=0.7, high=0.9)})
    written = [
        line for line in re.findall(r"<!-- (.*?) -->", drawn) if line in title
    ]  # texts, above their paths
    assert len(written) == 2 and " ".join(written) == title
