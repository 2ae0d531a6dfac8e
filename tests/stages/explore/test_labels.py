"""Labels by source, confidence and cost, counted by hand; audits are read with tolerance."""

import json
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset import labels
from pupila.artifacts.dataset.labels import Label
from pupila.stages.explore.labels import label_facts
from pupila.stages.explore.sentences import sentences
from tests.pictures import write_photo
from tests.stages.explore.test_page import opened_page

NOW = "2026-01-01T00:00:00+00:00"


def say_of(data: Any, row: int, labeller: str, target: str | None, **told: Any) -> Label:
    person = labeller.startswith("person")
    return Label(data.images["image"][row], data.images["sha256"][row], labeller, person, target, NOW, **told)


def write_labelled(folder: Path) -> Path:
    """Ten images: the first named in a table; machine and person on some, one of them unsure, one image left out."""
    for number in range(10):
        write_photo(folder / f"{number}.jpg", number)
    rows = ["image,label", "0.jpg,cat", *(f"{number}.jpg," for number in range(1, 10))]
    (folder / "t.csv").write_text("\n".join(rows))
    data = pupila.open(folder)
    said = [say_of(data, row, "vlm:x", "cat" if row in (2, 4, 6) else "dog",
                   confidence=0.5 + row / 20, cost=0.01, seconds=2.0) for row in range(8)]  # fmt: skip
    said += [
        say_of(data, 8, "vlm:x", None, cost=0.01),
        say_of(data, 1, "vlm:x", "cat", confidence=0.9, cost=0.01),
    ]
    said += [say_of(data, row, "person:a", "dog") for row in (1, 2, 3)]
    said += [say_of(data, 4, "person:a", None)]
    labels.append(str(folder), said)
    return folder


def test_sources_costs_and_disagreements_are_those_counted_by_hand(tmp_path: Path) -> None:
    told = label_facts(pupila.open(write_labelled(tmp_path)))
    assert told is not None
    # 0 came with the data; 1, 2, 3 a person; 4 a person was unsure; 5, 6, 7 the machine; 8 it was unsure; 9 nobody
    assert told["sources"] == {"person": 3, "machine": 3, "given": 1, "unsure": 2, "none": 1}
    assert (told["answers"], told["cost"]) == (14, 0.1)
    machine, person = told["labellers"]["vlm:x"], told["labellers"]["person:a"]
    assert (machine["answers"], machine["images"], machine["in_force"], machine["unsure"]) == (10, 9, 5, 1)
    assert machine["mean_confidence"] == pytest.approx((8 * 0.5 + 28 / 20 + 0.9) / 9, abs=1e-4)
    assert sum(machine["confidence"]) == 9 and machine["confidence"][10] == 1
    assert (machine["cost"], machine["seconds"]) == (0.1, 16)
    assert (person["person"], person["in_force"], person["cost"], person["confidence"]) == (
        True,
        4,
        None,
        None,
    )
    # 1: cat and dog (the machine's last answer counts); 2: cat and dog; 3: dog and dog; 4: the person was unsure
    assert told["pairs"] == [{"first": "vlm:x", "second": "person:a", "both": 3, "agree": 1}]
    assert told["audit"] is None


def test_the_page_shows_them(tmp_path: Path) -> None:
    explored = pupila.explore(write_labelled(tmp_path))
    page = opened_page(explored.page)
    for part in ("Labels by source", "vlm:x", "$0.10", "33.3%", "Nobody audited", "They cost $0.10"):
        assert part in page


def test_without_a_history_nothing_is_told(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    explored = pupila.explore(tmp_path)
    assert explored.fingerprint["labels"] is None
    assert "Labels by source" not in opened_page(explored.page)


AUDIT = {"schema": 1, "labels": 700, "random": {"accuracy": {"value": 0.93, "low": 0.86, "high": 0.97},
         "answered": 100, "more_to_halve": 300}}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (AUDIT, "An audit of 100 labels found 93.0%"),
        ({**AUDIT, "random": {"accuracy": {"value": 0.5, "low": None}, "answered": 4}}, "too few answers"),
        ({"draw": {"seed": 0}}, "Nobody audited"),
        ({**AUDIT, "random": {"accuracy": {"value": None}}}, "Nobody audited"),
        ({**AUDIT, "random": {"accuracy": 3}}, "Nobody audited"),
        ([1, 2], "Nobody audited"),
    ],
)  # fmt: skip
def test_an_audit_is_read_where_it_is_understood(tmp_path: Path, content: object, told: str) -> None:
    write_labelled(tmp_path)
    (tmp_path / "audit.json").write_text(json.dumps(content))
    facts = label_facts(pupila.open(tmp_path))
    from tests.stages.explore.test_sentences import having

    assert told in " ".join(sentences(having(labels=facts)))


@pytest.mark.parametrize(("rows", "earlier"), [(14, False), (15, False), (9, True)])
def test_an_audit_of_earlier_labels_is_told_as_such(tmp_path: Path, rows: int, earlier: bool) -> None:
    from tests.stages.explore.test_sentences import having

    write_labelled(tmp_path)
    (tmp_path / "audit.json").write_text(json.dumps({**AUDIT, "draw": {"rows": rows}}))
    told = " ".join(sentences(having(labels=label_facts(pupila.open(tmp_path)))))
    assert "An audit of 100 labels" in told and ("of earlier labels" in told) == earlier


def test_what_a_machine_repeats_came_with_the_data(tmp_path: Path) -> None:
    write_labelled(tmp_path)
    labels.append(str(tmp_path), [say_of(pupila.open(tmp_path), 0, "vlm:y", "cat")])
    told = label_facts(pupila.open(tmp_path))
    assert told is not None
    assert told["sources"] == {"person": 3, "machine": 3, "given": 1, "unsure": 2, "none": 1}
