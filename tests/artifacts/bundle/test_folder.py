"""The bundle's folder: what was written is read, and nothing else is."""

import json
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import check_golden, golden_pictures, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from tests.colours import CLASSES, colour_model, write_colours


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = write_colours(tmp_path / "bundle", temperature=2.0)
    found = read_bundle(tmp_path / "bundle")
    assert found == written
    assert found.info.classes == CLASSES
    assert found.info.temperature == 2.0
    assert set(found.info.golden) == set(golden_pictures())
    assert all(len(logits) == 3 for logits in found.info.golden.values())


def test_a_runs_folder_leads_to_its_bundle(tmp_path: Path) -> None:
    write_colours(tmp_path / "run/bundle")
    assert read_bundle(tmp_path / "run").folder == str(tmp_path / "run/bundle")


def test_the_hash_tells_bundles_apart(tmp_path: Path) -> None:
    one, other = (write_colours(tmp_path / name, temperature=t) for name, t in (("a", 1.0), ("b", 1.5)))
    assert one.hash != other.hash


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda home: (home / "card.md").write_bytes(b"# Better\n"), "card.md was changed"),
        (lambda home: (home / "golden/wide.webp").unlink(), "golden/wide.webp is missing"),
        (lambda home: (home / "extra.txt").write_text("x"), "extra.txt does not belong there"),
    ],
    ids=["changed", "missing", "added"],
)
def test_a_bundle_that_is_not_as_it_was_written_is_refused(tmp_path: Path, harm: object, says: str) -> None:
    write_colours(tmp_path / "bundle")
    harm(tmp_path / "bundle")  # type: ignore[operator]
    with pytest.raises(PupilaError, match=says):
        read_bundle(tmp_path / "bundle")


def changed(home: Path, **values: object) -> Path:
    told = json.loads((home / "bundle.json").read_text())
    (home / "bundle.json").write_text(json.dumps({**told, **values}))
    return home


def test_a_field_of_a_later_pupila_is_refused_with_the_way_out(tmp_path: Path) -> None:
    write_colours(tmp_path / "bundle")
    with pytest.raises(PupilaError, match=r"(?s)soul.*upgrade"):
        read_bundle(changed(tmp_path / "bundle", soul=1))


def test_no_bundle_is_said(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)No bundle in .*pupila train"):
        read_bundle(tmp_path)


def test_a_golden_answer_that_is_off_is_refused_and_a_last_digit_is_not(tmp_path: Path) -> None:
    info = write_colours(tmp_path / "bundle").info
    for error, refused in ((1e-5, False), (0.05, True)):
        golden = {name: [value + error for value in logits] for name, logits in info.golden.items()}
        bundle = read_bundle(changed(tmp_path / "bundle", golden=golden))
        if refused:
            with pytest.raises(PupilaError, match="answers otherwise here"):
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


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(PupilaError, match="Can't read the model"):
        Session(b"no model")


def test_another_schema_is_refused_and_what_a_file_browser_leaves_is_not(tmp_path: Path) -> None:
    written = write_colours(tmp_path / "bundle")
    (tmp_path / "bundle/.DS_Store").write_bytes(b"x")
    assert read_bundle(tmp_path / "bundle") == written
    with pytest.raises(PupilaError, match="schema"):
        read_bundle(changed(tmp_path / "bundle", schema=99))


def test_a_model_that_was_changed_after_reading_does_not_answer(tmp_path: Path) -> None:
    predictor = Predictor(write_colours(tmp_path / "bundle"))
    (tmp_path / "bundle/model.onnx").write_bytes(colour_model(9.0))
    with pytest.raises(PupilaError, match=r"model.onnx was changed"):
        _ = predictor.on_all_cores
