"""Labels by source, confidence and cost, counted by hand; audits that are not understood are ignored."""

import json
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset import labels
from pupila.artifacts.dataset.labels import Label
from pupila.artifacts.report.audit import Audit, AuditReport, RandomPart, Sample, UncertainPart
from pupila.artifacts.report.fingerprint import LabellerPair, LabelSources
from pupila.stages.explore.labels import label_facts
from pupila.stages.explore.sentences import sentences
from pupila.statistics.estimate import Estimate
from tests.pictures import write_photo
from tests.stages.explore.test_page import opened_page

NOW = "2026-01-01T00:00:00+00:00"


def make_label(data: Any, row: int, labeller: str, target: str | None, **fields: Any) -> Label:
    annotator = labeller.startswith("annotator")
    return Label(
        data.images["image"][row], data.images["sha256"][row], labeller, annotator, target, NOW, **fields
    )


def write_labelled(folder: Path) -> Path:
    """Ten images: the first labelled in a table; some labelled by machine and annotator, one by none."""
    for number in range(10):
        write_photo(folder / f"{number}.jpg", number)
    rows = ["image,label", "0.jpg,cat", *(f"{number}.jpg," for number in range(1, 10))]
    (folder / "t.csv").write_text("\n".join(rows))
    data = pupila.open(folder)
    given = [make_label(data, row, "vlm:x", "cat" if row in (2, 4, 6) else "dog",
                   confidence=0.5 + row / 20, cost=0.01, seconds=2.0) for row in range(8)]  # fmt: skip
    given += [
        make_label(data, 8, "vlm:x", None, cost=0.01),
        make_label(data, 1, "vlm:x", "cat", confidence=0.9, cost=0.01),
    ]
    given += [make_label(data, row, "annotator:a", "dog") for row in (1, 2, 3)]
    given += [make_label(data, 4, "annotator:a", None)]
    labels.append_labels(str(folder), given)
    return folder


def test_sources_costs_and_disagreements_are_those_counted_by_hand(tmp_path: Path) -> None:
    facts = label_facts(pupila.open(write_labelled(tmp_path)))
    assert facts is not None
    # 0 given; 1, 2, 3 annotator; 4 annotator abstained; 5, 6, 7 machine; 8 machine abstained; 9 unlabelled
    assert facts.sources == LabelSources(annotator=3, machine=3, given=1, abstained=2, unlabelled=1)
    assert (facts.annotations, facts.cost) == (14, 0.1)
    machine, annotator = facts.labellers["vlm:x"], facts.labellers["annotator:a"]
    assert (machine.annotations, machine.images, machine.current, machine.abstained) == (
        10,
        9,
        5,
        1,
    )
    assert machine.mean_confidence == pytest.approx((8 * 0.5 + 28 / 20 + 0.9) / 9, abs=1e-4)
    assert machine.confidence is not None
    assert sum(machine.confidence) == 9 and machine.confidence[10] == 1
    assert (machine.cost, machine.seconds) == (0.1, 16)
    assert (annotator.annotator, annotator.current, annotator.cost, annotator.confidence) == (
        True,
        4,
        None,
        None,
    )
    # 1: cat and dog (the machine's last label counts); 2: cat and dog; 3: dog and dog; 4: the annotator abstained
    assert facts.pairs == [LabellerPair(first="vlm:x", second="annotator:a", images=3, agree=1)]
    assert facts.audit is None


def test_the_page_shows_them(tmp_path: Path) -> None:
    explored = pupila.explore(write_labelled(tmp_path))
    page = opened_page(explored.page)
    for part in (
        "Labels by source",
        "vlm:x",
        "$0.10",
        "33.3 %",
        "The machine labels are not audited",
        "Labelling cost $0.10",
    ):
        assert part in page


def test_without_a_history_there_is_no_section(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    explored = pupila.explore(tmp_path)
    assert explored.fingerprint.labels is None
    assert "Labels by source" not in opened_page(explored.page)


def audit_json(value: float | None, answered: int = 100, history_rows: int = 0) -> dict[str, Any]:
    """An `audit.json` with this accuracy, and an interval from ten answers on."""
    accuracy = Estimate(value=value, low=0.86, high=0.97) if answered >= 10 else Estimate(value=value)
    random = RandomPart(
        items=answered, reviewed=answered, abstained=0, correct=0, accuracy=accuracy, low_if_abstained_wrong=None,
        high_if_abstained_correct=None, more_to_halve=300, large_share=False, groups=answered, unseen_groups=None,
    )  # fmt: skip
    nothing = UncertainPart(items=0, reviewed=0, abstained=0, correct=0, unlabelled=0)
    report = AuditReport(
        target="class", labellers={}, labels=700, items=answered, completed=answered, random=random, uncertain=nothing,
        by_class=None, disagreements=[],
    )  # fmt: skip
    sample = Sample(seed=0, random=answered, uncertain=0, history_rows=history_rows, time=NOW)
    return Audit(sample=sample, report=report).as_dict()


NOT_AUDITED = "The machine labels are not audited"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (audit_json(0.93), "accuracy 0.930 (95 % CI 0.860 to 0.970, audit of n = 100 labels)"),
        (audit_json(0.5, answered=4), "reviewed 4 labels, too few"),
        ({**audit_json(0.93), "report": None}, NOT_AUDITED),
        ({**audit_json(0.93), "schema": 2}, NOT_AUDITED),
        ({**audit_json(0.93), "report": {"random": 3}}, NOT_AUDITED),
        (audit_json(None), NOT_AUDITED),
        ([1, 2], NOT_AUDITED),
    ],
)
def test_an_audit_is_read_if_it_is_understood(tmp_path: Path, content: object, sentence: str) -> None:
    write_labelled(tmp_path)
    (tmp_path / "audit.json").write_text(json.dumps(content))
    facts = label_facts(pupila.open(tmp_path))
    from tests.stages.explore.test_sentences import having

    assert sentence in " ".join(sentences(having(labels=facts)))


@pytest.mark.parametrize(("rows", "outdated"), [(14, False), (15, False), (9, True)])
def test_an_outdated_audit_is_reported_as_such(tmp_path: Path, rows: int, outdated: bool) -> None:
    from tests.stages.explore.test_sentences import having

    write_labelled(tmp_path)
    (tmp_path / "audit.json").write_text(json.dumps(audit_json(0.93, history_rows=rows)))
    text = " ".join(sentences(having(labels=label_facts(pupila.open(tmp_path)))))
    assert "audit of n = 100 labels" in text and ("were added after the audit" in text) == outdated


def test_a_given_label_that_a_machine_repeats_stays_given(tmp_path: Path) -> None:
    write_labelled(tmp_path)
    labels.append_labels(str(tmp_path), [make_label(pupila.open(tmp_path), 0, "vlm:y", "cat")])
    facts = label_facts(pupila.open(tmp_path))
    assert facts is not None
    assert facts.sources == LabelSources(annotator=3, machine=3, given=1, abstained=2, unlabelled=1)
