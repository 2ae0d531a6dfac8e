"""The tasks of the bench: halves and clusters, known difficulty, and splits that no group crosses."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy import generated
from benchmarks.accuracy.sources import Sample, encode_png
from benchmarks.accuracy.tasks import DEVELOPMENT, HALVES, HELD_OUT, TASKS, Task, write_task
from benchmarks.accuracy.written import CLASSIFY, SEGMENT, WrittenTask, read_task

from pupila.core.vocabulary import SPLITS, TEST, TRAIN, VALIDATION


def test_there_are_tasks_enough_of_both_targets_in_both_halves() -> None:
    counts = Counter((task.target, task.half) for task in TASKS.values())
    assert counts[CLASSIFY, DEVELOPMENT] + counts[CLASSIFY, HELD_OUT] >= 16
    assert counts[SEGMENT, DEVELOPMENT] + counts[SEGMENT, HELD_OUT] >= 6
    assert min(counts.values()) >= 3, counts
    assert {task.source for task in TASKS.values()} == set(HALVES)


def test_what_was_evaluated_before_is_not_chosen_on() -> None:
    # Fixed by the decision of 2026-11-29: a source never changes its half.
    assert {source for source, half in HALVES.items() if half == HELD_OUT} == {
        "brain_mri", "magnetic_tile", "dubai_aerial", "dsb2018_nuclei", "sklearn_digits", "bars", "dots",
    }  # fmt: skip


def test_bayes_accuracies_of_the_drawn_classes_by_hand() -> None:
    # Discs: thresholds 4 from the means, noise 2.8: a tail of 1 - phi(1.4286) = 0.0766 beyond each of four.
    assert generated.disc_bayes() == pytest.approx(1 - 4 * 0.07656 / 3, abs=1e-4)
    assert generated.bar_bayes() == pytest.approx(0.9109, abs=1e-4)  # phi(0.35 / 0.26)
    assert generated.shape_bayes() == 0.9


def test_the_bayes_accuracy_of_dots_is_that_of_the_likeliest_count() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200_000)
    counts = rng.poisson(np.array([5.0, 10.0, 17.0])[labels])
    # Poisson 5 is likelier than 10 up to 7, and 10 than 17 up to 13.
    predicted = (counts > 7).astype(int) + (counts > 13)
    assert (predicted == labels).mean() == pytest.approx(generated.dot_bayes(), abs=0.005)


def _drawn(images: int) -> list[Sample]:
    """Three images a group, of two classes that are plain grey with noise."""
    rng = np.random.default_rng(1)
    return [
        Sample(
            encode_png(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)),
            ".png",
            "dark" if n % 2 else "light",
            f"group {n // 3}",
        )
        for n in range(images)
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenTask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "drawn", Task("discs", lambda: _drawn(180), images=20))
        return write_task("drawn", tmp_path_factory.mktemp("task") / "drawn")


def test_no_group_crosses_the_split_and_each_class_has_its_number(written: WrittenTask) -> None:
    splits: dict[str, set[str]] = {}
    for image in written.images:
        splits.setdefault(image.group, set()).add(image.split)
    assert all(len(names) == 1 for names in splits.values())
    counts = Counter((image.split, image.label) for image in written.images)
    assert counts[TRAIN, 0] == counts[TRAIN, 1] == 16
    assert counts[VALIDATION, 0] == counts[VALIDATION, 1] == 4  # 20 in all, and 0.15 / 0.7 of them
    assert counts[TEST, 0] + counts[TEST, 1] == 54
    assert {name for name, _ in counts} == set(SPLITS)


def test_a_task_is_equal_wherever_it_is_written(written: WrittenTask, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "drawn", Task("discs", lambda: _drawn(180), images=20))
        again = write_task("drawn", tmp_path / "elsewhere")
    assert again.hash == written.hash == read_task(written.folder).hash


def test_pupila_takes_the_split_of_the_task(written: WrittenTask) -> None:
    from pupila.artifacts.dataset.splits import SplitFile

    splits = SplitFile.read(str(written.folder))
    assert splits is not None
    assert {row.image: row.split for row in splits.images} == {
        str(image.image.relative_to(written.folder)): image.split for image in written.images
    }


def test_mask_values_become_classes(tmp_path: Path) -> None:
    samples = [
        Sample(encode_png(np.full((16, 16, 3), n, np.uint8)), ".png", "", str(n),
               encode_png(np.array([[0, 2], [7, 2]], np.uint8).repeat(8, 0).repeat(8, 1)))
        for n in range(12)
    ]  # fmt: skip
    values = {0: "background", 2: "road", 7: "unlabeled"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "drawn", Task("discs", lambda: samples, SEGMENT, None, lambda: values))
        task = write_task("drawn", tmp_path / "drawn")
    mask = task.read_mask(task.images[0].mask or tmp_path)
    assert mask[0, 0] == 0
    assert mask[0, 15] == 1
    assert mask[15, 0] == -1
    assert task.foreground == [1]
