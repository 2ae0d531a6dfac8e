"""The bundle's folder: a written bundle is read back, and a modified one is refused."""

import hashlib
import json
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.golden import check_golden, golden_images
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from pupila.tasks.task import PostProcessing
from tests.artifacts.bundle.sealed import edit_info
from tests.colours import CLASSES, colour_model, write_colours


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
def test_a_modified_bundle_is_refused(tmp_path: Path, harm: object, says: str) -> None:
    write_colours(tmp_path / "bundle")
    harm(tmp_path / "bundle")  # type: ignore[operator]
    with pytest.raises(PupilaError, match=says):
        read_bundle(tmp_path / "bundle")


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
def test_a_bundle_that_can_not_predict_is_refused(
    tmp_path: Path, values: dict[str, object], says: str
) -> None:
    home = edit_info(Path(write_colours(tmp_path / "bundle").folder), **values)
    with pytest.raises(PupilaError, match=says):
        read_bundle(home)


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
def test_a_changed_bundle_json_is_refused(tmp_path: Path, field: str) -> None:
    home = Path(write_colours(tmp_path / "bundle").folder)
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

    monkeypatch.setattr("pupila.artifacts.bundle.folder.os.replace", full)
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
