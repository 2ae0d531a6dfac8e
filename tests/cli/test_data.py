"""`pupila data`: what it prints, what it asks, and the page and the JSON that it writes."""

import json
import shutil
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.versions.difference import VersionDiff
from pupila.cli.run import run
from tests.pictures import write_classes

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shop = write_classes(tmp_path / "shop", {"cat": 14, "dog": 12})
    pupila.split(shop)
    return shop


def test_the_round_of_a_version(shop: Path, tmp_path: Path, capsys: Printed) -> None:
    store = str(tmp_path / "store")
    assert run(["data", "log", str(shop)]) == 0
    assert "No version is recorded yet" in capsys.readouterr().out
    assert run(["data", "snapshot", str(shop)]) == 0
    assert "Recorded by hashes alone" in capsys.readouterr().out
    assert run(["data", "snapshot", str(shop), "--note", "monday", "--store", store]) == 0
    assert f"28 files, 0.1 MB, in {store}; written now: 28, 0.1 MB." in capsys.readouterr().out
    assert run(["data", "snapshot", str(shop), "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)
    assert (taken["new"], taken["images"], taken["written"], taken["store"]) == (False, 26, 0, store)
    (shop / "cat/000.jpg").rename(shop / "dog/moved.jpg")
    (shop / "cat/001.jpg").unlink()
    assert run(["data", "diff", str(shop), "monday"]) == 0
    printed = capsys.readouterr().out
    assert "1 image was moved or renamed: cat/000.jpg -> dog/moved.jpg." in printed
    assert "1 image was removed: cat/001.jpg." in printed
    assert "1 label changed: cat -> dog (1)." in printed
    assert f"Page: {shop}/data-diff.html" in printed
    diff = VersionDiff.model_validate_json((shop / "data-diff.json").read_text())
    assert [(each.before, each.after) for each in diff.moved] == [("cat/000.jpg", "dog/moved.jpg")]
    page = (shop / "data-diff.html").read_text()
    assert page.count("data:image/jpeg") == 3  # moved with another label and split, and the removed one
    assert pupila.open(shop).skipped.is_empty()  # what was written is none of the data


def test_restoring_in_place_asks_and_says_what_it_kept(
    shop: Path, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupila.snapshot_data(shop, note="monday", store=tmp_path / "store")
    (shop / "cat/000.jpg").rename(shop / "dog/moved.jpg")
    monkeypatch.setattr("typer.confirm", lambda question: False)
    assert run(["data", "restore", str(shop), "monday", "--to", str(shop)]) == 0
    printed = capsys.readouterr().out
    assert "1 file would be removed: dog/moved.jpg" in printed
    assert printed.endswith("Nothing was written.\n")
    assert (shop / "dog/moved.jpg").exists()
    assert run(["data", "restore", str(shop), "monday", "--to", str(shop), "--yes"]) == 0
    printed = capsys.readouterr().out
    assert "The state before is version " in printed
    assert "1 file written, 27 unchanged, 1 removed." in printed
    assert "has the same hash, labels and split" in printed
    assert run(["data", "log", str(shop), "--json"]) == 0
    log = json.loads(capsys.readouterr().out)
    assert [each["by"] == "restore" for each in log["versions"]] == [False, True, True]
    assert log["versions"][1]["changes"] == "1 moved, 1 label, 1 split"
    assert run(["data", "restore", str(shop), "monday", "--to", str(tmp_path / "x"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exact"]


def test_an_unknown_version_is_refused_with_those_that_there_are(shop: Path, capsys: Printed) -> None:
    name = pupila.snapshot_data(shop).version.name
    assert run(["data", "diff", str(shop), "tuesday"]) == 2
    assert f"No such version: tuesday: found the last versions are {name[:12]}" in capsys.readouterr().err
    assert run(["data", "restore", str(shop), name[:8]]) == 2
    assert "Only the hashes of version" in capsys.readouterr().err
    shutil.rmtree(shop / ".versions")
    assert run(["data", "diff", str(shop), "now", "--json"]) == 0
    diff = json.loads(capsys.readouterr().out)
    assert (diff["identical"], diff["after"]["images"], diff["added"]) == (True, 26, [])
