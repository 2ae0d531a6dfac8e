"""A restored data set has the hash and the version that it had, whatever its layout; nothing is lost on the way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pupila
from pupila.api.versions import plan_restore
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.artifacts.dataset.versions import restore
from pupila.artifacts.dataset.versions.contents import list_files, read_contents
from pupila.artifacts.dataset.versions.history import versions_folder
from pupila.artifacts.dataset.versions.objects import object_uri, read_object
from pupila.artifacts.dataset.versions.snapshot import record_version
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.artifacts.dataset.test_home import freeze
from tests.artifacts.dataset.versions.layouts import LAYOUTS, change_pixels, write_folders, write_table
from tests.pictures import write_classes


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_restored_data_set_has_the_same_hash_and_version(name: str, tmp_path: Path) -> None:
    source = LAYOUTS[name](tmp_path / "shop")
    data = pupila.open(source)
    split = pupila.split(data)
    taken = pupila.snapshot_data(data, note="first", store=tmp_path / "store")
    restored = pupila.restore_data(source, "first")
    assert restored.is_exact, restored.sentences()
    again = pupila.open(restored.source)
    assert (again.hash, again.classes, again.class_counts()) == (data.hash, data.classes, data.class_counts())
    copied = SplitFile.read(again.home)
    assert copied is not None
    assert copied.hash == split.hash
    assert Path(again.home).is_relative_to(restored.folder)
    assert taken.contents is not None
    for each in taken.contents.files:
        path = Path(files.join(restored.folder, each.path))
        assert files.sha256(path.read_bytes()) == each.sha256
        assert path.stat().st_nlink == 1  # nothing is a link into the store
    assert pupila.snapshot_data(data, store=tmp_path / "store").written == 0


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "shop", {"cat": 6, "dog": 5})


def content(folder: Path) -> dict[str, bytes]:
    """All files of the data but the manifest, which a restoring adds."""
    paths = [entry.path for entry in list_files(str(folder)) if entry.path != "pupila.parquet"]
    return {path: (folder / path).read_bytes() for path in paths}


def test_equal_contents_are_stored_once_and_an_interrupted_snapshot_resumes(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(shop / "cat/000.jpg", shop / "cat/copy.jpg")
    store = tmp_path / "store"
    written: list[str] = []
    real = files.write_bytes

    def write(uri: str, data: bytes) -> None:
        if "/objects/" in uri:
            if len(written) == 5:
                raise KeyboardInterrupt
            written.append(uri)
        real(uri, data)

    monkeypatch.setattr(files, "write_bytes", write)
    with pytest.raises(KeyboardInterrupt):
        pupila.snapshot_data(shop, store=store)
    assert not pupila.list_versions(shop).versions
    monkeypatch.setattr(files, "write_bytes", real)
    taken = pupila.snapshot_data(shop, store=store)
    assert taken.contents is not None
    distinct = {each.sha256 for each in taken.contents.files}
    assert len(taken.contents.files) == len(distinct) + 1
    assert taken.written == len(distinct) - 5
    assert {path.name for path in (store / "objects").rglob("*") if path.is_file()} == distinct
    assert pupila.snapshot_data(shop).written == 0  # into the store of the last one


def test_a_missing_and_a_damaged_object_are_named_before_anything_is_written(
    shop: Path, tmp_path: Path
) -> None:
    taken = pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    digests = dict(pupila.open(shop).images.select("image", "sha256").iter_rows())
    Path(object_uri(str(tmp_path / "store"), digests["cat/002.jpg"])).unlink()
    damaged = Path(object_uri(str(tmp_path / "store"), digests["dog/001.jpg"]))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(PupilaError, match="2 files of the version") as caught:
        pupila.restore_data(shop, taken.version.name)
    assert "cat/002.jpg" in str(caught.value)
    assert "dog/001.jpg" in str(caught.value)
    assert "is missing from the store" in str(caught.value)
    assert "is damaged" in str(caught.value)
    assert not Path(f"{shop}-{taken.version.info.short}").exists()


def test_an_interrupted_restore_resumes(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    calls: list[str] = []

    def read(store: str, digest: str) -> bytes:
        calls.append(digest)
        if len(calls) > 17:  # the check reads them all before
            raise KeyboardInterrupt
        return read_object(store, digest)

    monkeypatch.setattr(restore, "read_object", read)
    with pytest.raises(KeyboardInterrupt):
        pupila.restore_data(shop, "first")
    monkeypatch.setattr(restore, "read_object", read_object)
    folder = Path(f"{shop}-{taken.version.info.short}")
    before = len(content(folder))
    restored = pupila.restore_data(shop, "first")
    assert restored.unchanged in (before, before + 1)  # with the manifest
    assert restored.is_exact
    assert pupila.restore_data(shop, "first").written == 0


def test_in_place_the_present_state_is_stored_first_and_comes_back(shop: Path, tmp_path: Path) -> None:
    pupila.split(shop)
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    first = content(shop)
    (shop / "cat/000.jpg").rename(shop / "dog/moved.jpg")
    (shop / "cat/001.jpg").unlink()
    change_pixels(shop / "dog/002.jpg")
    changed = content(shop)
    job = plan_restore(shop, "first", to=shop)
    assert [each.path for each in job.plan.created] == ["cat/000.jpg", "cat/001.jpg"]
    assert [each.path for each in job.plan.overwritten] == ["dog/002.jpg"]
    assert job.plan.removed == ["dog/moved.jpg"]
    with pytest.raises(PupilaError, match="1 file would be removed: dog/moved"):
        job.run()
    assert content(shop) == changed
    restored = job.run(replace=True)
    assert content(shop) == first
    assert restored.is_exact
    assert [each.by for each in pupila.list_versions(shop).versions][1:] == ["restore", "restore"]
    back = pupila.restore_data(shop, restored.snapshot, to=shop, replace=True)
    assert back.is_exact
    assert content(shop) == changed


def test_deleted_images_come_back_without_consent(shop: Path, tmp_path: Path) -> None:
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    first = content(shop)
    for name in ("cat", "dog"):
        shutil.rmtree(shop / name)
    restored = pupila.restore_data(shop, "first", to=shop)  # no image is left that could be opened
    assert content(shop) == first
    assert (restored.snapshot, restored.is_exact) == ("", True)


def test_what_can_not_be_opened_is_replaced_only_where_nothing_is_lost(shop: Path, tmp_path: Path) -> None:
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    first = content(shop)
    (shop / "cat/000.jpg").rename(shop / "dog/moved.jpg")
    shutil.rmtree(shop / "cat")  # one folder is no set of classes
    (shop / "dog/new.jpg").write_bytes(b"nobody else has it")
    with pytest.raises(PupilaError, match=r"in no version: dog/new\.jpg"):
        pupila.restore_data(shop, "first", to=shop, replace=True)
    assert (shop / "dog/moved.jpg").exists()
    (shop / "dog/new.jpg").unlink()
    restored = pupila.restore_data(shop, "first", to=shop, replace=True)
    assert (content(shop), restored.snapshot, restored.is_exact) == (first, "", True)


def test_the_store_alone_restores_what_is_lost(tmp_path: Path) -> None:
    source = write_table(tmp_path / "shop")
    pupila.snapshot_data(source, note="first", store=tmp_path / "store")
    data = pupila.open(source)
    shutil.rmtree(tmp_path / "shop")
    with pytest.raises(PupilaError, match="A store needs a folder"):
        pupila.restore_data(tmp_path / "store", "first")
    restored = pupila.restore_data(tmp_path / "store", "first", to=tmp_path / "again")
    assert restored.source == f"{tmp_path}/again/labels.csv"
    assert pupila.open(restored.source).hash == data.hash
    assert restored.is_exact


def test_a_folder_of_other_files_is_refused(shop: Path, tmp_path: Path) -> None:
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(PupilaError, match="has files that the version does not have"):
        pupila.restore_data(shop, "first", to=other, replace=True)
    assert content(other) == {"thesis.txt": b"years of work"}


def test_hashes_alone_can_not_be_restored(shop: Path) -> None:
    name = pupila.snapshot_data(shop).version.name
    with pytest.raises(PupilaError, match="Only the hashes of version"):
        pupila.restore_data(shop, name)


def test_images_elsewhere_are_written_only_with_consent(tmp_path: Path) -> None:
    source = LAYOUTS["absolute"](tmp_path / "shop")
    pupila.snapshot_data(source, note="first", store=tmp_path / "store")
    elsewhere = tmp_path / "elsewhere/3.png"
    before = elsewhere.read_bytes()
    elsewhere.unlink()
    with pytest.raises(PupilaError, match="1 file lies outside of"):
        pupila.restore_data(source, "first")
    assert not elsewhere.exists()
    assert pupila.restore_data(source, "first", replace=True).is_exact
    assert elsewhere.read_bytes() == before


def test_a_list_that_leads_out_of_the_folder_needs_consent(shop: Path, tmp_path: Path) -> None:
    name = pupila.snapshot_data(shop, store=tmp_path / "store").version.name
    folder = versions_folder(str(shop))
    contents = read_contents(folder, name)
    assert contents is not None
    path = Path(folder, f"{name}.contents.json")
    fields = json.loads(path.read_text())
    fields.pop("checksum")
    fields["files"][0][0] = "cat/../../escaped.jpg"
    path.write_text(json.dumps(fields))
    with pytest.raises(PupilaError, match="outside"):
        pupila.restore_data(shop, name)
    assert not (tmp_path / "escaped.jpg").exists()


def test_no_restoring_forgets_a_test_access(shop: Path, tmp_path: Path) -> None:
    pupila.split(shop)
    record_test_access(str(shop), ["bundle"], "pupila evaluate")
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    record_test_access(str(shop), ["other"], "pupila evaluate")
    assert len(read_test_accesses(pupila.restore_data(shop, "first").folder)) == 2
    pupila.split(shop, seed=5, replace=True)
    assert not read_test_accesses(str(shop))
    moved = pupila.restore_data(shop, "first", to=tmp_path / "again")
    assert len(read_test_accesses(moved.folder)) == 2  # from the archive of the split
    pupila.restore_data(shop, "first", to=shop, replace=True)
    assert len(read_test_accesses(str(shop))) == 2


def test_a_damaged_split_is_kept_and_replaced(shop: Path, tmp_path: Path) -> None:
    split = pupila.split(shop)
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    (shop / "splits.json").write_text("{")
    assert pupila.restore_data(shop, "first", to=shop, replace=True).is_exact
    read = SplitFile.read(str(shop))
    assert read is not None
    assert read.hash == split.hash
    assert [path.read_text() for path in shop.glob("splits-damaged-*.json")] == ["{"]


def test_runs_and_reports_are_no_contents(shop: Path, tmp_path: Path) -> None:
    (shop / "runs/a/bundle").mkdir(parents=True)
    (shop / "runs/a/plan.json").write_text("{}")
    (shop / "runs/a/bundle/model.onnx").write_text("x")
    (shop / "explore.html").write_text("x")
    taken = pupila.snapshot_data(shop, store=tmp_path / "store")
    assert taken.contents is not None
    paths = [each.path for each in taken.contents.files]
    assert len(paths) == 12
    assert all(path.startswith(("cat/", "dog/")) or path == "pupila.parquet" for path in paths)


@pytest.mark.parametrize("below", ["store", ".", "cat/store", ".store"])
def test_a_store_among_the_images_is_refused(below: str, shop: Path) -> None:
    with pytest.raises(PupilaError, match="lies in the data folder"):
        pupila.snapshot_data(shop, store=shop / below)
    assert not (shop / "store").exists()
    assert not (shop / ".store").exists()


def test_names_that_are_no_utf8_keep_their_bytes(tmp_path: Path) -> None:
    source = write_folders(tmp_path / "shop")
    pupila.snapshot_data(source, note="first", store=tmp_path / "store")
    folder = pupila.restore_data(source, "first").folder
    name = bytes(Path(folder, "cat")) + b"/\xe9t\xe9.jpg"
    with open(name, "rb") as file:  # noqa: PTH123 -- a path of bytes
        assert file.read() == (source / "cat/000.jpg").read_bytes()


def test_what_changes_while_it_is_stored_is_refused(shop: Path, tmp_path: Path) -> None:
    data = pupila.open(shop)
    change_pixels(shop / "cat/003.jpg")
    with pytest.raises(PupilaError, match="has changed while it was stored"):
        pupila.snapshot_data(data, store=tmp_path / "store")
    assert not pupila.list_versions(shop).versions


def test_versions_of_read_only_data_lie_in_the_cache(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze(shop, monkeypatch)
    data = pupila.open(shop)
    assert not record_version(data, pupila.split(data), "train")
    pupila.snapshot_data(shop, note="first", store=tmp_path / "store")
    assert not (shop / ".versions").exists()
    (entry,) = pupila.list_versions(shop).versions
    assert (entry.by, entry.notes) == ("train", ["first"])
    assert pupila.restore_data(shop, "first", to=tmp_path / "again").is_exact
    with pytest.raises(PupilaError, match="is read-only"):
        pupila.restore_data(shop, "first", to=shop, replace=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ants_bees", "brain_mri", "crackforest", "dsb2018_nuclei", "flood_area"])
def test_real_data_come_back_as_they_were(
    name: str, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    source = shutil.copytree(real_data(name), tmp_path / name)
    data = pupila.open(source)
    pupila.split(data, ignore_given=True, replace=True)
    taken = pupila.snapshot_data(data, note="first", store=tmp_path / "store")
    restored = pupila.restore_data(source, "first")
    again = pupila.open(restored.source)
    assert restored.is_exact
    assert (again.hash, len(again), str(again.task)) == (data.hash, len(data), str(data.task))
    assert restored.written == len(taken.contents.files if taken.contents else [])
