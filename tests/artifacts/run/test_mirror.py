"""The mirror of a run by hand: snapshots, manifests, and the copies that are refused."""

import threading
from pathlib import Path

import pytest

from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.mirror import Mirror
from pupila.artifacts.run.mirror_file import MIRROR_FILE, MirrorContent, parse_mirror
from pupila.artifacts.run.plan import PlanFile, RunPlan, write_plan
from pupila.core import files
from pupila.core.errors import PupilaError

LINE = EpochLog(part="head", phase="head", epoch=1, train_loss=1.0, score=0.5, lr=0.1, seconds=1.0)


def run_folder(folder: Path, created: str = "2026-11-01", **contents: str) -> str:
    """An unfinished run with some files."""
    plan = RunPlan(task="classify", model="lenet", classes=["a", "b"], data_hash="d", splits_hash="s")
    write_plan(str(folder), PlanFile[RunPlan](state="running", settings={}, plan=plan, created=created))
    for name, text in contents.items():
        files.write_bytes(str(folder / "checkpoints" / name), text.encode())
    return str(folder)


def mirrored(folder: str, uri: Path) -> list[str]:
    """Copy the run, and return the notes."""
    notes: list[str] = []
    mirror = Mirror(folder, str(uri), lambda line: notes.append(str(line)))
    mirror.restore(lambda plan: None)
    with mirror:
        mirror.on_log(LINE)
    return notes


def manifest(uri: Path) -> MirrorContent:
    return parse_mirror(str(uri), (uri / MIRROR_FILE).read_bytes())


def test_every_file_comes_back_and_old_states_go(tmp_path: Path) -> None:
    uri, run = tmp_path / "mirror", run_folder(tmp_path / "run", last="one", best="one")
    assert mirrored(run, uri)[-1] == f"The mirror {uri} has the run: 3 files."
    assert len(list((uri / "state").iterdir())) == 2  # equal files lie there once
    run_folder(tmp_path / "run", last="two")
    mirrored(run, uri)
    stored = {path.read_text() for path in (uri / "state").iterdir() if path.stat().st_size < 9}
    assert stored == {"one", "two"} and not list(Path(run).glob(".*"))
    other = str(tmp_path / "other")
    assert mirrored(other, uri)[0] == f"Restored the run from its mirror {uri}."
    assert [(e.path, files.read_bytes(f"{other}/{e.path}")) for e in files.walk(other)] == [
        (e.path, files.read_bytes(f"{run}/{e.path}")) for e in files.walk(run)
    ]


@pytest.mark.parametrize("harm", ["changed", "missing", "no plan", "outside", "half a manifest"])
def test_half_a_copy_is_never_restored(harm: str, tmp_path: Path) -> None:
    uri = tmp_path / "mirror"
    mirrored(run_folder(tmp_path / "run", last="one"), uri)
    content = manifest(uri)
    entry = content.files["checkpoints/last"]
    if harm == "changed":
        (uri / entry.stored).write_text("tow")
    elif harm == "missing":
        (uri / entry.stored).unlink()
    elif harm == "half a manifest":
        (uri / MIRROR_FILE).write_bytes((uri / MIRROR_FILE).read_bytes()[:99])
    else:
        names = {"../../last": entry} if harm == "outside" else {"checkpoints/last": entry}
        (uri / MIRROR_FILE).write_bytes(content.model_copy(update={"files": names}).to_bytes())
    with pytest.raises(PupilaError, match="is damaged"):
        mirrored(str(tmp_path / "other"), uri)
    assert not (tmp_path / "other" / "plan.json").exists()  # so that it is no run


def test_the_mirror_of_another_run_is_refused(tmp_path: Path) -> None:
    uri = tmp_path / "mirror"
    mirrored(run_folder(tmp_path / "run"), uri)
    with pytest.raises(PupilaError, match="has another run"):
        mirrored(run_folder(tmp_path / "other", created="2026-11-02"), uri)


def test_a_process_whose_run_was_resumed_elsewhere_writes_no_more(tmp_path: Path) -> None:
    uri, run, notes = tmp_path / "mirror", run_folder(tmp_path / "run", last="one"), []
    first = Mirror(run, str(uri), lambda line: notes.append(str(line)))
    with first:
        first.on_log(LINE)
        while not (uri / MIRROR_FILE).exists():
            pass
        mirrored(str(tmp_path / "other"), uri)
        taken = manifest(uri)
        run_folder(tmp_path / "run", last="late")
    assert not first.is_complete and "Another process has resumed the run from its mirror" in notes[-1]
    assert manifest(uri) == taken


def test_a_slow_store_gets_the_newest_state_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri, run, notes = tmp_path / "mirror", run_folder(tmp_path / "run", last="0"), []
    begun, gate, copies = threading.Event(), threading.Event(), []
    copy = Mirror._copy

    def wait(self: Mirror, snapshot: str) -> None:
        copies.append(Path(snapshot, "checkpoints", "last").read_text())
        begun.set()
        gate.wait()
        copy(self, snapshot)

    monkeypatch.setattr(Mirror, "_copy", wait)
    with Mirror(run, str(uri), lambda line: notes.append(str(line))) as mirror:
        mirror.on_log(LINE)
        begun.wait()
        for epoch in range(1, 4):
            run_folder(tmp_path / "run", last=str(epoch))
            mirror.on_log(LINE)
        gate.set()
        while len(copies) < 2:
            pass
    assert copies[:2] == ["0", "3"]  # what was there when the epoch ended, and then the newest
    assert notes[-2].startswith("The store is slower than the training: 2 epochs were copied together")


def test_a_mirror_that_cannot_be_read_is_a_note_where_the_run_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    uri = tmp_path / "file/mirror"  # no folder can be there
    notes = mirrored(run_folder(tmp_path / "run", last="one"), uri)
    assert notes[0].startswith("The mirror is behind: ")
    assert notes[-1].startswith(f"The mirror {uri} does not have all of the run: ")
