"""Runs and registries within the folder of the data are no data."""

import shutil
from pathlib import Path

import pupila
from pupila.artifacts.dataset.versions.contents import list_files
from pupila.artifacts.registry.registry import Registry
from tests.colours import write_colours
from tests.pictures import write_classes


def test_the_golden_pictures_of_bundles_in_the_folder_are_no_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_classes(data, {"good": 4, "bad": 3})
    listed = [entry.path for entry in list_files(str(data))]
    bundle = write_colours(data / "runs/first/bundle")
    Registry(str(data / "registry")).add(bundle, "octagons")
    shutil.copytree(data / "runs/first/bundle", data / "good/bundle")
    assert list((data / "runs").rglob("golden/*.png"))
    opened = pupila.open(data)
    assert (len(opened), opened.classes) == (7, ["bad", "good"])
    assert not [fault for fault in pupila.doctor(opened) if fault.code == "empty-class"]  # "remove the class"
    assert [entry.path for entry in list_files(str(data)) if "manifest" not in entry.path] == listed


def test_a_file_called_as_that_of_a_bundle_hides_no_images(tmp_path: Path) -> None:
    write_classes(tmp_path, {"good": 4, "bad": 3})
    (tmp_path / "good/bundle.json").write_text("{}")
    assert len(pupila.open(tmp_path)) == 7
