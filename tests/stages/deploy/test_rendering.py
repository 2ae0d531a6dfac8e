"""A folder of deployment files: what is rendered, what happens to edited files, what a check of it says."""

import json
from pathlib import Path

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.deploy.checks import rendered
from pupila.stages.deploy.checks.run import check_folder
from pupila.stages.deploy.deployment import check_service_name, suggest_service_name
from pupila.stages.deploy.record import DeployRecord, read_deploy_record, write_rendered
from pupila.stages.deploy.templates import fill

RECORD = DeployRecord(pupila="1", name="ants", model="runs/a", bundle="0" * 64, targets=["docker"], files={})


def test_a_rendering_is_written_once_and_recorded(tmp_path: Path) -> None:
    both = {"a.txt": b"1", "below/b.txt": b"2"}
    assert write_rendered(tmp_path, both, RECORD, force=False).written == ["a.txt", "below/b.txt"]
    assert write_rendered(tmp_path, both, RECORD, force=False).written == []
    record = read_deploy_record(tmp_path)
    assert record is not None and sorted(record.files) == ["a.txt", "below/b.txt"]
    assert (tmp_path / "below/b.txt").read_bytes() == b"2"


def test_an_edited_file_is_overwritten_by_force_alone(tmp_path: Path) -> None:
    write_rendered(tmp_path, {"a.txt": b"1", "b.txt": b"1"}, RECORD, force=False)
    (tmp_path / "a.txt").write_bytes(b"by hand")
    newer = {"a.txt": b"2", "b.txt": b"2"}
    with pytest.raises(PupilaError, match=r"a\.txt"):
        write_rendered(tmp_path, newer, RECORD, force=False)
    assert (tmp_path / "b.txt").read_bytes() == b"1"  # nothing was written
    assert write_rendered(tmp_path, newer, RECORD, force=True).written == ["a.txt", "b.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"2"


def test_a_file_that_pupila_never_rendered_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    with pytest.raises(PupilaError, match=r"compose\.yaml"):
        write_rendered(tmp_path, {"compose.yaml": b"x"}, RECORD, force=False)


def test_what_is_no_longer_rendered_is_deleted_unless_it_was_edited(tmp_path: Path) -> None:
    write_rendered(tmp_path, {"a.txt": b"1", "wheel/1.whl": b"1", "b.txt": b"1"}, RECORD, force=False)
    (tmp_path / "b.txt").write_bytes(b"by hand")
    changes = write_rendered(tmp_path, {"a.txt": b"1", "wheel/2.whl": b"2"}, RECORD, force=False)
    assert (changes.written, changes.deleted, changes.left) == (["wheel/2.whl"], ["wheel/1.whl"], ["b.txt"])
    assert not (tmp_path / "wheel/1.whl").exists() and (tmp_path / "b.txt").read_bytes() == b"by hand"
    record = read_deploy_record(tmp_path)
    assert record is not None and list(record.files) == ["a.txt", "wheel/2.whl"]


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "a/../../b", "./a", "a//b"])
def test_a_record_of_files_outside_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    content = {**RECORD.model_dump(by_alias=True), "files": {name: "0" * 64}}
    (tmp_path / "deploy.json").write_text(json.dumps(content))
    with pytest.raises(PupilaError, match="files"):
        read_deploy_record(tmp_path)


def test_the_check_names_missing_and_edited_files(tmp_path: Path) -> None:
    write_rendered(tmp_path, {"a.txt": b"1", "b.txt": b"1"}, RECORD, force=False)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b.txt").write_bytes(b"by hand")
    result = rendered.check(tmp_path)
    assert result is not None and [fault.file for fault in result.faults] == ["a.txt"]
    assert any("b.txt" in note for note in result.notes)


def test_a_folder_without_a_deployment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"no deploy\.json"):
        check_folder(tmp_path)
    (tmp_path / "deploy.json").write_text(json.dumps({"schema": 7}))
    with pytest.raises(PupilaError, match="schema 7"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "A", "1a", "a_b", "a.b", "a" * 25, "niñó"])
def test_names_that_aws_refuses_are_refused(name: str) -> None:
    with pytest.raises(PupilaError, match="Invalid name"):
        check_service_name(name)
    check_service_name(suggest_service_name(name))


@pytest.mark.parametrize(
    ("text", "name"), [("Octagons 2", "octagons-2"), ("2024_run", "run"), ("first", "first")]
)
def test_a_name_is_suggested_from_that_of_the_model(text: str, name: str) -> None:
    assert suggest_service_name(text) == name


def test_templates_take_all_values_and_no_others() -> None:
    with pytest.raises(KeyError):
        fill("README.md")
    with pytest.raises(ValueError, match="no placeholder for unknown"):
        fill("README.md", name="a", sections="b", bundle="c", model="d", version="e", unknown="x")


def test_a_link_in_the_folder_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "wheel").symlink_to(elsewhere)
    (folder / "README.md").symlink_to(elsewhere / "victim")
    for name in ("wheel/a.whl", "README.md"):
        with pytest.raises(PupilaError, match="is a link"):
            write_rendered(folder, {name: b"1"}, RECORD, force=True)
    assert list(elsewhere.iterdir()) == []


def test_a_record_with_a_hostile_name_is_refused(tmp_path: Path) -> None:
    content = {**RECORD.model_dump(by_alias=True), "name": "x\nprivileged: true"}
    (tmp_path / "deploy.json").write_text(json.dumps(content))
    with pytest.raises(PupilaError, match="name"):
        read_deploy_record(tmp_path)
