"""Training and labelling record versions themselves, and runs and bundles stand for theirs."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.artifacts.run.plan import read_plan
from pupila.core.errors import PupilaError
from tests.pictures import write_classes

TINY = {"model": "lenet", "weights": "none", "image_size": 32, "epochs": 1, "augment": "none",
        "precision": "float32"}  # fmt: skip


@pytest.mark.slow
def test_training_records_the_version_that_its_run_and_bundle_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = write_classes(tmp_path / "shop", {"cat": 12, "dog": 12})
    run = pupila.train(shop, out=tmp_path / "run", **TINY)  # type: ignore[arg-type]
    data, split = pupila.open(shop), SplitFile.read(str(shop))
    assert split is not None
    name = hash_version(data.hash, split.hash)
    assert (run.plan.data_version, run.bundle.info.data_version) == (name, name)
    assert f"data version {name[:12]}" in Path(run.folder, "bundle/card.md").read_text()
    (entry,) = pupila.list_versions(shop).versions
    assert (entry.version, entry.by, entry.runs, entry.images) == (name, "train", [str(tmp_path / "run")], 24)
    (shop / "cat/000.jpg").unlink()
    for trained in (tmp_path / "run", tmp_path / "run/bundle", run, run.bundle):
        diff = pupila.diff_data(shop, trained).diff
        assert diff.removed == ["cat/000.jpg"]
    other = write_classes(tmp_path / "other", {"cat": 3, "dog": 3}, seed=7)
    pupila.snapshot_data(other)
    with pytest.raises(PupilaError, match="data version of run is not recorded"):
        pupila.diff_data(other, tmp_path / "run")


def test_a_run_of_an_earlier_pupila_stands_for_its_version(tmp_path: Path) -> None:
    shop = write_classes(tmp_path / "shop", {"cat": 6, "dog": 6})
    split = pupila.split(shop)
    data = pupila.open(shop)
    taken = pupila.snapshot_data(data)
    run = tmp_path / "old"
    run.mkdir()
    (run / "log.jsonl").write_text("")
    (run / "plan.json").write_text(
        '{"schema": 3, "made_by": "pupila 0.5", "state": "completed", "settings": {}, "plan": {"task": "classify", '
        f'"model": "lenet", "classes": ["cat", "dog"], "data_hash": "{data.hash}", "splits_hash": "{split.hash}"}}}}'
    )
    assert read_plan(str(run)).plan.data_version == ""
    diff = pupila.diff_data(shop, run).diff
    assert diff.identical
    assert diff.before.version == taken.version.name


def test_labelling_records_the_version_with_the_new_labels(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    write_classes(shop, {"x": 6})
    for path in (shop / "x").iterdir():
        path.rename(shop / path.name)
    (shop / "x").rmdir()
    table = tmp_path / "labels.csv"
    rows = [f"{number:03d}.jpg,{'ab'[number % 2]}" for number in range(4)]
    table.write_text("\n".join(["image,label", *rows]))
    first = pupila.snapshot_data(shop).version.name
    result = pupila.label(shop, with_=f"csv:{table}")
    assert (result.labelled, result.remarks) == (4, [])
    assert len(read_history(str(shop))) == 4
    before, after = pupila.list_versions(shop).versions
    assert (before.version, after.by, after.changes) == (first, "label", "4 labels")
    diff = pupila.diff_data(shop, first, after.version).diff
    assert [(each.image, each.before, each.after) for each in diff.labels] == [
        (f"{number:03d}.jpg", None, "ab"[number % 2]) for number in range(4)
    ]  # fmt: skip
    assert pupila.diff_data(shop, after.version).diff.identical
    pupila.label(shop, with_=f"csv:{table}")  # nothing new
    assert len(pupila.list_versions(shop).versions) == 2


def test_the_present_state_is_nothing_to_restore(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", {"good": 3, "bad": 3})
    pupila.snapshot_data(tmp_path / "data", store=tmp_path / "store")
    with pytest.raises(PupilaError, match="it is what lies in the folder: expected the first digits"):
        pupila.restore_data(tmp_path / "data", "now", to=tmp_path / "other")
    assert not (tmp_path / "other").exists()
