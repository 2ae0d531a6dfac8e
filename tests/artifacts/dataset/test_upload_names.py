"""Names that Label Studio gives to uploads, as a real one has given them, and which file they mean."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.formats.upload_names import UploadNames
from tests.artifacts.dataset import annotation_writers as write
from tests.artifacts.dataset.test_annotation_tools import SCENE, photos

# A file's own name, and what Label Studio 1.23.2 called its upload, behind the prefix.
STORED = {
    "my photo (1).jpg": "my_photo_1.jpg", "naño.jpg": "naño.jpg", "nan\u0303a.jpg": "nana.jpg", "100%.jpg": "100.jpg",
    "a#b.jpg": "ab.jpg", "what?.jpg": "what.jpg", "[x]{y}.jpg": "xy.jpg", "cat\U0001f600.jpg": "cat.jpg",
    " lead.jpg": "_lead.jpg", "d&amp;e.jpg": "de.jpg", "a,b;c.jpg": "abc.jpg", "two..dots.jpg": "two..dots.jpg",
    "UPPER.JPG": "UPPER.JPG", "日本.jpg": "日本.jpg", "a.b.c.jpg": "a.b.c.jpg",
}  # fmt: skip


@pytest.mark.parametrize(("own", "stored"), STORED.items())
def test_an_upload_is_found_by_what_is_left_of_its_name(own: str, stored: str) -> None:
    uploads = UploadNames([f"images/{name}" for name in STORED])
    assert uploads.find(f"/data/upload/3/25ee2c1b-{stored}") == [f"images/{own}"]
    assert uploads.find(stored) == []  # no name of an upload


def test_escapes_and_underscores_are_read() -> None:
    uploads = UploadNames(["naño.jpg", "my photo (1).jpg"])
    assert uploads.find("25ee2c1b-na%C3%B1o.jpg") == ["naño.jpg"]
    assert uploads.find("25ee2c1b-my_photo__1_.jpg") == ["my photo (1).jpg"]
    assert uploads.find("25ee2c1b-na_o.jpg") == ["naño.jpg"]


def test_a_name_that_was_cut_is_found_by_its_start_and_ending() -> None:
    long = "x" * 120 + ".jpg"
    stored = "8a32e298-" + "x" * 70 + "_B7JVatZ.jpg"  # of project 1, a path of 100 characters in all
    assert len(f"upload/1/{stored}") == 100
    assert UploadNames([long, "x" * 60 + ".jpg"]).find(stored) == [long]
    assert UploadNames([long, "x" * 90 + "é.jpg", "x" * 119 + ".png"]).find(stored) == [
        long,
        "x" * 90 + "é.jpg",
    ]
    assert (
        UploadNames([long]).find("8a32e298-" + "x" * 20 + "_B7JVatZ.jpg") == []
    )  # too short to have been cut


def test_files_that_share_an_upload_name_are_listed_and_not_guessed(tmp_path: Path) -> None:
    photos(tmp_path, "a b.jpg", "a_b.jpg", "c (1).jpg", "d/1.jpg", "e/1.jpg")
    polygons = SCENE["1.jpg"]
    names = ["0a1b2c3d-a_b.jpg", "1a1b2c3d-c_1.jpg", "2a1b2c3d-1.jpg"]
    write.write_json(tmp_path / "x.json", [
        {"id": n, "data": {"image": f"/data/upload/7/{name}"},
         "annotations": [{"result": [write.studio_result(*shape) for shape in polygons]}]}
        for n, name in enumerate(names)
    ])  # fmt: skip
    data = pupila.open(tmp_path)
    assert data.images.filter(data.images["target"].is_not_null())["image"].to_list() == ["c (1).jpg"]
    lost = data.skipped.filter(data.skipped["code"] == "row-without-image").select("subject", "reason").rows()
    assert lost == [("0a1b2c3d-a_b.jpg", "several files fit: a b.jpg, a_b.jpg"),
                    ("2a1b2c3d-1.jpg", "several files fit: d/1.jpg, e/1.jpg")]  # fmt: skip
    assert "1 image was found by the name that Label Studio gave to its upload: c (1).jpg" in str(data)


def test_a_file_of_that_very_name_counts(tmp_path: Path) -> None:
    photos(tmp_path, "0a1b2c3d-1.jpg", "1.jpg")
    write.label_studio(tmp_path, {"1.jpg": SCENE["1.jpg"]})
    data = pupila.open(tmp_path)
    assert data.images.filter(data.images["target"].is_not_null())["image"].to_list() == ["0a1b2c3d-1.jpg"]


def test_label_files_of_yolo_are_matched_by_the_names_of_uploads(tmp_path: Path) -> None:
    photos(tmp_path / "images", "my photo (1).jpg", "naño.jpg", "a#b.jpg", "a+b.jpg")
    (tmp_path / "labels").mkdir()
    for stem in ("e458ff76-my_photo_1", "e73f022a-na%C3%B1o", "b7ac8852-ab"):
        (tmp_path / "labels" / f"{stem}.txt").write_text("1 0.1 0.1 0.7 0.2 0.9 0.6 0.6 0.8 0.2 0.6\n")
    (tmp_path / "classes.txt").write_text("road\nwater\n")
    data = pupila.open(tmp_path)
    targets = dict(data.images.select("image", "target").rows())
    assert targets["images/my photo (1).jpg"] == "labels/e458ff76-my_photo_1.txt"
    assert targets["images/naño.jpg"] == "labels/e73f022a-na%C3%B1o.txt"
    assert targets["images/a#b.jpg"] is None and targets["images/a+b.jpg"] is None  # no background
    assert (
        "labels/b7ac8852-ab.txt",
        "row-without-image",
        "several files fit: images/a#b.jpg, images/a+b.jpg",
    ) in (data.skipped.rows())
    assert "2 label files were matched by the names that Label Studio gave to their images" in str(data)
