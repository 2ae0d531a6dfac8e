"""The fingerprint against a second count, and the page of data sets of every kind."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import pupila
from pupila.artifacts.report.fingerprint import ClassFacts, DuplicateCounts, Fingerprint
from tests.pictures import write_classes, write_photo


def opened_page(path: str) -> str:
    page = Path(path).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert page.count("<script") == page.count("<script>\n(function (map) {") <= 1  # that of the map
    assert "<link" not in page
    return page


def test_the_fingerprint_counts_what_is_there(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", {"cat": 12, "dog": 30})
    write_photo(tmp_path / "data/dog/wide.png", 5, 300, 100)
    (tmp_path / "data/dog/copy.jpg").write_bytes((tmp_path / "data/dog/000.jpg").read_bytes())
    (tmp_path / "data/dog/cut.jpg").write_bytes(b"")
    fingerprint = pupila.explore(tmp_path / "data", out=tmp_path / "out").fingerprint
    sizes: Counter[tuple[int, int]] = Counter()
    for path in (tmp_path / "data").glob("*/*"):
        if path.stat().st_size:
            with Image.open(path) as picture:
                sizes[picture.size] += 1
    assert fingerprint.schema_version == 3
    assert fingerprint.images == 44
    assert fingerprint.skipped == 1
    assert [((size.width, size.height), size.images) for size in fingerprint.sizes] == sizes.most_common()
    assert fingerprint.classes["dog"] == ClassFacts(images=32, share=32 / 44, groups=31)
    assert list(fingerprint.classes) == ["dog", "cat"]
    assert fingerprint.formats == {"JPEG": 43, "PNG": 1}
    assert (fingerprint.width.max, fingerprint.aspect.max, fingerprint.height.max) == (
        300,
        3,
        100,
    )
    assert sum(fingerprint.brightness.counts) == sum(fingerprint.aspect_histogram.counts) == 44
    assert fingerprint.duplicates == DuplicateCounts(exact=1, near=0, mirrored=0)
    assert Fingerprint.model_validate_json((tmp_path / "out/fingerprint.json").read_text()) == fingerprint


def test_the_split_is_shown_only_where_it_was_made_from_these_data(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 20, "dog": 20})
    splits = pupila.split(tmp_path)
    first = pupila.explore(tmp_path)
    assert first.fingerprint.splits is not None
    assert first.fingerprint.splits.hash == splits.hash
    assert "Comparison of splits" in opened_page(first.page)
    write_photo(tmp_path / "cat/new.jpg", 99)
    again = pupila.explore(tmp_path)
    assert again.fingerprint.splits is None
    assert "not split yet" in opened_page(again.page)


@pytest.mark.parametrize("counts", [{"only": 11}, {f"class {n:02d}": 1 for n in range(60)}])
def test_one_class_and_sixty_make_a_page(tmp_path: Path, counts: dict[str, int]) -> None:
    data = pupila.open(write_classes(tmp_path, counts), layout="folders")
    page = opened_page(pupila.explore(data).page)
    assert next(iter(counts)) in page
    assert ("36 more classes are not shown" in page) == (len(counts) == 60)


def test_images_without_labels_make_a_page(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    assert "No image has a label yet" in opened_page(pupila.explore(tmp_path).page)


def test_class_names_are_shown_as_text(tmp_path: Path) -> None:
    odd = {"<b>bold</b>": 11, "$x^2$ & more": 12}
    for name, count in odd.items():
        for number in range(count):
            write_photo(tmp_path / f"photos/{len(name)}_{number}.jpg", 100 * len(name) + number)
    rows = [f'photos/{len(n)}_{i}.jpg,"{n}"' for n, c in odd.items() for i in range(c)]
    (tmp_path / "t.csv").write_text("\n".join(["image,label", *rows]))
    page = opened_page(pupila.explore(tmp_path / "t.csv").page)
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "$x^2$ &amp; more" in page


def test_the_same_data_give_the_same_page_byte_by_byte(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", {"cat": 5, "dog": 6})
    pages = [pupila.explore(tmp_path / "data", out=tmp_path / name).page for name in ("one", "two")]
    first, second = (hashlib.sha256(Path(page).read_bytes()).hexdigest() for page in pages)
    assert first == second


def test_conclusions_come_before_charts_and_charts_before_tables(tmp_path: Path) -> None:
    page = opened_page(pupila.explore(write_classes(tmp_path, {"cat": 12, "dog": 60})).page)
    places = [page.index(part) for part in ("5.0 : 1", "<svg", "<table")]
    assert places == sorted(places)


def test_a_group_of_duplicates_says_its_kinds_and_how_many_are_shown(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", {"cat": 12, "dog": 12})
    first = data / "cat/000.jpg"
    for n in range(4):
        (data / f"cat/copy{n}.jpg").write_bytes(first.read_bytes())
    second = data / "dog/000.jpg"
    (data / "dog/copy.jpg").write_bytes(second.read_bytes())
    page = opened_page(pupila.explore(data).page)
    assert "4 of 5 images shown: exact duplicates, similarity 1.00 or higher" in page
    assert "2 images: exact duplicates, similarity 1.00 or higher" in page


def test_the_page_of_brain_mri_reports_its_duplicates(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    explored = pupila.explore(real_data("brain_mri"), out=tmp_path)
    assert explored.fingerprint.duplicates.exact == 25
    assert "25 exact" in opened_page(explored.page)
