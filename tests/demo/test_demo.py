"""The demo: what it draws is what it says, the same each time, and it touches nothing of the user's."""

from pathlib import Path

import pytest

import pupila
from pupila.cli.run import run
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.packages import WITH, WITHOUT, draw_products, write_shop
from pupila.stages.doctor.faults import catalogue, of_masks


def test_exactly_a_fifth_of_the_products_carries_octagons() -> None:
    products = draw_products(40, seed=1)
    assert sum(product.octagons > 0 for product in products) == 8
    assert {product.label for product in products if product.octagons} == {WITH}


def test_the_same_seed_draws_the_same_shop_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        write_shop(tmp_path / name, products=5, seed=seed)
    drawn = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).glob("*/*.jpg")}
        for name in ("one", "two", "three")
    }
    assert drawn["one"] == drawn["two"]
    assert not set(drawn["one"].values()) & set(drawn["three"].values())
    assert {path.parent.name for path in (tmp_path / "one").glob("*/*.jpg")} == {WITH, WITHOUT}


def test_every_planted_fault_is_found_each_with_its_own_mend(tmp_path: Path) -> None:
    plant_faults(tmp_path)
    found = {fault.code: fault for fault in pupila.doctor(tmp_path)}
    assert set(PLANTED) <= set(found)
    assert len(PLANTED) >= 25
    not_planted = {"single-class", "changed-file", "missing-extra"}
    assert set(catalogue()) - set(of_masks()) - set(PLANTED) == not_planted
    assert len({found[code].mend for code in PLANTED}) > 25


def test_the_story_of_the_faults_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "38 faults; missed: none" in told
    assert "synthetic_faults" in told
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 0  # what a story made, it may make anew


def test_a_folder_that_the_demo_did_not_make_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "synthetic_faults").mkdir()
    (tmp_path / "synthetic_faults/mine.txt").write_text("mine")
    assert run(["demo", "faults", "--out", str(tmp_path)]) == 2
    assert "which it did not make" in capsys.readouterr().err
    assert (tmp_path / "synthetic_faults/mine.txt").read_text() == "mine"


def test_an_unknown_story_is_answered_with_the_one_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "fault"]) == 2
    assert "did you mean 'faults'" in capsys.readouterr().err
