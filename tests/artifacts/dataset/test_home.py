"""Read-only data: the data set's own files lie in the cache folder, and every later command finds them there."""

from dataclasses import replace
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.home import find_home
from pupila.artifacts.dataset.labels import append_labels, read_history
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.core import files
from pupila.core.vocabulary import LABELS_FILE, MANIFEST_FILE, SPLITS_FILE, TEST_ACCESS_FILE
from pupila.stages.label.labellers.segment import MaskWriter
from tests.artifacts.dataset.test_labels import make_label, shop


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images that can't be written to, whoever runs the tests."""
    folder = shop(tmp_path / "photos", ("cat", "dog"))
    freeze(folder, monkeypatch)
    return folder


def freeze(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writable, write = files.is_writable, files.write_bytes
    inside = (f"{folder.as_posix()}/", folder.as_posix())

    def refuse(uri: str, content: bytes) -> None:
        assert not uri.startswith(inside[0]), f"{uri} lies in read-only data"
        write(uri, content)

    monkeypatch.setattr(files, "is_writable", lambda place: place not in inside and writable(place))
    monkeypatch.setattr(files, "write_bytes", refuse)


def test_a_split_of_read_only_data_is_found_by_the_next_command(
    frozen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    created = pupila.split(frozen, seed=5)
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if "is read-only" in line]
    again = pupila.open(frozen)
    assert "is read-only" not in capsys.readouterr().err  # once per process
    assert again.home in sentence
    assert SplitFile.read(again.home) == created
    assert created.data_hash == again.hash
    assert {path.name for path in Path(again.home).iterdir()} == {MANIFEST_FILE, SPLITS_FILE}
    assert pupila.open(again.home).root == again.root  # the folder itself can be opened as well
    assert not list(frozen.glob("*.*"))


def test_labels_test_accesses_and_the_explore_page_follow(frozen: Path) -> None:
    data = pupila.open(frozen)
    append_labels(data.home, [make_label(data, 0, "bird", annotator=True)])
    assert pupila.open(frozen).images["target"][0] == "bird"
    record_test_access(data.home, ["a"], "pupila evaluate a")
    assert [access.model for access in read_test_accesses(pupila.open(frozen).home)] == ["a"]
    assert Path(pupila.explore(frozen).page).parent == Path(data.home)


def test_records_beside_read_only_data_count_and_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path / "photos", ("cat", "dog"))
    created = pupila.split(folder)
    data = pupila.open(folder)
    first, second, third = (make_label(data, row, "bird", annotator=True) for row in range(3))
    append_labels(data.home, [first])
    record_test_access(data.home, ["a"], "pupila evaluate a")
    with monkeypatch.context() as patch:
        freeze(folder, patch)
        away = pupila.open(folder)
        assert away.home != data.home
        assert SplitFile.read(away.home) == created
        append_labels(away.home, [second])
        record_test_access(away.home, ["b"], "pupila evaluate b")
        assert pupila.open(folder).images["target"].to_list()[:3] == ["bird", "bird", "cat"]
    append_labels(str(folder), [third])  # on the machine where the data can be written to
    record_test_access(str(folder), ["c"], "pupila evaluate c")
    with monkeypatch.context() as patch:
        freeze(folder, patch)
        assert pupila.open(folder).images["target"].to_list()[:4] == ["bird", "bird", "bird", "cat"]
        assert [access.model for access in read_test_accesses(away.home)] == ["a", "b", "c"]
        assert read_history(away.home).height == 3
        pupila.open(folder)
        assert read_history(away.home).height == 3
    assert {path.name for path in Path(away.home).iterdir()} >= {SPLITS_FILE, LABELS_FILE, TEST_ACCESS_FILE}


def test_the_folder_in_the_cache_stays_in_use_once_it_holds_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path / "photos", ("cat", "dog"))
    with monkeypatch.context() as patch:
        freeze(folder, patch)
        home = pupila.open(folder).home
        assert not Path(home).exists()  # reading alone writes nothing
        created = pupila.split(folder)
    assert pupila.open(folder).home == home
    assert SplitFile.read(home) == created


def test_a_split_made_in_the_cache_is_archived_when_one_comes_with_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path / "photos", ("cat", "dog"))
    with monkeypatch.context() as patch:
        freeze(folder, patch)
        ours = pupila.split(folder, seed=5)
    theirs = pupila.split(folder, out=tmp_path / "elsewhere", seed=6)
    assert theirs.hash != ours.hash
    theirs.write(str(folder))
    home = pupila.open(folder).home
    assert SplitFile.read(home) == theirs
    archived = files.read_json(files.join(home, f"splits-{ours.hash[:12]}.json"))
    assert archived["hash"] == ours.hash


def test_data_that_can_be_written_to_keep_their_files(tmp_path: Path) -> None:
    assert find_home(str(tmp_path)) == str(tmp_path)
    assert find_home(str(tmp_path / "new/folder")) == str(tmp_path / "new/folder")


def test_two_folders_of_one_name_have_two_homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "is_writable", lambda place: False)
    homes = {find_home(str(tmp_path / name / "photos")) for name in ("a", "b")}
    assert len(homes) == 2
    assert all(Path(home).name.startswith("photos-") for home in homes)


def test_masks_are_not_predicted_where_they_could_not_be_written(frozen: Path) -> None:
    data = replace(pupila.open(frozen), task=None)
    with pytest.raises(pupila.PupilaError, match="masks of read-only data can't be written"):
        MaskWriter(data, ["land", "water"])
