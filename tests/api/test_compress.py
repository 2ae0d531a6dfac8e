"""`pupila compress` from end to end: a bundle in int8 that predicts, and what is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.api.compress import plan_compression
from pupila.api.compress_networks import SmallerNetworks
from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.artifacts.report.compression import CompressReport
from pupila.artifacts.report.evaluation.classify import ClassifyReport
from pupila.core.errors import PupilaError
from pupila.learning.models.ensemble import average_networks
from pupila.learning.models.rebuild import rebuild_network
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.stages.compress import candidate
from pupila.stages.compress.candidate import Conversion
from pupila.stages.compress.choose import FASTER
from tests.colours import write_pointing
from tests.pictures import write_classes, write_scenes
from tests.several_labels import write_several_labels
from tests.untrained import CLASSES, draw_network, write_network


@pytest.fixture(scope="module")
def insects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("insects") / "insects", dict.fromkeys(CLASSES, 10))
    pupila.split(folder)
    return folder


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    settings = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
    return write_network(tmp_path_factory.mktemp("drawn") / "bundle", draw_network("classify", settings, 64))


@pytest.fixture
def any_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests don't depend on the clock: whatever is not twice as slow counts as faster."""
    monkeypatch.setattr("pupila.stages.compress.choose.FASTER", 0.0)
    assert FASTER > 1


@pytest.mark.usefixtures("any_speed")
def test_the_chosen_model_is_a_bundle_that_predicts(parent: Bundle, insects: Path, tmp_path: Path) -> None:
    result = pupila.compress(
        parent, insects, max_drop=1.0, rounds=2, calibration_images=12, out=tmp_path / "out"
    )
    report = CompressReport.model_validate_json((tmp_path / "out/compress.json").read_bytes())
    assert report == result.report and [model.outcome for model in report.models].count("chosen") == 1
    assert result.bundle is not None
    bundle = read_bundle(tmp_path / "out/bundle")
    info = bundle.info
    assert (
        info.precision.onnx == "int8"
        and info.parent == parent.hash
        and "weights.safetensors" not in info.files
    )
    assert info.compression is not None and info.compression.calibration_images == 12
    split = {row.sha256: row.split for row in pupila.split(insects).images}
    hashes = bundle.read("calibration_images.txt").decode().split()
    assert len(hashes) == 12 and {split[digest] for digest in hashes} == {"train"}
    assert "Compressed: int8" in bundle.read("card.md").decode()
    assert len(pupila.predict(bundle, insects / "ant")) == 10
    assert pupila.explain(bundle, insects / "ant", most=1).report.method == "occlusion"
    page = (tmp_path / "out/compress.html").read_text()
    assert "calibration images, all of them training images" in page
    with pytest.raises(PupilaError, match="The bundle is compressed already"):
        pupila.compress(bundle, insects)


def test_nothing_is_written_as_a_bundle_where_nothing_was_gained(
    parent: Bundle, insects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pupila.stages.compress.choose.FASTER", 1e6)
    result = pupila.compress(parent, insects, rounds=2, calibration_images=6, out=tmp_path / "out")
    assert result.bundle is None and not (tmp_path / "out/bundle").exists()
    assert "Nothing was gained" in repr(result) and (tmp_path / "out/compress.html").exists()


@pytest.mark.usefixtures("any_speed")
def test_a_candidate_that_cannot_be_made_stops_no_other(
    parent: Bundle, insects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: bytes, inputs: Any) -> bytes:
        raise NotImplementedError("no such operator")

    conversions = (
        Conversion("none", "nothing", "int8", fail),
        Conversion("same", "as it is", "int8", lambda model, _: model),
    )
    monkeypatch.setattr(candidate, "INT8", conversions)
    result = pupila.compress(parent, insects, rounds=2, calibration_images=6, out=tmp_path / "out")
    assert [model.outcome for model in result.report.models] == ["failed", "chosen"]
    assert result.report.models[0].reason == "no such operator"
    assert result.report.models[1].largest_difference == 0.0


@pytest.mark.usefixtures("any_speed")
def test_an_access_to_the_test_split_is_recorded(parent: Bundle, insects: Path, tmp_path: Path) -> None:
    before = len(read_test_accesses(str(insects)))
    result = pupila.compress(parent, insects, test=True, rounds=2, calibration_images=6, out=tmp_path / "out")
    assert result.report.split == "test" and len(read_test_accesses(str(insects))) > before


def test_what_cannot_be_compressed_is_refused(insects: Path, parent: Bundle, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="Promptable models can't be compressed"):
        pupila.compress(write_pointing(tmp_path / "pointing"), insects)
    unsplit = write_classes(tmp_path / "unsplit", dict.fromkeys(CLASSES, 4))
    with pytest.raises(PupilaError, match="The data set is not split"):
        pupila.compress(parent, unsplit)
    other = write_classes(tmp_path / "other", dict.fromkeys(["ant", "bee", "moth"], 8))
    pupila.split(other, folds=2)
    with pytest.raises(PupilaError, match="trained for other classes"):
        pupila.compress(parent, other, prune=0.3)
    folds = write_classes(tmp_path / "folds", dict.fromkeys(CLASSES, 8))
    pupila.split(folds, folds=2)
    with pytest.raises(PupilaError, match="No labelled image in the validation split"):
        pupila.compress(parent, folds, prune=0.3)


@pytest.mark.usefixtures("any_speed")
@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"prune": 0.3, "finetune_epochs": 1}, "pruned by"),
        ({"zero": 0.3, "finetune_epochs": 1}, "30 % zeros"),
        ({"distill_into": "lenet"}, "distilled into lenet"),
    ],
)
def test_a_smaller_network_is_trained_and_becomes_a_bundle(
    parent: Bundle, insects: Path, tmp_path: Path, settings: dict[str, Any], title: str
) -> None:
    result = pupila.compress(
        parent, insects, max_drop=1.0, rounds=2, calibration_images=6, int8=False, out=tmp_path / "out",
        **settings,
    )  # fmt: skip
    (model,) = result.report.models
    assert model.title.startswith(title) and model.outcome == "chosen" and result.bundle is not None
    assert model.parameters == result.bundle.info.parameters and model.memory > 0
    assert len(result.report.remarks) == (0 if "distill_into" in settings else 1)
    info = read_bundle(tmp_path / "out/bundle").info
    assert "calibration_images.txt" not in info.files  # of int8
    assert info.parent == parent.hash and info.precision.onnx == "float32" and info.validation is not None
    images = result.bundle.read("training_images.txt").decode().split()
    assert len(images) == sum(row.split != "test" for row in pupila.split(insects).images)
    assert len(pupila.predict(result.bundle, insects / "ant")) == 10
    rebuilt = "weights.safetensors" in info.files
    assert rebuilt is ("prune" not in settings)
    if "prune" in settings:
        assert model.parameters <= 0.7 * result.report.parameters
    if rebuilt:
        network = rebuild_network(result.bundle)
        zeros = np.mean([float((p == 0).float().mean()) for p in network.encoder.parameters() if p.ndim == 4])
        assert bool(zeros > 0.1) is ("zero" in settings)
        assert pupila.explain(result.bundle, insects / "ant", most=1).report.method == "gradcam"


@pytest.mark.usefixtures("any_speed")
def test_an_interrupted_compression_does_not_train_again(
    parent: Bundle, insects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compress() -> CompressReport:
        return pupila.compress(
            parent, insects, rounds=2, calibration_images=6, int8=False, prune=0.2, finetune_epochs=2,
            out=tmp_path / "out",
        ).report  # fmt: skip

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pupila.stages.compress.measure.measure_latencies", stop)
        with pytest.raises(KeyboardInterrupt):
            compress()
    with monkeypatch.context() as patch:
        patch.setattr("pupila.stages.train.schedule.Schedule.train", stop)
        assert [model.outcome for model in compress().models] == ["chosen"]
        with pytest.raises(KeyboardInterrupt):  # nothing is left of it after it was complete
            compress()


def test_a_network_that_cannot_be_pruned_stops_no_other_model(
    insects: Path, tmp_path: Path, any_speed: None
) -> None:
    settings = ClassifierSettings(weights="none", model="lenet")
    members = [draw_network("classify", settings, 64, seed) for seed in (0, 1)]
    ensemble = write_network(tmp_path / "ensemble", average_networks(members))
    report = pupila.compress(
        ensemble, insects, rounds=2, calibration_images=6, prune=0.3, max_drop=1.0, out=tmp_path / "out"
    ).report
    failed = [model for model in report.models if model.outcome == "failed"]
    assert [model.name.partition("-")[0] for model in failed] == ["pruned"] * 4
    assert "The network of an ensemble can't be changed" in failed[0].reason
    assert [model.outcome for model in report.models].count("chosen") == 1


@pytest.mark.usefixtures("any_speed")
def test_a_pruned_network_averages_over_the_flips_of_its_parent(insects: Path, tmp_path: Path) -> None:
    network = draw_network("classify", ClassifierSettings(weights="none", model="resnet_small"), 32)
    parent = write_network(tmp_path / "flipped", replace(network, test_time_flips="horizontal"))
    result = pupila.compress(
        parent, insects, prune=0.1, int8=False, finetune_epochs=1, max_drop=1.0, rounds=2, calibration_images=6,
        out=tmp_path / "out",
    )  # fmt: skip
    assert result.bundle is not None and result.bundle.info.test_time_flips == "horizontal"


@pytest.mark.usefixtures("any_speed")
@pytest.mark.parametrize("task", ["multilabel", "segment"])
def test_every_candidate_of_other_tasks_is_evaluated(
    task: str, tmp_path: Path, real_weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_WEIGHTS", str(real_weights("mobilenetv2_100.safetensors").parent))
    if task == "multilabel":
        data = write_several_labels(tmp_path / "data", 40)
        settings: Any = ClassifierSettings(weights="none", model="resnet_small")
    else:
        data = write_scenes(tmp_path / "data", 24)
        settings = EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    pupila.split(data)
    classes = pupila.open(data).classes
    parent = write_network(
        tmp_path / "parent", draw_network(task, settings, 32, classes=len(classes)), classes
    )
    report = pupila.compress(
        parent, data, prune=0.2, zero=0.2, distill_into="resnet_small" if task == "multilabel" else "unet",
        half=True, finetune_epochs=1, max_drop=1.0, rounds=2, calibration_images=6, out=tmp_path / "out",
    ).report  # fmt: skip
    assert [model.outcome for model in report.models if model.outcome in ("failed", "chosen")] == ["chosen"]
    assert len(report.models) == 4 + 5 + 1 + 5


def test_a_report_is_written_where_no_network_can_be_made(insects: Path, tmp_path: Path) -> None:
    settings = ClassifierSettings(weights="none", model="lenet")
    members = [draw_network("classify", settings, 64, seed) for seed in (0, 1)]
    ensemble = write_network(tmp_path / "ensemble", average_networks(members))
    result = pupila.compress(
        ensemble, insects, int8=False, prune=0.3, calibration_images=6, out=tmp_path / "out"
    )
    assert result.bundle is None and [model.outcome for model in result.report.models] == ["failed"]
    assert "can&#39;t be changed" in (tmp_path / "out/compress.html").read_text()


def test_an_error_of_a_library_is_the_reason_of_its_network(
    parent: Bundle, insects: Path, tmp_path: Path, any_speed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("shape is invalid\nfor input")

    monkeypatch.setattr("pupila.api.compress_networks.prune_channels", fail)
    result = pupila.compress(
        parent, insects, int8=False, half=True, prune=0.3, rounds=2, calibration_images=6, max_drop=1.0,
        out=tmp_path / "out",
    )  # fmt: skip
    assert [(model.outcome, model.reason) for model in result.report.models] == [
        ("chosen", ""), ("failed", "shape is invalid"), ("failed", "shape is invalid"),
    ]  # fmt: skip
    assert (tmp_path / "out/bundle").exists()
    monkeypatch.setattr("pupila.stages.compress.choose.FASTER", 1e6)
    pupila.compress(parent, insects, rounds=2, calibration_images=6, out=tmp_path / "out")
    assert not (tmp_path / "out/bundle").exists()  # it was not of this report


def test_networks_are_only_trained_where_validation_chooses_their_epoch(
    insects: Path, tmp_path: Path
) -> None:
    folder = write_classes(tmp_path / "folds", dict.fromkeys(CLASSES, 12))
    pupila.split(folder, folds=2, test=0.2)
    settings = ClassifierSettings(weights="none", model="lenet")
    drawn = write_network(tmp_path / "drawn", draw_network("classify", settings, 32))
    with pytest.raises(PupilaError, match="No labelled image in the validation split"):
        pupila.compress(drawn, folder, prune=0.3, test=True)
    with pytest.raises(PupilaError, match="nosuchmodel"):
        plan_compression(drawn, insects, distill_into="nosuchmodel")


def test_two_compressions_do_not_train_the_same_network(
    parent: Bundle, insects: Path, tmp_path: Path, any_speed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"int8": False, "zero": 0.3, "finetune_epochs": 1, "rounds": 2, "max_drop": 1.0}
    inner: list[CompressReport] = []
    whole = SmallerNetworks._zero

    def compress_meanwhile(self: Any, planned: Any) -> Any:
        network = whole(self, planned)
        monkeypatch.setattr(SmallerNetworks, "_zero", whole)
        inner.append(
            pupila.compress(parent, insects, calibration_images=6, out=tmp_path / "b", **given).report
        )
        return network

    monkeypatch.setattr(SmallerNetworks, "_zero", compress_meanwhile)
    outer = pupila.compress(parent, insects, calibration_images=6, out=tmp_path / "a", **given).report
    assert outer.models[0].outcome == "chosen"
    assert inner[0].models[0].reason.startswith("Another compression trains the same network")


def test_the_objective_of_a_threshold_stays(tmp_path: Path, any_speed: None) -> None:
    folder = write_classes(tmp_path / "parts", {"bad": 16, "good": 24})
    pupila.split(folder)
    run = pupila.train(
        folder, model="lenet", weights="none", image_size=32, epochs=1, threshold="bad:recall>=0.9",
        out=tmp_path / "run", tell=lambda line: None,
    )  # fmt: skip
    shutil.copytree(run.bundle.folder, tmp_path / "alone")
    result = pupila.compress(
        str(tmp_path / "alone"), folder, int8=False, zero=0.2, finetune_epochs=1, rounds=2, max_drop=1.0,
        calibration_images=6, out=tmp_path / "out",
    )  # fmt: skip
    assert result.bundle is not None
    ours, theirs = result.bundle.info.post_processing, run.bundle.info.post_processing
    assert (
        (ours.positive, ours.objective) == (theirs.positive, theirs.objective) == ("bad", "bad:recall>=0.9")
    )


def test_a_dry_run_says_what_would_be_tried(parent: Bundle, insects: Path) -> None:
    first, *others = plan_compression(parent, insects, prune=0.3, half=True)
    assert first.startswith("9 models would be tried: int8 per channel; ")
    assert "half precision; pruned by 30 %; " in first
    assert others[1].endswith("of the training split.")
    assert others[2] == "Pruned networks are fine-tuned for 3 epochs."
    (_, images, distilled) = plan_compression(parent, insects, int8=False, distill_into="lenet", test=True)
    tested = sum(row.split == "test" for row in pupila.split(insects).images)
    assert f"on {tested} images" in images and "as pupila train trains it" in distilled
    with pytest.raises(PupilaError, match="There is nothing to try"):
        plan_compression(parent, insects, int8=False)
    with pytest.raises(PupilaError, match="finetune_epochs=5 has no effect: it needs --prune 0"):
        plan_compression(parent, insects, finetune_epochs=5)


def test_three_lost_images_and_one_gained_are_not_distinguishable(tmp_path: Path) -> None:
    """Pruning of a classifier as it was once reported: 112, 109 and 113 of 117 images."""
    folder = write_classes(tmp_path / "octagons", {"with": 118, "without": 116})
    splits = pupila.split(folder, test=0.5)
    data = pupila.open(folder)
    named = zip(data.images["image"].to_list(), data.images["target"].to_list(), splits.images, strict=True)
    tested = [(image, target) for image, target, row in named if row.split == "test"]
    assert len(tested) == 117
    other = {"with": "without", "without": "with"}
    for name, wrong in (("parent", range(5)), ("pruned", range(8)), ("finetuned", range(1, 5))):
        rows = [
            f"{image},{other[target] if number in wrong else target}"
            for number, (image, target) in enumerate(tested)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["image,prediction", *rows]) + "\n")
    parent, *others = (tmp_path / f"{name}.csv" for name in ("parent", "pruned", "finetuned"))
    report = pupila.evaluate(parent, folder, against=others, out=tmp_path / "report").evaluation
    assert isinstance(report, ClassifyReport)
    assert [round(117 * (model.metrics["accuracy"].value or 0)) for model in report.models] == [112, 109, 113]
    assert [each.verdict for each in report.comparisons] == ["not distinguishable"] * 2
