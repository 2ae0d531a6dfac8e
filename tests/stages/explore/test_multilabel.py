"""Several labels per image: counts and co-occurrence by hand, and the page of a drawn folder."""

from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import LabelCounts
from pupila.stages.explore.co_occurrence import correlate, measure_labels
from pupila.stages.explore.multilabel import CLASSES_VIEW
from tests.pictures import write_photo
from tests.several_labels import write_several_labels

ROWS = ["1,1", "1,1", "1,0", "1,", "0,0", ",1", "0,0", ","]  # sugar, sodium


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("labels")
    for number in range(len(ROWS)):
        write_photo(folder / f"{number}.jpg", 40 + number)
    rows = [f"{number}.jpg,{cells}" for number, cells in enumerate(ROWS)]
    (folder / "t.csv").write_text("\n".join(["image,sugar,sodium", *rows]) + "\n")
    return pupila.open(folder / "t.csv")


def test_counts_and_co_occurrence_equal_those_by_hand(data: Dataset) -> None:
    labels = measure_labels(data, {}, np.arange(len(data)))
    # the largest share of the known first: sugar 4 of 6, sodium 3 of 6; the last image has no label
    assert labels.classes == {
        "sugar": LabelCounts(present=4, absent=2, unknown=1), "sodium": LabelCounts(present=3, absent=3, unknown=1),
    }  # fmt: skip
    assert labels.labels_per_image == [2, 3, 2]
    assert labels.together == [[4, 2], [2, 3]]
    assert labels.known == [[4, 3], [2, 3]]
    assert labels.conditional(0, 1) == pytest.approx(2 / 3)  # of the sugar images where sodium is known
    assert labels.conditional(1, 0) == 1


def test_phi_equals_the_correlation_of_the_images_where_both_are_known() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(-1, 2, (60, 3))
    labels[:, 1] = np.where(rng.random(60) < 0.7, labels[:, 0], labels[:, 1])
    both = (labels[:, 0] >= 0) & (labels[:, 1] >= 0)
    assert correlate(labels)[0][1] == pytest.approx(
        np.corrcoef(labels[both, 0], labels[both, 1])[0, 1], abs=1e-4
    )
    assert correlate(labels)[2][2] == 1


def test_phi_of_a_class_that_is_always_present_is_not_defined() -> None:
    assert correlate(np.array([[1, 0], [1, 1], [1, 0]])) == [[None, None], [None, 1]]


def test_the_class_that_explains_a_number_is_named(data: Dataset) -> None:
    labels = np.array([1, 0] * 30)
    values = np.where(labels == 1, 100.0, 20.0) + np.arange(60) / 30
    rows = data.images.head(1).select(data.images.columns)
    several = Dataset(
        **{name: getattr(data, name) for name in data.__dataclass_fields__ if name != "images"},
        images=rows.select(data.images.columns).clear().vstack(rows.sample(60, with_replacement=True)).with_columns(
            target=np.where(labels == 1, '{"sugar": 1, "x": 0}', '{"sugar": 0, "x": 0}')
        ),
    )  # fmt: skip
    explained = measure_labels(
        several, {"price": values, "noise": np.arange(60) % 7.0}, np.arange(60)
    ).explained
    assert [(row.measure, row.class_name) for row in explained] == [("price", "sugar")]
    assert explained[0].share > 0.99
    assert explained[0].present - explained[0].absent == pytest.approx(80, abs=0.1)


def test_the_map_is_coloured_by_the_classes_that_are_shown_together(data: Dataset) -> None:
    codes, names = CLASSES_VIEW.points(data)
    assert names == ["none of the classes", "sodium, sugar", "sugar", "sodium"]
    assert codes.tolist() == [1, 1, 2, 2, 0, 3, 0, -1]


def test_labellers_agree_unless_they_contradict_each_other_in_a_class() -> None:
    assert CLASSES_VIEW.agree is not None
    assert CLASSES_VIEW.agree('{"sodium": 1, "sugar": 0}', '{"sodium": 1}')
    assert CLASSES_VIEW.agree('{"sugar": 0}', '{"sodium": 1}')
    assert not CLASSES_VIEW.agree('{"sodium": 1, "sugar": 0}', '{"sodium": 0}')


def test_the_page_shows_the_labels_and_which_occur_together(tmp_path: Path) -> None:
    folder = write_several_labels(tmp_path / "data", 40)
    pupila.split(folder)
    explored = pupila.explore(folder)
    page = Path(explored.page).read_text()
    for text in ("Co-occurrence", "share of the known", "Share of the known images that show each class",
                 "none of the classes", "unknown: "):  # fmt: skip
        assert text in page
    facts = explored.fingerprint
    assert facts.target == "classes"
    assert facts.several_labels is not None
    assert sum(facts.several_labels.labels_per_image) == 40
    assert facts.classes["blue"].share == pytest.approx(
        facts.several_labels.classes["blue"].present
        / (facts.several_labels.classes["blue"].present + facts.several_labels.classes["blue"].absent)
    )
    assert facts.splits is not None
    assert set(facts.splits.shares) == {"train", "validation", "test"}
    assert any("is present in" in sentence for sentence in explored.sentences())


def test_data_without_labels_have_a_page_too(tmp_path: Path) -> None:
    write_several_labels(tmp_path / "d", 4)
    explored = pupila.explore(pupila.open(tmp_path / "d/images", task="multilabel"))
    assert explored.fingerprint.unlabelled == 4
    assert Path(explored.page).exists()
