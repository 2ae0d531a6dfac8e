"""`pupila explain --point`: a bundle whose mask is what has the colour of the place that is pointed at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.report.explanation import ExplainReport
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.stages.explain.prompt import PromptedImage
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import PostProcessing
from tests.colours import POINTED, write_colours, write_pointing
from tests.pictures import Pixels, encoded

RED = Prompt(points=((20.5, 15.5),))


def scene() -> Pixels:
    """32 x 64 pixels: green, with a red rectangle of 24 x 16 at (8, 8) and a blue one of 8 x 8 at (48, 16)."""
    picture = np.full((32, 64, 3), (0, 255, 0), np.uint8)
    picture[8:24, 8:32] = (255, 0, 0)
    picture[16:24, 48:56] = (0, 0, 255)
    return picture


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_pointing(
        tmp_path_factory.mktemp("pointing") / "bundle",
        preprocessing=POINTED.model_copy(update={"fit": "corner"}),
    )


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    path.write_bytes(encoded(scene()))
    return path


def test_the_map_and_the_clicks_are_on_the_page(bundle: Bundle, photo: Path, tmp_path: Path) -> None:
    result = pupila.explain(bundle, photo, prompt=RED, random_masks=300, out=tmp_path)
    report = ExplainReport.model_validate_json((tmp_path / "explain.json").read_bytes())
    assert report == result.report
    assert (report.method, report.unit, report.prompt) == ("rise", "overlap", "--point 20.5,15.5")
    (heat,) = result[0].maps.values()
    view = result[0].explanation.view
    assert view is not None and view.shape == (16, 32, 3) and heat.shape == (16, 32)  # without the padding
    red = view[..., 0] > 200
    assert heat[red].mean() > 3 * np.abs(heat[~red]).mean() and np.abs(heat).max() <= 1
    assert report.clicks is not None and report.clicks.verdict == "hardly" and report.clicks.share.value == 1
    assert report.clicks.iou["inside"].value == 1 and report.clicks.iou["elsewhere"].value == 0
    page = (tmp_path / "explain.html").read_text()
    assert "The mask hardly depends on where inside it the click lies" in page
    assert "in units of the soft IoU" in page and "--point 20.5,15.5" in page
    assert page.count("data:image") == 4  # the scale, the prompt, its map and the clicks
    drawn = result[0].plot()
    assert drawn.width > drawn.height


def test_the_overlap_is_that_of_the_mask_of_the_unchanged_image(bundle: Bundle, photo: Path) -> None:
    prompter = Prompter(bundle)
    prompted = PromptedImage(prompter, prompter.preprocess(photo.read_bytes()), RED)
    repainted = prompted.pixels.copy()
    repainted[:, prompted.mask] = repainted[:, :1, 0]  # green
    repainted[:, 7, 10] = prompted.pixels[:, 7, 10]  # but for the pixel of the click, which stays red
    assert prompted.pixels.shape == (3, 16, 32) and prompted.mask.sum() == pytest.approx(12 * 8, abs=8)
    whole, alone = prompted.overlaps(np.stack([prompted.pixels, repainted]))
    assert whole > 0.9
    assert alone == pytest.approx(1 / prompted.mask.sum(), abs=0.002)
    assert (prompted.move_click(12, 8) == prompted.mask).all()
    assert not (prompted.move_click(26, 10) & prompted.mask).any()  # the blue one


@pytest.mark.parametrize(
    "prompt",
    [Prompt(box=(7, 7, 33, 25)), Prompt(points=((20.5, 15.5), (22.5, 15.5)))],
    ids=["box", "two points"],
)
def test_without_a_single_click_there_is_none_to_move(
    prompt: Prompt, bundle: Bundle, photo: Path, tmp_path: Path
) -> None:
    result = pupila.explain(bundle, photo, prompt=prompt, random_masks=32, out=tmp_path)
    assert result.report.clicks is None and result.report.images[0].maps
    assert "that needs a single foreground point" in (tmp_path / "explain.html").read_text()


def test_a_prompt_without_a_mask_has_no_map(photo: Path, tmp_path: Path) -> None:
    empty = write_pointing(tmp_path / "bundle", post_processing=PostProcessing(smallest_region=0.9))
    result = pupila.explain(empty, photo, prompt=RED, out=tmp_path / "out")
    assert not result[0].maps and not result[0].label and result.report.clicks is None
    assert "Without a map" in (tmp_path / "out/explain.html").read_text()


def test_the_check_uncovers_the_image_for_the_same_prompt(
    bundle: Bundle, photo: Path, tmp_path: Path
) -> None:
    result = pupila.explain(bundle, photo, prompt=RED, random_masks=300, check=True, out=tmp_path)
    checked = result.report.faithfulness
    assert checked is not None and checked.measure == "overlap" and result.report.sanity is None
    assert checked.insertion.first > checked.insertion.other  # what the map shows is what the mask needs
    page = (tmp_path / "explain.html").read_text()
    assert "gives a mean overlap of" in page and "the curve is the overlap" in page


def test_the_command_takes_the_prompt_as_predict_does(
    bundle: Bundle, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", bundle.folder, str(photo), "--out", str(tmp_path), "--random-masks", "32"]
    assert run([*words, "--point", "20,15", "--negative", "2,2", "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["prompt"] == "--point 20,15 --negative 2,2" and report["clicks"]["images"] == 1
    assert run([*words, "--point", "20"]) == 2
    assert "Invalid --point" in capsys.readouterr().err
    assert run(words) == 2
    assert "add --point X,Y or --box X0,Y0,X1,Y1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "gradcam"}, r"(?s)gradcam does not explain promptable models.*--method rise"),
        ({"method": "occlusion"}, r"(?s)occlusion does not explain promptable models.*--method rise"),
        ({"label": "foreground"}, r"(?s)The mask of a prompt has no class.*omit --label"),
        ({"split": "train"}, r"(?s)--split can't be used with a promptable model.*BUNDLE IMAGE --point X,Y"),
        ({"regions": "x", "split": "train"}, r"--split, --regions can't be used"),
        ({"prompt": Prompt(negatives=((1, 1),))}, "The prompt is incomplete"),
        ({"prompt": Prompt(points=((64, 1),))}, "Points outside the image"),
    ],
)
def test_what_a_prompt_cannot_have_is_refused(
    given: dict[str, Any], message: str, bundle: Bundle, photo: Path
) -> None:
    with pytest.raises(PupilaError, match=message):
        pupila.explain(bundle, photo, **{"prompt": RED, **given})


def test_other_models_take_no_prompt(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"(?s)--point needs a promptable model.*omit --point"):
        pupila.explain(write_colours(tmp_path / "bundle"), photo, prompt=RED)
