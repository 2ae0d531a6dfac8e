"""Versions, promotions by evidence, rollbacks, and the two files that hold them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.registry.registry import Registry
from pupila.core.errors import PupilaError
from tests.artifacts.registry.conftest import DATA, SPLIT, fill, promote, write_report


def live(model: Any) -> int | None:
    aliases = model.state().aliases
    return aliases["production"].live.version if "production" in aliases else None


def test_versions_are_numbered_and_the_same_bundle_keeps_its_number(
    registry: Registry, bundles: list[Bundle]
) -> None:
    numbers = [registry.add(bundle, "octagons") for bundle in (bundles[0], bundles[1], bundles[0])]
    assert [(version.number, new) for version, new in numbers] == [(1, True), (2, True), (1, False)]
    model = registry.find("octagons")
    copies = [read_bundle(model.version_folder(number)) for number in (1, 2)]
    assert [copy.hash for copy in copies] == [bundle.hash for bundle in bundles[:2]]
    assert registry.names() == ["octagons"]
    assert [(event.action, event.to_version) for event in model.history().events] == [("add", 1), ("add", 2)]


def test_a_changed_version_is_not_resolved_added_or_promoted(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model = fill(registry, bundles[:1])
    Path(model.version_folder(1), "card.md").write_text("changed")
    with pytest.raises(PupilaError, match="modified"):
        registry.add(bundles[0], "octagons")
    with pytest.raises(PupilaError, match="modified"):
        promote(model, 1, write_report(tmp_path / "r", bundles[0]))
    shutil.rmtree(model.version_folder(1))
    shutil.copytree(bundles[1].folder, model.version_folder(1))  # a sound bundle, but another one
    with pytest.raises(PupilaError, match="is another one"):
        promote(model, 1, write_report(tmp_path / "r", bundles[0]))


def test_the_first_promotion_needs_a_report_and_the_next_a_comparison(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model = fill(registry, bundles)
    with pytest.raises(PupilaError, match=r"no evaluation report.*\n.*evaluate registry:octagons@1 DATA;"):
        promote(model, 1)
    first = promote(model, 1, write_report(tmp_path, bundles[0]))
    assert (first.from_version, first.to_version, first.bundle) == (None, 1, bundles[0].hash)
    with pytest.raises(
        PupilaError, match=r"no comparison with version 1(?s:.*)--against registry:octagons@1"
    ):
        promote(model, 2, write_report(tmp_path, bundles[1]))
    second = promote(model, 2, write_report(tmp_path, bundles[1], bundles[0], "equivalent"))
    assert (second.from_version, second.verdict, second.forced) == (1, "equivalent", [])
    assert live(model) == 2
    report = model.report_file(second.report)
    assert json.loads(Path(report).read_text())["comparisons"][0]["verdict"] == "equivalent"


@pytest.mark.parametrize(
    ("verdict", "head", "objection"),
    [
        ("worse", {}, "worse than version 1"),
        ("better", {"split": "validation"}, "on the split validation, not on test"),
        ("better", {"splits_hash": "6" * 64}, "another test split .split 666666666666, data dddddddddddd."),
        ("better", {"data_hash": "e" * 64}, "another test split .split 555555555555, data eeeeeeeeeeee."),
        ("better", {"leaking": True}, "the split of the report leaks"),
    ],
)
def test_objections_refuse_a_promotion_and_force_records_them(
    registry: Registry, bundles: list[Bundle], tmp_path: Path, verdict: str, head: dict[str, Any], objection: str
) -> None:  # fmt: skip
    model = fill(registry, bundles[:2])
    promote(model, 1, write_report(tmp_path, bundles[0]))
    report = write_report(tmp_path, bundles[1], bundles[0], verdict, **head)
    with pytest.raises(PupilaError, match=objection) as refusal:
        promote(model, 2, report)
    assert live(model) == 1
    assert ("promote a version that is not worse" in str(refusal.value)) == (verdict == "worse")
    with pytest.raises(PupilaError, match="--force needs a reason"):
        promote(model, 2, report, force=True)
    event = promote(model, 2, report, force=True, reason="the old one crashes")
    assert live(model) == 2
    assert (len(event.forced), event.reason) == (1, "the old one crashes")


def test_the_report_must_be_on_this_bundle_and_on_unseen_images(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model = fill(registry, bundles[:2])
    with pytest.raises(PupilaError, match="evaluates another bundle"):
        promote(model, 1, write_report(tmp_path, bundles[1]))
    models = [{"version": bundles[0].hash, "seen_in_training": 3}]
    with pytest.raises(PupilaError, match="3 images of the report were used in training"):
        promote(model, 1, write_report(tmp_path, bundles[0], models=models))
    for content in ("{}", "no JSON", json.dumps({"schema": 2})):
        (tmp_path / "report.json").write_text(content)
        with pytest.raises(PupilaError, match=r"Can't read .*report\.json"):
            promote(model, 1, str(tmp_path))
    with pytest.raises(PupilaError, match="Can't read"):
        promote(model, 1, str(tmp_path / "nothing"))


def test_a_new_test_split_begins_with_the_incumbent(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model, other = fill(registry, bundles[:2]), "6" * 64
    first = write_report(tmp_path, bundles[0])
    promote(model, 1, first)
    assert promote(model, 1, first) is None  # nothing to record
    report = write_report(tmp_path, bundles[1], bundles[0], splits_hash=other)
    with pytest.raises(PupilaError, match=r"Try: pupila evaluate registry:octagons@1 DATA; pupila registry promote "
                       r"octagons@1 production; pupila evaluate registry:octagons@2 DATA --against"):  # fmt: skip
        promote(model, 2, report)
    event = promote(model, 1, write_report(tmp_path, bundles[0], splits_hash=other))
    assert (event.from_version, event.to_version, event.forced) == (1, 1, [])
    assert promote(model, 2, report).to_version == 2
    assert model.roll_back("production").to_version == 1
    with pytest.raises(PupilaError, match="no earlier version"):
        model.roll_back("production")


def test_rollbacks_return_step_by_step_with_their_reports(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model = fill(registry, bundles)
    first = promote(model, 1, write_report(tmp_path, bundles[0]))
    promote(model, 2, write_report(tmp_path, bundles[1], bundles[0]))
    promote(model, 3, write_report(tmp_path, bundles[2], bundles[1]))
    assert [model.roll_back("production", "slow").to_version for _ in range(2)] == [2, 1]
    place = model.state().aliases["production"].live
    assert (place.report, place.splits_hash, place.data_hash) == (first.report, SPLIT, DATA)
    with pytest.raises(PupilaError, match="no earlier version"):
        model.roll_back("production")
    with pytest.raises(PupilaError, match="no such alias"):
        model.roll_back("staging")
    events = model.history().events[3:]
    assert [(e.action, e.from_version, e.to_version, e.reason) for e in events[3:]] == [
        ("rollback", 3, 2, "slow"), ("rollback", 2, 1, "slow")]  # fmt: skip
    times = [event.time for event in model.history().events]
    assert times == sorted(times)


def test_a_rollback_to_a_damaged_version_is_refused(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    model = fill(registry, bundles[:2])
    promote(model, 1, write_report(tmp_path, bundles[0]))
    promote(model, 2, write_report(tmp_path, bundles[1], bundles[0]))
    Path(model.version_folder(1), "model.onnx").write_bytes(b"rot")
    with pytest.raises(PupilaError, match="modified"):
        model.roll_back("production")
    assert live(model) == 2


def test_the_report_beside_a_bundle_is_added_with_it(
    registry: Registry, bundles: list[Bundle], tmp_path: Path
) -> None:
    own = Path(shutil.copytree(bundles[0].folder, tmp_path / "run/bundle"))
    report = write_report(tmp_path / "reports", bundles[0])
    (tmp_path / "run/evaluation-test").mkdir()
    shutil.copy(report, tmp_path / "run/evaluation-test/report.json")
    registry.add(read_bundle(own), "octagons")
    assert promote(registry.find("octagons"), 1).report is not None
    shutil.copytree(bundles[1].folder, tmp_path / "other/bundle")  # beside it a report on another one
    shutil.copytree(tmp_path / "run/evaluation-test", tmp_path / "other/evaluation-test")
    registry.add(read_bundle(tmp_path / "other/bundle"), "octagons")
    assert not Path(registry.find("octagons").evaluation_file(2)).exists()


def test_unknown_models_versions_and_aliases_are_named(registry: Registry, bundles: list[Bundle]) -> None:
    with pytest.raises(
        PupilaError, match=r"No model 'octagons'(?s:.*)pupila registry add BUNDLE --name octagons"
    ):
        registry.find("octagons")
    model = fill(registry, bundles[:1])
    with pytest.raises(PupilaError, match=r"no version '2'.*found 1"):
        model.version("2")
    with pytest.raises(PupilaError, match=r"(?s)no version 'production'.*promote octagons@1 production"):
        model.version("production")


def test_a_read_only_registry_is_read_and_not_written(
    registry: Registry, bundles: list[Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fill(registry, bundles[:1])
    report = write_report(tmp_path, bundles[0])
    folders = [Path(registry.uri), *(path for path in Path(registry.uri).rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    denied = PermissionError(13, "Permission denied")  # root may write everywhere
    monkeypatch.setattr("pupila.core.locks.hold", lambda *_, **__: (_ for _ in ()).throw(denied))
    monkeypatch.setattr("pupila.core.writing._create", lambda _: (_ for _ in ()).throw(denied))
    try:
        assert model.version("1").bundle == bundles[0].hash
        assert len(model.history().events) == 1
        for write in (lambda: promote(model, 1, report), lambda: registry.add(bundles[1], "octagons")):
            with pytest.raises(PupilaError, match="Can't write"):
                write()
    finally:
        for path in folders:
            path.chmod(0o755)
