"""The demo: reproducible synthetic data with all planted faults, and folders of the user are not overwritten."""

from pathlib import Path

import pytest

import pupila
from pupila.api.train_options import TrainOptions
from pupila.cli.run import run
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.packages import WITH, WITHOUT, draw_products, write_shop
from pupila.demo.steps import format_flags
from pupila.stages.doctor.faults import catalogue, mask_entries, several_labels_entries


def test_exactly_a_fifth_of_the_products_carries_octagons() -> None:
    products = draw_products(40, seed=1)
    assert sum(product.octagons > 0 for product in products) == 8
    assert {product.label for product in products if product.octagons} == {WITH}


def test_the_same_seed_draws_the_same_shop_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("second", 5), ("third", 6)):
        write_shop(tmp_path / name, products=5, seed=seed)
    drawn = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).glob("*/*.jpg")}
        for name in ("first", "second", "third")
    }
    assert drawn["first"] == drawn["second"]
    assert not set(drawn["first"].values()) & set(drawn["third"].values())
    assert {path.parent.name for path in (tmp_path / "first").glob("*/*.jpg")} == {WITH, WITHOUT}


def test_every_planted_fault_is_detected_with_its_own_fix(tmp_path: Path) -> None:
    plant_faults(tmp_path)
    detected = {fault.code: fault for fault in pupila.doctor(tmp_path)}
    assert set(PLANTED) <= set(detected)
    assert len(PLANTED) >= 25
    not_planted = {
        "single-class",
        "changed-file",
        "missing-extra",
        "narrow-range",
        "unread-labels",
        "unnamed-groups",
    }
    others = {*mask_entries(), *several_labels_entries()}  # need other data
    assert set(catalogue()) - others - set(PLANTED) == not_planted
    assert len({detected[code].fix for code in PLANTED}) > 25


def test_the_story_of_the_faults_detects_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "39 faults planted, all detected." in output
    assert "synthetic_faults" in output
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 0  # a story replaces its own folder


def test_settings_are_printed_as_flags() -> None:
    settings: TrainOptions = {"model": "resnet_small", "image_size": 112, "lr": 2e-3}
    assert format_flags(settings) == "--model resnet_small --image-size 112 --lr 0.002"


def test_a_folder_of_the_user_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "synthetic_faults").mkdir()
    (tmp_path / "synthetic_faults/mine.txt").write_text("mine")
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 2
    assert "which the demo did not make" in capsys.readouterr().err
    assert (tmp_path / "synthetic_faults/mine.txt").read_text() == "mine"


def test_an_unknown_story_is_refused_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "fault"]) == 2
    assert "Did you mean faults?" in capsys.readouterr().err
