"""Rarest first: allocations by hand, and what every draw keeps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pupila
from pupila.artifacts.dataset.splits import SplitFile
from pupila.cli.run import run
from pupila.stages.split.allocate import Array
from pupila.stages.split.multilabel import allocate_rarest_first
from tests.pictures import write_photo

THIRDS = [0.7, 0.15, 0.15]


def load(labels: Array, sizes: Array | None = None) -> Array:
    """Components of images that are alike.

    Args:
        labels: (M, C) 1 present, 0 absent, -1 unknown.
        sizes: (M,) images.
    """
    images = np.ones(len(labels), dtype=int) if sizes is None else sizes
    return (
        np.column_stack([labels == 1, labels == 0, np.zeros(len(labels)), np.ones(len(labels))])
        * images[:, None]
    )


def skewed(seed: int, components: int, classes: int) -> Array:
    """(M, 2C + 2): components of 1 to 4 images; the first class in half of them, the last in few."""
    rng = np.random.default_rng(seed)
    chances = np.geomspace(0.5, 0.04, classes)
    labels = (rng.random((components, classes)) < chances).astype(int)
    labels[rng.random(labels.shape) < 0.1] = -1
    return load(labels, rng.integers(1, 5, components))


def deviation(table: Array, parts: Array, classes: int) -> float:
    """Mean absolute difference of the share of a class's images in a part from the share of the part."""
    held = np.array([table[parts == part, :classes].sum(axis=0) for part in range(3)])
    return float(np.abs(held / np.maximum(held.sum(axis=0), 1) - np.array(THIRDS)[:, None]).mean())


def test_the_rarest_class_is_dealt_first_and_the_frequent_one_evens_out() -> None:
    # 'rare' in 2 of 8 components, 'frequent' in 6: halves need 1 and 3 of them
    labels = np.array([[1, 1], [1, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 0], [0, 0]])
    parts = allocate_rarest_first(load(labels), [0.5, 0.5], seed=3)
    for part in (0, 1):
        assert labels[parts == part].sum(axis=0).tolist() == [1, 3]
        assert (parts == part).sum() == 4


def test_a_class_in_three_components_stands_in_train_validation_and_test() -> None:
    # by shares alone train wants 2.1 of the 3, and would take two
    labels = np.zeros((40, 2), dtype=int)
    labels[:20, 0] = 1
    labels[[3, 17, 30], 1] = 1
    parts = allocate_rarest_first(load(labels), THIRDS, seed=0)
    assert sorted(parts[[3, 17, 30]]) == [0, 1, 2]


def test_a_class_of_one_component_goes_to_the_largest_part() -> None:
    labels = np.zeros((20, 1), dtype=int)
    labels[7] = 1
    assert allocate_rarest_first(load(labels), THIRDS, seed=5)[7] == 0


def test_unknown_counts_as_nothing() -> None:
    # 'known' for four components only, two present and two absent: each half needs one of both
    labels = np.full((12, 1), -1)
    labels[[1, 5]], labels[[2, 9]] = 1, 0
    parts = allocate_rarest_first(load(labels), [0.5, 0.5], seed=1)
    assert parts[1] != parts[5]
    assert parts[2] != parts[9]
    assert (parts == 0).sum() == 6


def test_a_class_that_few_images_lack_is_lacking_in_every_part() -> None:
    labels = np.ones((60, 1), dtype=int)
    labels[[0, 1, 2]] = 0
    assert sorted(allocate_rarest_first(load(labels), THIRDS, seed=2)[:3]) == [0, 1, 2]


@settings(max_examples=60)
@given(st.integers(30, 120), st.integers(1, 6), st.integers(0, 10_000))
def test_classes_stand_everywhere_and_the_seed_decides(components: int, classes: int, seed: int) -> None:
    table = skewed(seed, components, classes)
    parts = allocate_rarest_first(table, THIRDS, seed)
    assert np.array_equal(parts, allocate_rarest_first(table, THIRDS, seed))
    frequent = (table[:, :classes] > 0).sum(axis=0) >= 3
    held = np.array([table[parts == part].sum(axis=0) for part in range(3)])
    assert (held[:, :classes][:, frequent] > 0).all()
    largest = table[:, -1].max()
    assert np.abs(held[:, -1] - np.array(THIRDS) * table[:, -1].sum()).max() <= 3 * largest


def test_positives_are_shared_out_better_than_at_random() -> None:
    own, random = [], []
    for seed in range(20):
        table = skewed(seed, 80, 5)
        own.append(deviation(table, allocate_rarest_first(table, THIRDS, seed), 5))
        random.append(deviation(table, np.random.default_rng(seed).choice(3, 80, p=THIRDS), 5))
    assert np.mean(own) < 0.4 * np.mean(random)
    assert np.mean([a < b for a, b in zip(own, random, strict=True)]) >= 0.95


@given(st.integers(0, 1000))
def test_a_part_without_a_share_stays_empty(seed: int) -> None:
    assert set(allocate_rarest_first(skewed(seed, 30, 3), [0.8, 0.0, 0.2], seed).tolist()) == {0, 2}


def test_another_seed_draws_another_allocation() -> None:
    table = skewed(1, 60, 3)
    assert len({allocate_rarest_first(table, THIRDS, seed).tobytes() for seed in range(5)}) == 5


def write_products(folder: Path) -> Path:
    """40 photos of 20 products: 'common' in every second product, 'rare' in two, 'single' in one, 'never' in none."""
    rows = ["image,group,common,never,rare,single"]
    for number in range(40):
        product = number // 2
        write_photo(folder / f"{number:02d}.jpg", 600 + number)
        cells = [product % 2, 0, int(product in (3, 12)), int(product == 8) if number % 3 else ""]
        rows.append(f"{number:02d}.jpg,p{product},{','.join(map(str, cells))}")
    (folder / "t.csv").write_text("\n".join(rows))
    return folder / "t.csv"


@pytest.mark.parametrize("folds", [None, 4])
def test_no_group_is_on_two_sides_and_classes_that_cannot_stand_are_named(
    tmp_path: Path, folds: int | None
) -> None:
    split_file = pupila.split(write_products(tmp_path), folds=folds)
    parts = [row.split if row.fold is None else f"fold {row.fold}" for row in split_file.images]
    assert len(set(zip((int(row.image[:2]) // 2 for row in split_file.images), parts, strict=True))) == 20
    missing = {row.class_name: row for row in split_file.balance.missing_classes}
    assert {name: row.groups for name, row in missing.items()} == {"never": 0, "rare": 2, "single": 1}
    assert len(missing["rare"].missing_from) == len(set(parts)) - 2
    assert len(missing["single"].missing_from) == len(set(parts)) - 1
    assert "1 group of related images has it" in missing["single"].describe()
    assert missing["never"].describe().endswith("no image has it.")
    balance = split_file.balance.by_split()
    assert sum(row.classes["common"] for row in balance.values()) == 20
    stored = SplitFile.read(str(tmp_path))
    assert stored is not None
    assert stored.balance == split_file.balance


def test_the_share_of_a_class_is_that_of_the_images_where_it_is_known(tmp_path: Path) -> None:
    data = pupila.open(write_products(tmp_path))
    # 'single' is known in the 26 images whose number is no multiple of 3, and present in number 16 and 17
    assert data.class_shares(np.arange(40)).tolist() == [0.5, 0, 0.1, pytest.approx(2 / 26)]
    assert np.isnan(data.class_shares(np.array([0, 3]))[3])


def test_the_command_names_a_class_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(write_products(tmp_path))]) == 0
    assert "Class 'single' is missing from validation, test: 1 group" in capsys.readouterr().out
