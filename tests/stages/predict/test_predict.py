"""`pupila predict`: files, folders and patterns in; text, JSON lines or a table out; bad files told one by one."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.cli.run import run
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.stages.predict.inputs import SkippedFiles, count_images, find_images
from tests.colours import plain, write_colours
from tests.pictures import encoded

RED, BLUE = encoded(plain(255, 0, 0)), encoded(plain(0, 0, 255))


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return write_colours(tmp_path / "bundle").folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.png").write_bytes(RED)
    (folder / "b.jpg").write_bytes(b"")
    (folder / "deeper/c.png").write_bytes(BLUE)
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_is_predicted_with_all_its_subfolders(
    bundle: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", bundle, str(photos)]) == 0
    row = capsys.readouterr()
    assert row.out.splitlines() == [
        f"{photos}/a.png: red (57.6 %)",
        f"{photos}/b.jpg: the file has no bytes",
        f"{photos}/deeper/c.png: blue (57.6 %)",
    ]
    assert "1 image could not be predicted." in row.err


def test_files_folders_and_patterns_come_in_the_order_given(photos: Path) -> None:
    expected = [f"{photos}/deeper/c.png", f"{photos}/a.png", f"{photos}/a.png"]
    assert list(find_images([f"{photos}/deeper", f"{photos}/*.png", f"{photos}/a.png"])) == expected
    assert count_images([f"{photos}/**/*.png"]) == 2


def test_json_lines_for_machines(bundle: str, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", bundle, str(photos), "--json"]) == 0
    first, second, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["prediction"], first["abstained"], set(first["probabilities"])) == (
        "red",
        False,
        {"red", "green", "blue"},
    )
    assert first["confidence"] == pytest.approx(0.576117, abs=1e-6)
    assert second["error"] == {"code": "empty-file", "reason": "the file has no bytes"}


def test_a_table_gets_its_name_only_when_it_is_complete(
    bundle: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "new/predictions.csv"
    assert run(["predict", bundle, str(photos), "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "2 predictions written to" in printed
    assert "Images of each predicted class: red 1, blue 1." in printed
    frame = pl.read_csv(table)
    assert frame["prediction"].to_list() == ["red", None, "blue"]
    assert frame.columns[:2] == ["image", "prediction"]
    assert frame["p:red"].to_list()[0] == pytest.approx(0.576117, abs=1e-6)
    assert [path.name for path in table.parent.iterdir()] == ["predictions.csv"]


def test_nothing_that_can_be_read_leaves_with_2(bundle: str, photos: Path) -> None:
    assert run(["predict", bundle, str(photos / "b.jpg")]) == 2


@pytest.mark.parametrize(
    ("path", "says"),
    [("none.jpg", "No such image"), ("photos/*.tif", "No such image"), ("empty", "No images found")],
)
def test_what_names_nothing_is_refused(photos: Path, path: str, says: str) -> None:
    (photos.parent / "empty").mkdir()
    with pytest.raises(PupilaError, match=says):
        count_images([str(photos.parent / path)])


def test_no_bundle_is_one_message(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(photos), str(photos)]) == 2
    assert "error: No bundle in" in capsys.readouterr().err


def test_the_process_holds_no_torch_and_no_tables(bundle: str, photos: Path) -> None:
    heavy = "{'torch', 'timm', 'polars', 'scipy', 'sklearn', 'fastapi'}"
    code = f"import sys; from pupila.cli.run import run; run(sys.argv[1:]); print({heavy} & set(sys.modules))"
    command = [sys.executable, "-c", code, "predict", bundle, str(photos)]
    row = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert row.splitlines()[-1] == "set()"


def test_every_file_of_a_folder_has_a_row_or_is_counted(
    bundle: str, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
    unread = {"p.HEIC": heic, "as_jpeg.jpg": heic, "x.psd": b"8BPS\0\1", "d.svg": b"<svg/>",
              "scan": b"\0" * 128 + b"DICM",
              "cut.ppm": b"P6 4 4 255\nabc", "bad.jp2": b"\0\0\0\x0cjP  \r\n\x87\n", "l.jxl": b"\xff\x0a"}  # fmt: skip
    for name, data in {
        **unread,
        "noext": RED,
        "a.zip": b"PK\3\4",
        ".DS_Store": b"x",
        "m.pdf": b"%PDF",
    }.items():
        (photos / name).write_bytes(data)
    run(["predict", bundle, str(photos), "--csv", str(photos.parent / "t.csv")])
    with (photos.parent / "t.csv").open(newline="") as stream:
        rows = {Path(row["image"]).name: row["error"] for row in csv.DictReader(stream)}
    assert {name for name, error in rows.items() if not error} == {"a.png", "c.png", "noext"}
    assert {name for name, error in rows.items() if error} == {*unread, "b.jpg"}
    assert "pupila[heif]" in rows["p.HEIC"] == rows["as_jpeg.jpg"]
    assert "3 files that are not images were skipped" in (error := capsys.readouterr().err)
    assert all(part in error for part in (".zip (1)", ".txt (1)", ".pdf (1)", "1 hidden file", "9 images"))
    predictions = pupila.predict(bundle, photos)
    assert [each.image for each in predictions.failed] == sorted(
        str(photos / name) for name in {*unread, "b.jpg"}
    )
    assert "3 files that are not images" in predictions.summary().headline


def test_a_folder_without_images_says_what_it_holds(photos: Path) -> None:
    skipped = SkippedFiles()
    assert len(list(find_images([str(photos)], skipped))) == 3
    assert (skipped.others, skipped.hidden) == ({".txt": 1}, 0)
    (photos / "only").mkdir()
    (photos / "only/a.txt").write_text("words")
    with pytest.raises(PupilaError, match=r"1 file that is not an image was skipped: \.txt \(1\)"):
        count_images([str(photos / "only")])


def test_files_of_text_are_skipped_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "labels.csv").write_text("image,label")
    (tmp_path / "a.jpg").write_bytes(b"")
    monkeypatch.setattr(files, "read_start", None)  # a request each in a store
    skipped = SkippedFiles()
    assert list(find_images([str(tmp_path)], skipped)) == [f"{tmp_path}/a.jpg"]
    assert skipped.others == {".txt": 1, ".csv": 1}
