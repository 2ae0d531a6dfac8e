"""Evaluating promptable models: equal prompts, metrics computed a second way, baselines, refusals."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import find_prompt_targets
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.artifacts.run.log import EpochLog, write_log
from pupila.artifacts.run.source import parse_source
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION
from pupila.stages.evaluate.evaluator import EvaluationResult
from pupila.stages.evaluate.prompt.baselines import BOX_SCALES, fit_baselines
from pupila.stages.evaluate.run import evaluate_models
from pupila.stages.evaluate.sentences import sentences
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import BOX, POINTS, PromptStrategy
from tests.colours import POINTED, write_painted, write_pointing
from tests.pictures import photo, write_classes
from tests.stages.evaluate.reports import assert_valid, mean_of_slices, prompted, value
from tests.stages.evaluate.sealed import split_data, unopened
from tests.statistics.known import parts

Mask = NDArray[np.uint8]
SIDE = 32
PARTICULAR = POINTED.model_copy(
    update={"std": (0.25, 0.25, 0.25)}
)  # shades of a colour are colours of their own


def pool(seed: int) -> tuple[Mask, Mask]:
    """A picture of a dark red rectangle with a bright stripe in its middle, and the rectangle's mask."""
    rng = np.random.default_rng([11, seed])
    picture = 80 + photo(seed, SIDE, SIDE) // 2
    picture[..., 0] = 0
    height, width = rng.integers(12, 20, 2)
    top, left = rng.integers(1, SIDE - height), rng.integers(1, SIDE - width)
    picture[top : top + height, left : left + width] = (150, 0, 0)
    beside = int(width * rng.uniform(0.05, 0.35))
    picture[top : top + height, left + beside : left + width - beside] = (255, 0, 0)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return picture, mask


def write_pools(folder: Path, count: int, labels: dict[str, str] | None = None) -> Path:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        picture, mask = pool(number)
        Image.fromarray(picture).save(folder / f"images/{number:03d}.png")
        Image.fromarray(mask if labels else mask * np.uint8(255)).save(folder / f"masks/{number:03d}.png")
    if labels:
        (folder / "classes.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture(scope="module")
def split_pools(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """40 pictures, 20 of them in the test split."""
    return split_data(tmp_path_factory.mktemp("pools"), lambda folder: write_pools(folder, 40), 0.1, 0.5)


@pytest.fixture
def pools(split_pools: Dataset) -> Iterator[Dataset]:
    """The pictures, whose test split nobody has opened."""
    with unopened(split_pools) as data:
        yield data


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`generous` answers all of a rectangle, `particular` its part of one shade, `painted` where green is above red."""
    folder = tmp_path_factory.mktemp("models")
    write_pointing(folder / "generous")
    write_pointing(folder / "particular", preprocessing=PARTICULAR)
    write_painted(folder / "painted", classes=["background", "foreground"])
    return folder


def splits_of(data: Dataset) -> SplitFile:
    result = SplitFile.read(data.home)
    assert result is not None
    return result


def rows_of(data: Dataset, split: str = TEST) -> list[int]:
    return [row for row, model in enumerate(splits_of(data).images) if model.split == split]


def evaluate(data: Dataset, *paths: Path, **options: Any) -> EvaluationResult:
    return evaluate_models([parse_source(path) for path in paths], data, splits_of(data), **options)


def read_prompts(result: EvaluationResult, strategy: str) -> dict[str, Prompt]:
    """The prompts of `prompts.jsonl` by image."""
    lines = [json.loads(line) for line in result.extra_files["prompts.jsonl"].splitlines()]
    return {
        model["image"]: Prompt(
            tuple(map(tuple, model["points"])), tuple(map(tuple, model["negatives"])),
            model["box"] and tuple(model["box"]),
        )
        for model in lines if model["strategy"] == strategy
    }  # fmt: skip


def plain(target: Mask, prediction: Mask) -> dict[str, float]:
    """The four figures, from sets of pixels."""
    known = target != 255
    true, report = (set(np.flatnonzero((mask == 1) & known).tolist()) for mask in (target, prediction))
    both = len(true & report)
    return {
        "iou": both / len(true | report), "dice": 2 * both / (len(true) + len(report)),
        "precision": both / len(report) if report else 0, "recall": both / len(true),
    }  # fmt: skip


def score_bundle(bundle: Path, data: Dataset, prompts: dict[str, Prompt]) -> list[dict[str, float]]:
    """The metrics of a bundle's predictions, computed again in the order of the test split."""
    prompter, report = Prompter(read_bundle(bundle)), []
    for row in rows_of(data):
        image = prompter.encode(prompter.preprocess(Path(data.path(row)).read_bytes()))
        report.append(plain(data.mask(row), prompter.predict(image, prompts[data.images["image"][row]]).mask))
    return report


def test_figures_failures_and_tests_are_those_of_a_count_with_sets_of_pixels(
    pools: Dataset, models: Path
) -> None:
    result = evaluate(pools, models / "generous", models / "particular")
    e, count = prompted(result.evaluation), len(rows_of(pools))
    assert e.masks == e.images == e.models[0].n == count
    for strategy in ("points", "box"):
        prompts = read_prompts(result, strategy)
        report = [score_bundle(models / name, pools, prompts) for name in ("generous", "particular")]
        for model, by_hand in zip(e.models, report, strict=True):
            own = model.strategies[strategy]
            for name in ("iou", "dice", "precision", "recall"):
                mean = own.per_mask[name].mean
                assert mean.value == pytest.approx(np.mean([figures[name] for figures in by_hand]))
                assert sorted(parts(mean)) == list(parts(mean))
                assert sum(own.histograms[name]) == count
            failed = {i for i, figures in enumerate(by_hand) if figures["iou"] < 0.5}
            assert own.failures.masks == len(failed)
            names = [pools.images["image"][rows_of(pools)[i]] for i in sorted(failed)]
            assert [line.image for line in own.failures.instances] == names
        ours, theirs = ([figures["iou"] for figures in by_hand] for by_hand in report)
        assert np.mean(ours) > 0.99 > 0.8 > np.mean(theirs) > 0.3
        row = next(row for row in e.comparisons if row.strategy == strategy and not row.is_baseline)
        difference = row.metrics["mean_iou"]
        assert row.verdict == "better"
        assert difference.change == pytest.approx(np.mean(ours) / np.mean(theirs) - 1)
        assert difference.low and difference.high
        assert difference.low < np.mean(ours) - np.mean(theirs) < difference.high
        lost = sum(iou < 0.5 for iou in theirs)
        assert lost > 2
        assert row.failures.model_dump() == {
            "first": 0, "other": lost, "only_first": 0, "only_other": lost,
            "p_value": pytest.approx(binomtest(0, lost).pvalue),
        }  # fmt: skip


def test_the_summary_states_the_results(pools: Dataset, models: Path) -> None:
    e = prompted(evaluate(pools, models / "generous", models / "particular").evaluation)
    report = sentences(e)
    row = e.comparisons[0]
    by, failures = row.metrics["mean_iou"], row.failures
    assert report[0].startswith("generous with point prompts: mean IoU 1.000 (95 % CI ")
    assert report[0].endswith(", n = 20 masks of 20 test images in 20 groups).")
    assert report[1].startswith("generous with box prompts: mean IoU ")
    assert report[2].startswith(
        "With point prompts, generous is significantly better than particular. "
        f"Mean IoU: 1.000 against {by.other:.3f}, a change of +{100 * (by.change or 0):.1f} % (sign-flip test"
    )
    assert report[3].startswith(
        "With point prompts, 0 of 20 masks have an IoU below 0.5 (failures). "
        f"particular has {failures.other} failures, so this is a change of -100 % (exact McNemar test, p"
    )
    better = "With point prompts, generous is significantly better than the baseline "
    assert report[4].startswith(f"{better}filled box (mean IoU 0.")
    assert f"{better}mean mask (mean IoU 0." in report[4]
    assert report[-1] == (
        "With box prompts, the predicted IoU of generous differs from the actual IoU by 0.100 on average."
    )


def test_every_model_gets_the_same_prompts_in_every_evaluation(pools: Dataset, models: Path) -> None:
    result = evaluate(pools, models / "generous")
    again = evaluate(pools, models / "particular", models / "generous")
    assert result.extra_files == again.extra_files
    images = {pools.images["image"][row]: pools.mask(row) for row in rows_of(pools)}
    points, boxes = read_prompts(result, "points"), read_prompts(result, "box")
    assert points.keys() == boxes.keys() == images.keys()
    for image, mask in images.items():
        places = points[image]
        assert (len(places.points), len(places.negatives), places.box) == (
            POINTS.points,
            POINTS.negatives,
            None,
        )
        assert all(mask[int(y), int(x)] == 1 for x, y in places.points)
        assert all(mask[int(y), int(x)] == 0 for x, y in places.negatives)
        box = boxes[image].box
        assert box is not None and BOX.jitter is not None
        y, x = np.nonzero(mask)
        off = np.abs(np.array(box) - [x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert (off <= BOX.jitter * np.tile([np.ptp(x) + 1, np.ptp(y) + 1], 2) + 1e-9).all()


def test_models_that_take_no_prompt_are_scored_on_the_same_targets(
    pools: Dataset, models: Path, tmp_path: Path
) -> None:
    images = pools.images["image"].to_list()
    for row in range(len(pools)):
        half = pools.mask(row).copy()
        half[half.argmax(axis=0).max() + 6 :] = 0
        Image.fromarray(half * np.uint8(255)).save(tmp_path / f"{row}.png")
    table = tmp_path / "halves.csv"
    pl.DataFrame({"image": images, "mask": [f"{row}.png" for row in range(len(pools))]}).write_csv(table)
    result = evaluate(pools, models / "generous", models / "painted", table)
    e = prompted(result.evaluation)
    painted, halves = e.models[1:]
    by_hand = [
        plain(pools.mask(row), (np.asarray(Image.open(tmp_path / f"{row}.png")) > 0).astype(np.uint8))
        for row in rows_of(pools)
    ]
    for strategy in ("points", "box"):
        assert (
            value(painted.strategies[strategy].per_mask["iou"].mean) < 0.01
        )  # green is above red around the pool
        assert painted.strategies[strategy].failures.masks == e.masks
        recall = halves.strategies[strategy].per_mask["recall"].mean
        assert recall.value == pytest.approx(np.mean([model["recall"] for model in by_hand]))
    assert painted.strategies["points"] == painted.strategies["box"]
    assert [model.promptable for model in e.models] == [True, False, False]
    assert painted.sensitivity is None and painted.strategies["box"].predicted_iou is None
    back = prompted(evaluate(pools, models / "painted", models / "generous").evaluation)
    assert {row.verdict for row in back.comparisons if not row.is_baseline} == {"worse"}


def test_baselines_fit_the_training_split(pools: Dataset, models: Path) -> None:
    result = evaluate(pools, models / "generous")
    box, mean = prompted(result.evaluation).baselines
    prompts = read_prompts(result, "box")

    def filled(shape: tuple[int, ...], place: tuple[float, float, float, float]) -> Mask:
        """Pixels whose middle lies in the box, one by one."""
        x0, y0, x1, y1 = place
        inside = [
            [x0 <= x + 0.5 <= x1 and y0 <= y + 0.5 <= y1 for x in range(shape[1])] for y in range(shape[0])
        ]
        return np.array(inside, np.uint8)

    by_hand = []
    for row in rows_of(pools):
        place = prompts[pools.images["image"][row]].box
        assert place is not None
        by_hand.append(plain(pools.mask(row), filled((SIDE, SIDE), place))["iou"])
    assert box.strategies["box"].per_mask["iou"].mean.value == pytest.approx(np.mean(by_hand))
    known = fit_baselines(pools, rows_of(pools, TRAIN))
    fits = []
    for times in BOX_SCALES:
        scores = []
        for row in rows_of(pools, TRAIN):
            target = next(find_prompt_targets(pools, row))
            x, y = np.array(target.make_prompt(POINTS).points).T
            left, right, top, bottom = x.min() - 0.5, x.max() + 0.5, y.min() - 0.5, y.max() + 0.5
            far = np.array([right - left, bottom - top]) * (times - 1) / 2
            around = (left - far[0], top - far[1], right + far[0], bottom + far[1])
            scores.append(plain(target.target, filled(target.target.shape, around))["iou"])
        fits.append(np.mean(scores))
    assert known.box_scale == BOX_SCALES[int(np.argmax(fits))] == prompted(result.evaluation).box_scale
    assert 0 < value(mean.strategies["points"].per_mask["iou"].mean) < 0.7
    assert mean.strategies["points"] == mean.strategies["box"]


def test_the_mean_of_equal_masks_is_the_mask_and_of_an_unknown_class_the_picture(tmp_path: Path) -> None:
    folder = write_pools(tmp_path / "data", 6)
    mask = np.zeros((64, 64), np.uint8)
    mask[10:30, 20:50] = 255
    for path in (folder / "masks").iterdir():
        Image.fromarray(mask).save(path)
        Image.fromarray(photo(int(path.stem), 64, 64)).save(folder / "images" / path.name)
    data = pupila.open(folder)
    target = next(find_prompt_targets(data, 5))
    prediction, _ = fit_baselines(data, [0, 1, 2, 3]).predict_mean(target, Prompt())
    assert (prediction == target.target).all()
    nothing = fit_baselines(data, [])
    assert nothing.predict_mean(target, Prompt())[0].all()
    assert nothing.box_scale == 1


def test_each_class_of_an_image_is_a_mask_and_unlabelled_pixels_never_count(tmp_path: Path) -> None:
    folder = write_pools(
        tmp_path / "data", 36, {"0": "background", "1": "pool", "2": "roof", "9": "unlabeled"}
    )
    for number, path in enumerate(sorted((folder / "masks").iterdir())):
        mask, image = np.array(Image.open(path)), folder / "images" / path.name
        picture = np.array(Image.open(image))
        picture[mask == 1] = (255, 0, 0)
        if number % 2:
            picture[-4:, :5] = (255, 255, 255)
            mask[-4:, :5] = 2
        mask[0], picture[0] = 9, (255, 0, 0)  # answered with the pool, and nobody knows what it is
        if number % 6 == 0:
            mask[1:] = 0
        Image.fromarray(mask).save(path)
        Image.fromarray(picture).save(image)
    data = pupila.open(folder)
    pupila.split(data, val=0.1, test=0.5)
    model = write_pointing(tmp_path / "model").folder
    e = prompted(evaluate(data, Path(model)).evaluation)
    masks = [data.mask(row) for row in rows_of(data)]
    there = {
        name: sum(bool((mask == number).any()) for mask in masks)
        for number, name in ((1, "pool"), (2, "roof"))
    }
    assert min(there.values()) > 5
    assert e.masks == sum(there.values())
    assert e.images_without_targets == sum(not np.isin(mask, (1, 2)).any() for mask in masks) > 0
    for strategy in e.models[0].strategies.values():
        assert {name: row.masks for name, row in strategy.classes.items()} == there
        assert strategy.per_mask["precision"].mean.value == pytest.approx(1)
        assert strategy.classes["pool"].iou.value == pytest.approx(1)
    assert (
        f"{e.images_without_targets} images have no foreground region to prompt for and are skipped."
        in sentences(e)
    )
    units = [(entry.row, entry.class_name) for entry in e.examples["points"].worst]
    assert {name for _, name in units} <= {"pool", "roof"}


def test_sensitivity_to_the_prompt_is_measured(pools: Dataset, models: Path) -> None:
    result = evaluate(pools, models / "generous", models / "particular")
    ours, theirs = (model.sensitivity for model in prompted(result.evaluation).models)
    assert ours and theirs
    assert [row.at for row in ours.points] == [1, 2, 3, 5, 8]
    assert [row.at for row in ours.jitter] == [0.0, 0.05, 0.1, 0.2]
    assert all(value(row) > 0.98 for row in [*ours.points, *ours.jitter, ours.anywhere, ours.border])
    box_iou = prompted(result.evaluation).models[1].strategies["box"].per_mask["iou"].mean.value
    assert theirs.jitter[1].value == pytest.approx(box_iou)
    inner, border = theirs.anywhere.value, theirs.border.value
    assert inner == pytest.approx(
        prompted(result.evaluation).models[1].strategies["points"].per_mask["iou"].mean.value
    )
    assert border != inner
    fewer, more = (
        next(find_prompt_targets(pools, 0)).make_prompt(PromptStrategy("n", points=count)).points
        for count in (2, 5)
    )
    assert more[:2] == fewer


def test_the_page_of_a_run_stands_alone_and_shows_it_all(
    pools: Dataset, models: Path, tmp_path: Path
) -> None:
    run = tmp_path / "tuned"
    write_pointing(run / "bundle")
    write_log(str(run), [
        EpochLog(part="head", phase="head", epoch=n, train_loss=1 / n, metrics={"mean_iou": 1 - 1 / n}, score=n,
                 lr=1e-3, seconds=1.0)
        for n in (1, 2, 3)
    ])  # fmt: skip
    output = pupila.evaluate(run, pools, against=[models / "particular"])
    assert output.report == str(run / "evaluation-test/report.html")
    page = Path(output.report).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert (
        page.index("With point prompts, tuned is significantly better than particular")
        < page.index("<svg")
        < page.index("<table")
    )
    for heading in (
        "Training curves",
        "Largest gain: ",
        "Median: ",
        "Smallest gain: ",
        "Failures with box prompts",
    ):
        assert heading in page
    shown = prompted(output.evaluation).examples
    pictures = sum(len(parts.all()) for parts in shown.values())
    assert page.count("data:image/") == 4 * pictures  # image and prompt, ground truth, other, ours
    gains = [
        model.iou - (model.rival_iou or 0)
        for kind in ("worst", "median", "best")
        for model in getattr(shown["box"], kind)
    ]
    assert gains[:2] == sorted(gains)[:2]
    assert max(gains) == gains[4] > gains[0]
    assert_valid(Path(output.report_json), output.evaluation)
    assert (
        len((run / "evaluation-test/prompts.jsonl").read_text().splitlines())
        == 2 * prompted(output.evaluation).masks
    )


def test_the_page_of_one_model_shows_its_best_and_worst(pools: Dataset, models: Path, tmp_path: Path) -> None:
    output = pupila.evaluate(models / "particular", pools, split="validation", out=tmp_path / "out")
    e = prompted(output.evaluation)
    assert e.test_accesses == 0 and not read_test_accesses(pools.home)
    assert e.split == VALIDATION
    assert e.groups < 10 and e.models[0].strategies["box"].per_mask["iou"].mean.low is None
    assert any(line.startswith("Too few groups for confidence intervals") for line in sentences(e))
    page = Path(output.report).read_text()
    assert "Best, median and worst masks with point prompts" in page
    assert "Training curves" not in page
    assert [row.is_baseline for row in e.comparisons] == [True] * 4


def test_slices_by_size_are_of_masks_for_each_prompt_strategy(
    pools: Dataset, models: Path, tmp_path: Path
) -> None:
    output = pupila.evaluate(
        models / "particular", pools, split="validation", by="size", out=tmp_path / "out"
    )
    report = prompted(output.evaluation)
    for strategy, row in report.models[0].strategies.items():
        mean = row.per_mask["iou"].mean.value
        assert mean_of_slices(report, "size", f"mean_iou_{strategy}") == pytest.approx(mean)
    assert {part.unit for part in report.slices} == {"masks"}
    assert sum(row.n for row in report.slices[0].slices) == report.masks


def test_each_access_to_the_test_split_is_recorded(pools: Dataset, models: Path) -> None:
    assert prompted(evaluate(pools, models / "generous").evaluation).test_accesses == 1
    e = prompted(evaluate(pools, models / "generous", models / "painted").evaluation)
    assert e.test_accesses == 2
    assert len(read_test_accesses(pools.home)) == 3
    assert any("The test split has been evaluated 2 times" in line for line in sentences(e))


def test_what_cannot_be_evaluated_is_refused(pools: Dataset, models: Path, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="--threshold applies to one class an image"):
        evaluate(pools, models / "generous", threshold="f1")
    write_painted(tmp_path / "other", classes=["land", "water"])
    with pytest.raises(
        PupilaError, match=r"trained for other classes.* the data lack land, water; the bundle lacks"
    ):
        evaluate(pools, models / "generous", tmp_path / "other")
    assert not read_test_accesses(pools.home)
    photos = pupila.open(write_classes(tmp_path / "photos", {"a": 12, "b": 12}))
    pupila.split(photos, val=0.2, test=0.4)
    with pytest.raises(PupilaError, match="Prompts are drawn from masks"):
        evaluate(photos, models / "generous")
    folder = write_pools(tmp_path / "empty", 16)
    for path in sorted((folder / "masks").iterdir())[1:]:
        Image.new("L", (SIDE, SIDE)).save(path)
    data = pupila.open(folder)
    pupila.split(data, val=0.2, test=0.5)
    side = next(split for split in (TEST, VALIDATION) if 0 not in rows_of(data, split))
    with pytest.raises(PupilaError, match="No image has a foreground region to prompt for"):
        evaluate(data, models / "generous", split=side)


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    data = pupila.open(write_pools(tmp_path / "data", 12))
    pupila.split(data, val=0.1, test=0.5)
    gone = Path(data.path(rows_of(data)[2]))
    gone.unlink()
    write_pointing(tmp_path / "model")
    with pytest.raises(PupilaError, match=f"{gone} can no longer be read"):
        evaluate(data, tmp_path / "model")
