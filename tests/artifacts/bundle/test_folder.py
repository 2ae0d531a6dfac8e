"""The bundle's folder: a written bundle is read back, and a modified one is refused."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.bundle.golden import check_golden, golden_images
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.run.folder import read_run
from pupila.artifacts.run.source import parse_predicting
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.learning.models.weights import parse_tensors
from pupila.tasks.task import PostProcessing
from tests.artifacts.bundle.sealed import edit_file, edit_info
from tests.colours import CLASSES, colour_model, write_colours

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store() -> str:
    """The address of an empty folder of a store."""
    return f"memory://{uuid.uuid4().hex}"


def test_a_written_bundle_is_read_back(tmp_path: Path) -> None:
    written = write_colours(tmp_path / "bundle", temperature=2.0)
    read = read_bundle(tmp_path / "bundle")
    assert read == written
    assert read.info.classes == CLASSES
    assert read.info.temperature == 2.0
    assert set(read.info.golden) == set(golden_images())
    assert all(list(logits) == CLASSES for logits in read.info.golden.values())


def test_different_bundles_have_different_hashes(tmp_path: Path) -> None:
    first, other = (write_colours(tmp_path / name, temperature=t) for name, t in (("a", 1.0), ("b", 1.5)))
    assert first.hash != other.hash


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda home: (home / "card.md").write_bytes(b"# Better\n"), "card.md was changed"),
        (lambda home: (home / "golden/wide.webp").unlink(), "golden/wide.webp is missing"),
        (lambda home: (home / "extra.txt").write_text("x"), "extra.txt is not part of the bundle"),
    ],
    ids=["changed", "missing", "added"],
)
def test_a_modified_bundle_is_refused(home: Path, harm: object, says: str) -> None:
    harm(home)  # type: ignore[operator]
    with pytest.raises(PupilaError, match=says):
        read_bundle(home)


def by_class(prediction: dict[str, list[float]] | list[float]) -> dict[str, list[float]]:
    """A golden prediction of a bundle without prompts."""
    assert isinstance(prediction, dict)
    return prediction


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"task": "listen"}, "task: listen"),
        ({"task": "prompt"}, "encoder.onnx is missing"),
        ({"golden": {}}, "golden is missing"),
        ({"temperature": 0.0}, "temperature"),
        ({"classes": []}, "classes"),
    ],
)
def test_a_bundle_that_can_not_predict_is_refused(home: Path, values: dict[str, object], says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        read_bundle(edit_info(home, **values))


def test_a_folder_in_place_of_bundle_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").mkdir()
    with pytest.raises(PupilaError, match=r"Can't read .*bundle\.json"):
        read_bundle(tmp_path)


def test_the_hash_is_that_of_the_file_without_it(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle")
    content = (tmp_path / "bundle/bundle.json").read_bytes()
    unsealed = content.replace(bundle.hash.encode(), b"")
    assert len(content) - len(unsealed) == 64
    assert bundle.hash == hashlib.sha256(unsealed).hexdigest() == read_bundle(bundle.folder).hash


@pytest.mark.parametrize("field", ["temperature", "hash"])
def test_a_changed_bundle_json_is_refused(home: Path, field: str) -> None:
    info = json.loads((home / "bundle.json").read_text())
    changed = json.dumps({**info, field: 0.5 if field == "temperature" else ""}, indent=1) + "\n"
    (home / "bundle.json").write_text(changed)
    with pytest.raises(PupilaError, match=r"(?s)was modified: found bundle\.json was changed"):
        read_bundle(home)


def test_a_field_of_a_newer_pupila_is_refused_with_a_remedy(tmp_path: Path) -> None:
    write_colours(tmp_path / "bundle")
    with pytest.raises(PupilaError, match=r"(?s)soul.*upgrade"):
        read_bundle(edit_info(tmp_path / "bundle", soul=1))


def test_a_bundle_from_before_several_labels_still_opens(tmp_path: Path) -> None:
    home = Path(write_colours(tmp_path / "bundle").folder)
    post_processing = json.loads((home / "bundle.json").read_text())["post_processing"]
    for name in ("biases", "thresholds", "shared_threshold"):
        assert post_processing.pop(name) == []
    bundle = read_bundle(edit_info(home, post_processing=post_processing))
    assert bundle.info.post_processing == PostProcessing()
    Predictor(bundle)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)No bundle in .*pupila train"):
        read_bundle(tmp_path)


def test_a_golden_prediction_that_differs_is_refused_and_a_rounding_error_is_not(tmp_path: Path) -> None:
    info = write_colours(tmp_path / "bundle").info
    for error, refused in ((1e-5, False), (0.05, True)):
        golden = {
            image: {name: [value + error for value in values] for name, values in by_class(logits).items()}
            for image, logits in info.golden.items()
        }
        bundle = read_bundle(edit_info(tmp_path / "bundle", golden=golden))
        if refused:
            with pytest.raises(PupilaError, match="predictions on this machine differ"):
                check_golden(bundle, {"model": Session(colour_model()).run})
        else:
            Predictor(bundle)


def test_a_failed_writing_leaves_the_old_bundle_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_colours(tmp_path / "bundle")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("pupila.core.folders.os.replace", full)
    with pytest.raises(PupilaError, match="disk full"):
        write_colours(tmp_path / "bundle", temperature=9.0)
    assert read_bundle(tmp_path / "bundle") == old
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_bytes_that_are_not_a_model_are_refused() -> None:
    with pytest.raises(PupilaError, match="Can't read the model"):
        Session(b"no model")


def test_another_schema_is_refused_and_a_file_browsers_files_are_not(tmp_path: Path) -> None:
    written = write_colours(tmp_path / "bundle")
    (tmp_path / "bundle/.DS_Store").write_bytes(b"x")
    assert read_bundle(tmp_path / "bundle") == written
    with pytest.raises(PupilaError, match=r"(?s)by a newer Pupila: found schema 99.*upgrade"):
        read_bundle(edit_info(tmp_path / "bundle", schema=99))
    with pytest.raises(PupilaError, match=r"(?s)by an older Pupila: found schema 1;.*pupila train DATA"):
        read_bundle(edit_info(tmp_path / "bundle", schema=1, preparation={}))


def test_a_model_changed_after_reading_does_not_predict(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle"))
    (tmp_path / "bundle/model.onnx").write_bytes(colour_model(9.0))
    with pytest.raises(PupilaError, match=r"model.onnx was changed"):
        _ = predictor.all_cores_session


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from pupila.core import writing\n"
        "from tests.colours import write_colours\n"
        "write = writing.write\n"
        "def die(uri, data):\n"
        "    write(uri, data)\n"
        "    if uri.endswith('card.md'): os.kill(os.getpid(), 9)\n"
        "writing.write = die\n"
        "write_colours(Path(sys.argv[1]) / 'bundle')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert ended.returncode != 0
    (tmp_path / ".bundle.settings").mkdir()  # of somebody else: no eight digits
    assert len(list(tmp_path.glob(".bundle.????????"))) == 2
    bundle = write_colours(tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bundle.settings", "bundle"]
    assert read_bundle(tmp_path / "bundle") == bundle


@pytest.mark.parametrize("read", [read_bundle, lambda path: parse_predicting(path).bundle,
                                  lambda path: read_run(path.parent).bundle])  # fmt: skip
def test_a_bundle_whose_replacement_was_killed_between_the_steps_is_read(
    read: Callable[[Path], Bundle], tmp_path: Path
) -> None:
    written = write_colours(tmp_path / "run/bundle")
    (tmp_path / "run/bundle").rename(tmp_path / "run/.bundle.old")
    assert read(tmp_path / "run/bundle").hash == written.hash
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["bundle"]


def test_a_bundle_in_a_store_is_verified_like_one_on_disk(tmp_path: Path, store: str) -> None:
    written = write_colours(tmp_path / "bundle")
    for path in sorted((tmp_path / "bundle").rglob("*")):
        if path.is_file():
            files.write_bytes(
                f"{store}/bundle/{path.relative_to(tmp_path / 'bundle').as_posix()}", path.read_bytes()
            )
    stored = read_bundle(f"{store}/bundle")
    assert stored.info == written.info
    Predictor(stored)
    files.write_bytes(f"{store}/bundle/golden/added.txt", b"x")
    files.write_bytes(f"{store}/bundle/card.md", b"# Better")
    with pytest.raises(PupilaError, match=r"golden/added.txt is not part of the bundle, card.md was changed"):
        read_bundle(f"{store}/bundle")


@pytest.mark.parametrize("name", ["card.md", "model.onnx", "bundle.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "nowhere", "folder"])
def test_a_pipe_a_device_or_a_folder_in_place_of_a_file_is_refused(home: Path, name: str, kind: str) -> None:
    path = home / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/nowhere")
    with pytest.raises(PupilaError, match=re.escape(name)):
        read_bundle(home)


def test_links_to_the_same_content_are_read(tmp_path: Path, home: Path) -> None:
    """As stores of versioned data lay files out: what counts is the content, whose hash is known."""
    shutil.copytree(home, tmp_path / "elsewhere")
    for name in ("model.onnx", "golden"):
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(tmp_path / "elsewhere" / name)
    Predictor(read_bundle(home))
    (tmp_path / "elsewhere/model.onnx").write_bytes(colour_model(3.0))
    with pytest.raises(PupilaError, match=r"model.onnx was changed"):
        read_bundle(home)


def test_a_bundle_in_a_cache_of_the_hub_is_read(tmp_path: Path, home: Path) -> None:
    """Every file of such a snapshot, bundle.json too, is a link to one that is named by its hash, outside of it."""
    blobs = tmp_path / "models--me--flowers/blobs"
    snapshot = tmp_path / "models--me--flowers/snapshots/0123abc"
    blobs.mkdir(parents=True)
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        blob = blobs / files.sha256(path.read_bytes())
        link = snapshot / path.relative_to(home)
        link.parent.mkdir(parents=True, exist_ok=True)
        path.rename(blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    bundle = read_bundle(snapshot)
    Predictor(bundle)
    blob = blobs / bundle.info.files["card.md"]
    blob.write_bytes(b"# Better")
    with pytest.raises(PupilaError, match=r"card\.md was changed"):
        read_bundle(snapshot)


def test_training_images_that_are_no_hashes_are_refused(home: Path) -> None:
    bundle = read_bundle(edit_file(home, "training_images.txt", b"\xff\x1b[2J no hash\n"))
    with pytest.raises(PupilaError, match=r"training_images.txt: found .*expected 64 hexadecimal digits"):
        bundle.training_images()


@pytest.mark.parametrize("name", ["model.onnx", "training_images.txt"])
def test_a_file_larger_than_it_can_be_is_not_read(home: Path, name: str) -> None:
    edit_file(home, name, b"")
    with (home / name).open("r+b") as stream:
        stream.truncate(3_000_000_000)  # a hole in the file takes no disk
    with pytest.raises(PupilaError, match=rf"{name} has 3,000,000,000 bytes"):
        read_bundle(home)


@pytest.mark.parametrize(
    "header", [b"", b"\xff" * 8, (2**40).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
               (99).to_bytes(8, "little") + b'{"encoder.x": {"dtype": "F32", "shape": [1099511627776], "data_offsets": '
               b"[0, 4]}}   \x00\x00\x00\x00"]
)  # fmt: skip
def test_weights_with_a_wrong_header_are_refused(home: Path, header: bytes) -> None:
    bundle = read_bundle(edit_file(home, "weights.safetensors", header))
    with pytest.raises(PupilaError, match=r"Can't read the weights weights\.safetensors"):
        parse_tensors(bundle.read("weights.safetensors"), "weights.safetensors")


def test_a_bundle_without_weights_has_none_to_read(written: Bundle) -> None:
    with pytest.raises(PupilaError, match=r"weights\.safetensors is missing"):
        written.read("weights.safetensors")


def test_a_folder_that_vanishes_while_it_is_listed_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(root: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", f"{root}/proc/1")

    monkeypatch.setattr(files, "walk", vanish)
    with pytest.raises(PupilaError, match=r"was modified: found No such file or directory"):
        read_bundle(home)
