"""Pseudo-labels of a bundle, as classes and as masks."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.api.label import plan_labelling
from pupila.artifacts.bundle.folder import read_bundle, write_bundle
from pupila.core.errors import PupilaError
from pupila.imaging.masks.codec import decode_png
from tests.colours import (
    BLUE_DOWN,
    UP,
    colour_model,
    info,
    plain,
    write_colours,
    write_labelled,
    write_painted,
    write_pointing,
)  # fmt: skip
from tests.pictures import encoded, write_classes, write_scenes
from tests.stages.label.requests import read_rows, targets
from tests.stages.predict.test_segment import expected_mask, scene


def colours(folder: Path) -> Path:
    """A red, a blue and a grey picture: the bundle is 57.6 % sure of the first two, 33.3 % of the last."""
    folder.mkdir()
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255)), ("grey", (90, 90, 90))):
        (folder / f"{name}.png").write_bytes(encoded(plain(*colour)))
    return folder


def test_confident_predictions_become_labels_and_the_others_are_counted(tmp_path: Path) -> None:
    folder, bundle = colours(tmp_path / "shop"), write_colours(tmp_path / "bundle")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    planned = plan_labelling(folder, with_=f"bundle:{bundle.folder}", confidence=0.5)
    assert planned.forecast() == ["One file can't be read; run pupila doctor for the reason."]
    result = planned.run()
    assert (result.labelled, result.abstained, result.failed) == (2, 1, [])
    assert targets(folder) == {"blue.png": "blue", "grey.png": None, "red.png": "red"}
    row = read_rows(folder).row(0, named=True)
    assert row["labeller"] == f"bundle:{read_bundle(bundle.folder).hash[:12]}"
    assert row["confidence"] == pytest.approx(0.576117, abs=1e-5)
    again = pupila.label(folder, with_=f"bundle:{bundle.folder}", confidence=0.3)
    assert (again.selected, again.labelled, again.selection.labelled_before) == (1, 1, 2)


def test_of_several_labels_those_that_are_certain_enough_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, colour in (("black", (0, 0, 0)), ("blue", (0, 0, 255)), ("yellow", (255, 255, 0))):
        (folder / f"{name}.png").write_bytes(encoded(plain(*colour)))
    bundle = write_labelled(tmp_path / "bundle")
    result = pupila.label(folder, with_=f"bundle:{bundle.folder}", confidence=0.8)
    # red and green are 73 % certain, blue is 88 % certain where it is absent; with blue the bundle abstains.
    assert (result.labelled, result.abstained, result.unknown) == (2, 1, {"red": 2, "green": 2})
    assert targets(folder) == {"black.png": '{"blue": 0}', "blue.png": None, "yellow.png": '{"blue": 0}'}
    assert (
        pupila.label(folder, with_=f"bundle:{bundle.folder}", confidence=0.8).selection.labelled_before == 2
    )
    more = pupila.label(folder, with_=f"bundle:{bundle.folder}", confidence=0.7)
    assert (more.labelled, more.classes, more.unknown) == (2, {"red": 1, "green": 1}, {})
    assert targets(folder)["yellow.png"] == '{"blue": 0, "green": 1, "red": 1}'
    assert read_rows(folder)["confidence"].to_list() == pytest.approx(
        [1 - BLUE_DOWN] * 2 + [UP] * 2, abs=1e-5
    )
    with pytest.raises(PupilaError, match="the labels are one class per image"):
        pupila.label(folder, with_=f"bundle:{write_colours(tmp_path / 'colours').folder}")


def test_predicted_masks_are_found_when_the_data_are_opened(tmp_path: Path) -> None:
    folder, bundle = tmp_path / "shop", write_painted(tmp_path / "bundle")
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(scene()))
    (folder / "b.png").write_bytes(encoded(scene()[::-1]))
    result = pupila.label(folder, with_=f"bundle:{bundle.folder}")
    assert (result.labelled, result.classes) == (2, {"red": 2, "green": 2, "blue": 2})
    assert (decode_png((folder / "masks/a.png").read_bytes()) == expected_mask()).all()
    with Image.open(folder / "masks/a.png") as mask:
        assert mask.mode == "L"  # class indices, which every reader takes for these
    described = json.loads((folder / "masks/classes.json").read_text())
    assert {index: record["name"] for index, record in described.items()} == {
        "0": "red", "1": "green", "2": "blue", "255": "unlabeled",
    }  # fmt: skip
    data = pupila.open(folder)
    assert data.task is not None and data.task.name == "segment"
    assert data.classes == ["red", "green", "blue"]
    assert targets(folder) == {"a.png": "masks/a.png", "b.png": "masks/b.png"}
    assert (data.mask(1) == expected_mask()[::-1]).all()
    assert read_rows(folder)["target"].to_list() == ["masks/a.png", "masks/b.png"]
    assert pupila.label(folder, with_=f"bundle:{bundle.folder}").selection.labelled_before == 2


def test_a_single_folder_of_images_is_not_a_class_and_gets_masks_beside_it(tmp_path: Path) -> None:
    folder, bundle = tmp_path / "shop", write_painted(tmp_path / "bundle")
    (folder / "images/deep").mkdir(parents=True)
    (folder / "images/a.png").write_bytes(encoded(scene()))
    (folder / "images/deep/a.png").write_bytes(encoded(scene()[::-1]))
    assert pupila.open(folder).task is None
    assert pupila.label(folder, with_=f"bundle:{bundle.folder}").labelled == 2
    assert targets(folder) == {"images/a.png": "masks/a.png", "images/deep/a.png": "masks/deep/a.png"}


def test_an_existing_mask_is_never_overwritten(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    (folder / "masks/002.png").unlink()
    before = {path.name: path.read_bytes() for path in (folder / "masks").iterdir()}
    bundle = write_painted(tmp_path / "bundle", classes=["background", "foreground"])
    result = pupila.label(folder, with_=f"bundle:{bundle.folder}", everything=True, confidence=0)
    assert (result.labelled, result.has_mask) == (1, 2)
    assert all((folder / "masks" / name).read_bytes() == content for name, content in before.items())
    drawn = np.asarray(Image.open(folder / "masks/002.png"))
    assert set(np.unique(drawn)) <= {0, 255}  # as the data's own masks say it
    data = pupila.open(folder)
    assert data.images["target"].null_count() == 0
    red, green = (np.asarray(Image.open(folder / "images/002.png"))[..., band].astype(int) for band in (0, 1))
    assert (data.mask(2) == (green > red)).mean() > 0.98


def test_two_images_of_the_same_stem_get_one_mask(tmp_path: Path) -> None:
    folder, bundle = tmp_path / "shop", write_painted(tmp_path / "bundle")
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(scene()))
    (folder / "a.bmp").write_bytes(encoded(scene()[::-1], "BMP"))
    result = pupila.label(folder, with_=f"bundle:{bundle.folder}")
    assert (result.labelled, result.has_mask) == (1, 1)


def test_a_bundle_that_does_not_fit_the_data_is_refused(tmp_path: Path) -> None:
    masks, classes = (
        write_scenes(tmp_path / "masks", 2),
        write_classes(tmp_path / "classes", {"a": 2, "b": 2}),
    )
    painted, coloured = write_painted(tmp_path / "painted"), write_colours(tmp_path / "coloured")
    for folder, bundle, says in (
        (masks, painted.folder, "classes that the masks of the data do not have: found red, green, blue"),
        (masks, coloured.folder, "the labels are one class per image"),
        (classes, painted.folder, "the labels are masks"),
        (classes, write_pointing(tmp_path / "pointed").folder, "needs prompts"),
        (classes, str(tmp_path), "No bundle in"),
    ):
        with pytest.raises(PupilaError, match=says):
            pupila.label(folder, with_=f"bundle:{bundle}")
    (tmp_path / "flat/masks").mkdir(parents=True)
    (tmp_path / "flat/a.png").write_bytes(encoded(scene()))
    (tmp_path / "flat/masks/classes.json").write_text('["ground", "water"]')
    with pytest.raises(PupilaError, match="lists other classes"):
        pupila.label(tmp_path / "flat", with_=f"bundle:{painted.folder}")


def test_a_bundle_that_was_trained_on_the_images_gives_a_warning(tmp_path: Path) -> None:
    folder = colours(tmp_path / "shop")
    digest = pupila.open(folder).images["sha256"][0]
    parts = {"model.onnx": colour_model(), "card.md": b"# By hand\n", "training_images.txt": digest.encode()}
    bundle = write_bundle(tmp_path / "bundle", info(), parts)
    (warning,) = plan_labelling(folder, with_=f"bundle:{bundle.folder}").forecast()
    assert "trained on one of these images" in warning
