"""Data sets in a bucket: opened by one listing, and used by every stage from there."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset import labels
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.cli.run import run
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.pictures import encoded, photo, scene, write_classes
from tests.s3 import Server, emptied, no_fault, s3_server

ROOT = "s3://shop/pets"
TINY = {
    "model": "lenet",
    "weights": "none",
    "image_size": 32,
    "epochs": 1,
    "augment": "none",
    "precision": "float32",
}
MOST_QUESTIONS = 8  # that opening asks a store, besides one for each image


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as message:
        yield message


@pytest.fixture
def server(running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    return emptied(running)


def write_pets(count: int, seed: int = 0) -> None:
    for number in range(count):
        name, dark = ("cat", 1.0) if number % 2 else ("dog", 0.3)
        pixels = (photo(1000 * seed + number) * dark).astype(np.uint8)
        files.write_bytes(f"{ROOT}/{name}/{number:03d}.jpg", encoded(pixels, "JPEG", quality=92))


@pytest.mark.parametrize("home", ["photos", "notes"])
def test_a_folder_that_was_split_on_disk_is_the_same_in_a_store(
    home: str, server: Server, tmp_path: Path
) -> None:
    split = pupila.split(write_classes(tmp_path / "photos", {"cat": 6, "dog": 6}), out=tmp_path / home)
    for path in tmp_path.glob("*/**/*.*"):
        files.write_bytes(f"{ROOT}/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    stored = pupila.open(f"{ROOT}/{home}")
    assert stored.hash == pupila.open(tmp_path / home).hash and len(stored) == 12
    assert pupila.split(f"{ROOT}/{home}").hash == split.hash


def test_opening_lists_once_reads_each_image_once_and_again_none(server: Server) -> None:
    write_pets(20)
    server.requests.clear()
    data = pupila.open(ROOT)
    assert data.class_counts() == {"cat": 10, "dog": 10}
    assert len(server.requests) <= MOST_QUESTIONS + 20
    server.requests.clear()
    again = pupila.open(ROOT)
    assert again.hash == data.hash
    assert len(server.requests) <= MOST_QUESTIONS
    fresh = encoded(photo(77), "JPEG", quality=92)
    files.write_bytes(f"{ROOT}/cat/001.jpg", fresh)  # within the same second, as likely as not
    changed = pupila.open(ROOT).images.filter(image="cat/001.jpg")["sha256"].to_list()
    assert changed == [files.sha256(fresh)]


def test_a_table_names_hundreds_of_images_and_asks_for_them_at_once(server: Server) -> None:
    write_pets(12)
    rows = [f"{'cat' if n % 2 else 'dog'}/{n:03d}.jpg,{n % 3}" for n in range(12)]
    files.write_bytes(f"{ROOT}/labels.csv", "\n".join(["image,label", *rows, "gone.jpg,1"]).encode())
    server.requests.clear()
    data = pupila.open(f"{ROOT}/labels.csv")
    assert data.class_counts() == {"0": 4, "1": 4, "2": 4}
    assert data.skipped["subject"].to_list() == ["gone.jpg"]
    assert len(server.requests) <= MOST_QUESTIONS + 14
    home = data.save("s3://shop/elsewhere").rpartition("/")[0]
    server.requests.clear()
    assert pupila.open(home).class_counts() == data.class_counts()
    assert len(server.requests) <= 2 * MOST_QUESTIONS


@pytest.mark.parametrize("layout", ["masks", "coco", "yolo"])
def test_masks_in_a_bucket_are_those_on_disk(server: Server, layout: str, tmp_path: Path) -> None:
    for number in range(6):
        shown, water = scene(number)
        files.write_bytes(f"s3://shop/floods/images/{number}.jpg", encoded(shown, "JPEG", quality=92))
        files.write_bytes(f"s3://shop/floods/masks/{number}.png", encoded(water * np.uint8(255)))
    for out in (f"s3://shop/{layout}", str(tmp_path / layout)):
        pupila.convert("s3://shop/floods", to=layout, out=out)
    server.requests.clear()
    there, local = pupila.open(f"s3://shop/{layout}"), pupila.open(tmp_path / layout)
    assert len(server.requests) <= MOST_QUESTIONS + 3 * 6
    assert there.hash == local.hash
    assert np.array_equal(there.mask(3), local.mask(3))


def test_a_store_that_breaks_off_spoils_no_memory_of_an_image(server: Server) -> None:
    write_pets(6)
    server.fault = lambda method, path, query: (403, "AccessDenied") if path.endswith("/003.jpg") else None
    with pytest.raises(PupilaError, match=r"Access to s3://shop/pets/cat/003\.jpg denied"):
        pupila.open(ROOT)
    server.fault = no_fault
    data = pupila.open(ROOT)
    assert len(data) == 6 and data.skipped.is_empty()


def test_labels_splits_and_test_accesses_are_written_to_the_bucket(server: Server) -> None:
    write_pets(20)
    data = pupila.open(ROOT)
    image, digest = data.images["image"][0], data.images["sha256"][0]
    for label, target in ((True, "dog"), (False, "cat")):
        labels.append_labels(
            ROOT, [labels.Label(image, digest, "x", label, target, "2026-01-01T00:00:00+00:00")]
        )
    assert labels.read_history(ROOT)["target"].to_list() == ["dog", "cat"]
    assert pupila.open(ROOT).class_counts() == {"cat": 9, "dog": 11}
    split = pupila.split(ROOT, val=0.3)
    assert pupila.split(ROOT, val=0.3).hash == split.hash
    with pytest.raises(PupilaError, match="A different split already exists"):
        pupila.split(ROOT, seed=5)
    assert pupila.split(ROOT, seed=5, replace=True).hash != split.hash
    assert [name for name in files.list_files(ROOT) if name.startswith("splits")] == [
        f"splits-{split.hash[:12]}.json", "splits.json",
    ]  # fmt: skip


def test_a_model_trains_predicts_and_is_evaluated_from_a_bucket(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pets(30)
    assert run(["doctor", ROOT]) == 1  # dark dogs make smaller files
    assert "30 images" in capsys.readouterr().out
    assert run(["split", ROOT, "--val", "0.3"]) == 0
    assert run(["explore", ROOT]) == 0
    assert files.read_bytes(f"{ROOT}/explore.html").startswith(b"<!doctype html>")
    settings = [f"{name}={value}" for name, value in TINY.items()]
    assert run(["train", ROOT, "--out", "s3://shop/run"]) == 2
    assert "A run can only be written to a local disk" in capsys.readouterr().err
    assert run(["train", ROOT, "--out", str(tmp_path / "run"), *settings]) in (0, 1)  # one epoch may collapse
    for entry in files.walk(str(tmp_path / "run/bundle")):
        content = files.read_bytes(str(tmp_path / "run/bundle" / entry.path))
        files.write_bytes(f"s3://shop/models/first/{entry.path}", content)
    predictions = []
    for bundle in (str(tmp_path / "run"), "s3://shop/models/first"):
        for requested in (f"{ROOT}/cat", f"{ROOT}/cat/*.jpg"):
            assert run(["predict", bundle, requested, "--csv", "s3://shop/answers.csv"]) == 0
            predictions.append(files.read_bytes("s3://shop/answers.csv"))
    assert len(set(predictions)) == 1
    assert predictions[0].count(b"\n") == 16
    assert run(["evaluate", "s3://shop/models/first", ROOT]) == 0
    assert files.exists("s3://shop/models/evaluation-test/report.html")
    assert len(read_test_accesses(ROOT)) == 1
