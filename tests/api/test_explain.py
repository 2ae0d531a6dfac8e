"""`pupila explain` from end to end: files and split data, methods, refusals, and what is written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.outputs import FEATURE_MAP, LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.artifacts.report.explanation import ExplainReport
from pupila.cli.run import run as cli
from pupila.core.errors import PupilaError
from pupila.learning.models.build import BUILDERS
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from tests.colours import write_colours, write_painted
from tests.pictures import write_classes, write_scenes
from tests.untrained import CLASSES, draw_network, write_network

SIDE = 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A classifier with drawn weights."""
    settings = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
    return write_network(
        tmp_path_factory.mktemp("drawn") / "bundle", draw_network("classify", settings, SIDE)
    )


@pytest.fixture(scope="module")
def insects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("insects") / "insects", dict.fromkeys(CLASSES, 8))
    pupila.split(folder)
    return folder


def halves(path: Path) -> Path:
    """Red on the left, green on the right."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8, 0] = pixels[:, 8:, 1] = 255
    Image.fromarray(pixels).save(path)
    return path


def test_maps_are_written_with_a_page_and_a_scale(drawn: Bundle, insects: Path, tmp_path: Path) -> None:
    result = pupila.explain(drawn, insects / "ant", out=tmp_path / "out")
    report = ExplainReport.model_validate_json((tmp_path / "out/explain.json").read_bytes())
    assert report == result.report and report.method == "gradcam" and len(report.images) == len(result) == 8
    page = (tmp_path / "out/explain.html").read_text()
    assert "Evidence for" in page and "no colour is no evidence" in page and "--check" in page
    (limit,) = report.limits.values()
    for entry, explained in zip(report.images, result, strict=True):
        (stored,) = entry.maps
        values = np.asarray(Image.open(tmp_path / "out" / stored.file))
        heat = explained.explanation.maps[0].placed
        assert values.dtype == np.uint16 and values.shape == heat.shape
        assert (
            np.abs((values / 65535 * 2 - 1) * limit - heat.clip(-limit, limit)).max() <= 1.01 * limit / 65535
        )
        (cells,) = explained.maps.values()
        assert (cells.min(), cells.max()) == pytest.approx((stored.low, stored.high))
        assert explained.plot().width > explained.plot().height


def test_an_image_that_cannot_be_read_stops_nothing(drawn: Bundle, insects: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no image")
    result = pupila.explain(drawn, [broken, *sorted((insects / "bee").iterdir())[:2]], out=tmp_path / "out")
    assert [bool(each.fault) for each in result.report.images] == [True, False, False]
    assert "could not be read" in (tmp_path / "out/explain.html").read_text()
    with pytest.raises(PupilaError, match=r"broken\.jpg has no prediction"):
        result[0].plot()


def test_images_in_memory_and_a_chosen_class(drawn: Bundle) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    result = pupila.explain(drawn, pixels, label="wasp")
    assert result[0].label == "wasp" and not result.folder and "<img" in result._repr_html_()
    with pytest.raises(PupilaError, match=r"Unknown class: found hornet; expected ant, bee, wasp"):
        pupila.explain(drawn, pixels, label="hornet")


def test_a_split_is_drawn_evenly_and_an_access_to_the_test_split_is_recorded(
    drawn: Bundle, insects: Path
) -> None:
    result = pupila.explain(drawn, insects, split="train", most=6)
    report = result.report
    assert report.split == "train" and len(report.images) == 6 and report.left_out > 0
    assert {Path(each.image).parent.name for each in report.images} == {*CLASSES}
    assert "evenly drawn of" in repr(result)
    before = len(read_test_accesses(str(insects)))
    pupila.explain(drawn, insects, split="test", most=2)
    assert len(read_test_accesses(str(insects))) == before + 1
    with pytest.raises(PupilaError, match="Unknown split"):
        pupila.explain(drawn, insects, split="tests")


def test_a_foreign_model_is_explained_by_hiding_parts(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle")
    result = pupila.explain(bundle, halves(tmp_path / "halves.png"), label="red")
    assert result.report.method == "occlusion"
    (cells,) = result[0].maps.values()
    assert (cells[:, :3] > 0).all() and np.abs(cells[:, 6:]).max() < 1e-6
    rise = pupila.explain(bundle, tmp_path / "halves.png", label="red", method="rise", random_masks=200)
    (heat,) = rise[0].maps.values()
    assert heat[:, :4].mean() > 3 * abs(heat[:, 4:].mean())
    with pytest.raises(PupilaError, match=r"(?s)gradcam needs the weights of the model.*--method occlusion"):
        pupila.explain(bundle, tmp_path / "halves.png", method="gradcam")


def test_evidence_against_the_class_alone_is_reported(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle", scale=-1.0)
    result = pupila.explain(bundle, halves(tmp_path / "halves.png"), label="red", out=tmp_path / "out")
    (cells,) = result[0].maps.values()
    assert cells.max() <= 0 > cells.min()
    page = (tmp_path / "out/explain.html").read_text()
    assert "In 1 image nothing speaks for" in page and "all evidence is against it" in page


def test_masks_are_explained_in_tiles_and_where_nothing_is_predicted_no_map_is_drawn(tmp_path: Path) -> None:
    bundle = write_painted(tmp_path / "bundle")
    result = pupila.explain(bundle, halves(tmp_path / "halves.png"), label="green")
    (cells,) = result[0].maps.values()
    view = result[0].explanation.view
    assert cells.ndim == 3 and view is not None and view.shape == (16, 16, 3)
    placed = result[0].explanation.maps[0].placed
    assert placed.shape == (16, 16) and placed[:, 12:].mean() > 10 * abs(placed[:, :4].mean())


def test_a_class_that_no_pixel_is_predicted_as_has_no_map(tmp_path: Path) -> None:
    bundle = write_painted(tmp_path / "bundle")
    result = pupila.explain(bundle, halves(tmp_path / "halves.png"), label="blue", out=tmp_path / "out")
    assert not result[0].maps and not result[0].label
    assert "Without a map" in (tmp_path / "out/explain.html").read_text()


def test_a_u_net_is_explained_at_two_stages_and_on_its_own_regions(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "water", 16)
    pupila.split(scenes)
    data = pupila.open(scenes)
    settings = EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    network = draw_network("segment", settings, SIDE)
    bundle = write_network(tmp_path / "bundle", network)
    result = pupila.explain(bundle, data, split="train", label=CLASSES[1], out=tmp_path / "out")
    assert [*result.report.limits] == ["last feature map", "middle of the decoder"]
    layers = result.report.localisation
    assert [each.layer for each in layers] == [*result.report.limits] and 0 < layers[0].area < 1
    assert json.loads((tmp_path / "out/explain.json").read_text())["localisation"]


def test_regions_of_other_data_are_matched_byte_for_byte(
    drawn: Bundle, insects: Path, tmp_path: Path
) -> None:
    scenes = write_scenes(tmp_path / "water", 12)
    photos = sorted((scenes / "images").iterdir()) if (scenes / "images").exists() else []
    assert photos
    result = pupila.explain(drawn, photos, regions=scenes)
    assert result.report.localisation and result.report.localisation[0].images > 0
    with pytest.raises(PupilaError, match="None of the images has a mask"):
        pupila.explain(drawn, insects / "ant", regions=scenes)
    with pytest.raises(PupilaError, match="The regions need masks"):
        pupila.explain(drawn, photos, regions=insects)


def test_the_check_is_on_the_page(drawn: Bundle, insects: Path, tmp_path: Path) -> None:
    result = pupila.explain(drawn, insects / "ant", most=3, check=True, out=tmp_path)
    assert result.report.sanity is not None and result.report.faithfulness is not None
    assert result.report.sanity.verdict == "undecided"  # three images
    page = (tmp_path / "explain.html").read_text()
    assert "too few to decide" in page and "too few groups" in page


def test_tokens_are_explained_by_hiding_parts(insects: Path, tmp_path: Path) -> None:
    settings = ClassifierSettings(weights="none", model="test_vit", head="linear")
    bundle = write_network(tmp_path / "bundle", draw_network("classify", settings, 160))
    photos = sorted((insects / "ant").iterdir())[:2]
    assert pupila.explain(bundle, photos).report.method == "occlusion"
    with pytest.raises(
        PupilaError, match=r"(?s)test_vit has no feature map for hirescam.*--method occlusion"
    ):
        pupila.explain(bundle, photos, method="hirescam")


def test_an_evaluation_shows_where_the_evidence_of_its_worst_errors_lies(
    drawn: Bundle, insects: Path, tmp_path: Path
) -> None:
    written = pupila.evaluate(drawn, insects, split="validation", explain=True, out=tmp_path / "out")
    page = Path(written.report).read_text()
    assert "Evidence in the worst errors" in page and "One scale for all images" in page
    assert page.index("Worst errors") < page.index("Evidence in the worst errors")
    plain = pupila.evaluate(drawn, insects, split="validation", out=tmp_path / "plain")
    assert plain.evaluation == written.evaluation
    assert "Evidence in the worst errors" not in Path(plain.report).read_text()
    table = tmp_path / "table.csv"
    table.write_text("image,prediction\n")
    with pytest.raises(PupilaError, match="Heat maps need a model that predicts images"):
        pupila.evaluate(table, insects, split="validation", explain=True)


def test_an_evaluation_of_masks_shows_its_worst_images(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "water", 16)
    pupila.split(scenes)
    settings = EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    torch.manual_seed(0)
    network = BUILDERS["segment"](settings, 2, SIDE)
    names = pupila.open(scenes).classes
    bundle = write_network(tmp_path / "bundle", network, names)
    written = pupila.evaluate(bundle, scenes, split="train", explain=True, out=tmp_path / "out")
    assert "Evidence in the worst errors" in Path(written.report).read_text()


def test_the_closed_form_runs_the_model_once_an_image(
    drawn: Bundle, insects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[list[str] | None] = []
    run = Session.run

    def record(self: Session, *inputs: Any, outputs: list[str] | None = None, bounded: bool = False) -> Any:
        if not bounded:  # no golden image
            runs.append(outputs)
        return run(self, *inputs, outputs=outputs, bounded=bounded)

    monkeypatch.setattr(Session, "run", record)
    pupila.explain(drawn, insects / "ant")
    assert runs == [[LOGITS, FEATURE_MAP]] * 8


def test_files_of_a_folder_that_are_no_images_are_counted(
    drawn: Bundle, insects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(insects / "ant", tmp_path / "ant")
    (folder / "notes.txt").write_text("no image")
    (folder / "list.csv").write_text("a,b")
    assert cli(["explain", drawn.folder, str(folder), "--out", str(tmp_path / "out")]) == 0
    sentence = "2 files that are not images were skipped: "
    assert sentence in capsys.readouterr().out and sentence in (tmp_path / "out/explain.html").read_text()
    assert not pupila.explain(drawn, insects / "ant").report.skipped


WITHOUT_TORCH = """
import sys
sys.modules.update(dict.fromkeys(("torch", "timm", "onnx")))
import pupila
drawn, image, out = sys.argv[1:]
print(len(pupila.explain(drawn, image, out=out)[0].maps))
try:
    pupila.explain(drawn, image, check=True)
except pupila.PupilaError as fault:
    print(fault)
"""


def test_a_closed_form_needs_no_torch(drawn: Bundle, insects: Path, tmp_path: Path) -> None:
    image = str(next((insects / "ant").iterdir()))
    command = [sys.executable, "-c", WITHOUT_TORCH, drawn.folder, image, str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    maps, *refusal = result.stdout.splitlines()
    assert maps == "1" and "needs the extra 'train'" in " ".join(refusal), result.stderr
    assert (tmp_path / "out/explain.html").exists()
