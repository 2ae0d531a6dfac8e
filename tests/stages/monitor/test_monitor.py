"""`pupila monitor`: planted changes are named and dated, quiet logs stay quiet, and nothing is left out silently."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Request, sync_playwright

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.report.drift import DriftReport
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.core.messages import percent
from pupila.stages.monitor.sentences import describe_evidence, sentences
from pupila.statistics.drift.detector import DriftDetector
from tests.colours import write_colours, write_pointing
from tests.pictures import encoded
from tests.stages.monitor.logs import (
    NONE,
    UNKNOWN,
    Change,
    draw,
    make_records,
    write_changed,
    write_log,
    write_monitored,
)

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_monitored(tmp_path_factory.mktemp("shop") / "bundle")


def changed_streams(report: DriftReport) -> set[str]:
    return {stream.name for stream in report.streams if stream.changed}


@pytest.mark.parametrize(
    ("change", "streams", "sentence"),
    [
        (Change(brightness=-1.0), {"brightness"}, "images are darker by"),
        (Change(sharpness=-1.0), {"sharpness"}, "images are less sharp by"),
        (
            Change(embedding={2: 1.2, 5: -1.2}),
            {"embedding 2", "embedding 5"},
            "the content of the images differs.",
        ),
        (Change(priors=np.array([0.8, 0.1, 0.1])), {"outputs 0"}, "class red is predicted more by"),
    ],
)
def test_a_planted_change_is_named_and_dated(
    bundle: Bundle, tmp_path: Path, change: Change, streams: set[str], sentence: str
) -> None:
    result = pupila.monitor(write_changed(tmp_path, bundle.hash, 200, 100, change), bundle)
    report = result.report
    assert report.alarm is not None and report.alarm == result.alarm
    assert abs(report.alarm.since_group - 201) <= 15
    assert 200 < report.alarm.group <= 280
    assert streams <= changed_streams(report) and changed_streams(report) - streams <= {
        "outputs 1",
        "outputs 2",
    }
    text = " ".join(result.sentences())
    assert "Alarm: the images have changed since about 2026-11-02" in text
    assert sentence in text
    assert report.comparison is not None and report.comparison.p_value < 0.05
    assert not report.unlike[0].file and report.unlike[0].score >= report.unlike[-1].score
    assert repr(result).startswith("<MonitorResult: Alarm")


def test_a_quiet_log_raises_no_alarm_and_names_what_it_could_show(bundle: Bundle, tmp_path: Path) -> None:
    result = pupila.monitor(write_changed(tmp_path, bundle.hash, 150, 0, NONE), bundle)
    report = result.report
    assert result.alarm is None and not changed_streams(report)
    assert report.comparison is None and report.unlike == [] and result.page == ""
    first, power, *_ = result.sentences()
    assert first == "No alarm in 150 groups (150 images, 2026-11-01 00:00 UTC to 2026-11-02 00:50 UTC)."
    assert "A lasting shift of 0.60 standard deviations" in power
    assert "of the log (n = 150) and of the reference (n = 300)" in power
    assert "150 images in 150 groups, 1.0 images in each." in result.sentences()
    assert report.accuracy.difference is not None
    low, high = report.accuracy.difference.low, report.accuracy.difference.high
    assert low is not None and high is not None and low < 0 < high


def test_more_images_of_a_group_are_one_group(bundle: Bundle, tmp_path: Path) -> None:
    records = make_records(bundle.hash, draw(120, 3, Change(brightness=3.0)))
    related = [record.model_copy(update={"group": "one product"}) for record in records]
    report = pupila.monitor(write_log(tmp_path, related), bundle).report
    assert report.counts.images == 120 and report.counts.groups == 1
    text = " ".join(sentences(report))
    assert "120 images in 1 group, 120.0 images in each." in text and "count by themselves" not in text
    assert "can miss even a shift of 3 standard deviations" in text
    assert report.alarm is None
    assert report.accuracy.stream.low is None


def test_rare_false_alarms_need_more_evidence(bundle: Bundle, tmp_path: Path) -> None:
    log = write_changed(tmp_path, bundle.hash, 100, 60, Change(brightness=-0.8))
    often = pupila.monitor(log, bundle, false_alarm_every=100).alarm
    seldom = pupila.monitor(log, bundle, false_alarm_every=10_000).alarm
    assert often is not None and seldom is not None and often.group < seldom.group
    assert pupila.monitor(log, bundle, false_alarm_every=10**60).alarm is None
    with pytest.raises(PupilaError, match="false_alarm_every"):
        pupila.monitor(log, bundle, false_alarm_every=0)


def test_nothing_is_left_out_without_a_word(bundle: Bundle, tmp_path: Path) -> None:
    records = make_records(bundle.hash, draw(60, 4))
    write_log(tmp_path, records[:30], "predictions.jsonl.1")
    others = [record.model_copy(update={"model_version": "f" * 64}) for record in records[30:35]]
    repeated = [record.model_copy(update={"group": ""}) for record in (records[40], records[40])]
    bare = [record.model_copy(update={"embedding": []}) for record in records[50:]]
    write_log(tmp_path, [*others, *records[35:40], *repeated, *bare])
    with (tmp_path / "predictions.jsonl").open("a") as log:
        log.write('{"dropped": 4}\nno JSON\n{"time": "cut o')
    result = pupila.monitor(tmp_path / "predictions.jsonl", bundle)
    counts = result.report.counts
    assert (counts.groups, counts.images, counts.late_images) == (46, 47, 0)
    assert counts.repeated_images == 1
    assert counts.other_versions == {"f" * 64: 5}
    assert (counts.dropped, counts.without_embedding) == (4, 10)
    assert counts.first == records[0].time and counts.last == records[-1].time
    text = " ".join(result.sentences())
    for sentence in (
        "5 predictions of other bundles were left out: ffffffffffff (5).",
        "1 damaged line was left out.",
        "47 images in 46 groups, 1.0 images in each. 2 images came without the name of a group",
        "4 predictions are missing: the service could not write them.",
        "1 image was left out: it is the same file again.",
        "10 groups have no embedding in the log: their content was not compared.",
    ):
        assert sentence in text


def test_a_log_that_does_not_fit_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="No log in"):
        pupila.monitor(tmp_path, bundle)
    (tmp_path / "predictions.jsonl").write_text("")
    with pytest.raises(PupilaError, match="has no prediction of this bundle") as fault:
        pupila.monitor(tmp_path, bundle)
    assert "an empty log" in str(fault.value) and "wait for the first images" in str(fault.value)
    records = make_records("e" * 64, draw(3, 5))
    with pytest.raises(PupilaError) as fault:
        pupila.monitor(write_log(tmp_path, records), bundle)
    assert "3 images of eeeeeeeeeeee" in str(fault.value) and "that was served" in str(fault.value)
    short = [
        record.model_copy(update={"model_version": bundle.hash, "embedding": [0.0] * 5}) for record in records
    ]
    with pytest.raises(PupilaError, match="prediction r0 of the log does not fit") as fault:
        pupila.monitor(write_log(tmp_path, short), bundle)
    assert "5 projections" in str(fault.value) and "8 projections" in str(fault.value)
    alien = [
        record.model_copy(update={"model_version": bundle.hash, "outputs": {"cat": 1.0}})
        for record in records
    ]
    with pytest.raises(PupilaError, match="classes cat"):
        pupila.monitor(write_log(tmp_path, alien), bundle)


def test_a_bundle_without_a_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="has no reference to monitor against"):
        pupila.monitor(tmp_path, write_colours(tmp_path / "colours"))
    with pytest.raises(PupilaError, match="A promptable model can't be monitored"):
        pupila.monitor(tmp_path, write_pointing(tmp_path / "pointing"))


@pytest.mark.parametrize(
    ("task", "title", "estimated"),
    [
        ("classify", "Estimated accuracy without labels", True),
        ("multilabel", "Estimated accuracy per label without labels", True),
        ("segment", "Estimated accuracy of pixels without labels", False),
    ],
)
def test_every_task_has_its_accuracy_and_shares(
    tmp_path: Path, task: str, title: str, estimated: bool
) -> None:
    own = write_monitored(tmp_path / "bundle", task)
    report = pupila.monitor(
        log := write_changed(tmp_path / "log", own.hash, 60, 0, NONE), own, out=tmp_path / "drift"
    ).report
    assert any(title in sentence for sentence in pupila.monitor(log, own).sentences())
    assert [row.name for row in report.classes] == ["red", "green", "blue"]
    for row in report.classes:
        assert row.predicted is not None and row.reference is not None
        assert abs(row.predicted - row.reference) < 0.15
        assert (row.estimated.value is not None) == estimated
    value = report.accuracy.stream.value
    observed = draw(60, 1)
    expected = np.where(observed.outputs >= 0.5, observed.outputs, 1 - observed.outputs).mean()
    assert value == pytest.approx(expected if task == "multilabel" else observed.confidence.mean())
    stored = json.loads((tmp_path / "drift" / "drift.json").read_text())
    assert DriftReport.model_validate(stored) == report


def test_the_largest_evidence_is_that_of_any_group_and_not_only_of_the_drawn_ones(
    bundle: Bundle, tmp_path: Path
) -> None:
    log = write_changed(tmp_path, bundle.hash, 1000, 0, NONE)
    report = pupila.monitor(log, bundle).report
    detector, observations, evidence = DriftDetector(draw(300, 100), 10_000), draw(1000, 1), []
    for row in range(1000):
        detector.update(observations.select(np.array([row])))
        evidence.append(detector.evidence)
    assert report.largest_evidence == pytest.approx(max(evidence), rel=1e-3)
    assert report.largest_evidence > max(point.evidence for point in report.history)
    assert percent(report.largest_evidence / 10_000) in describe_evidence(report)


KINDS = [
    *(("classify", kind) for kind in UNKNOWN if kind != "masks"),
    ("multilabel", "ensemble"),
    ("segment", "ensemble"),
    ("segment", "masks"),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("task", "kind"), KINDS)
@pytest.mark.parametrize("change", [NONE, Change(brightness=-2.0), Change(confidence=8.0)])
def test_what_a_reference_does_not_know_is_in_the_sentences_and_the_rest_is_monitored(
    tmp_path: Path, task: str, kind: str, change: Change
) -> None:
    own = write_monitored(tmp_path / "bundle", task, kind=kind)
    if kind == "fine-tuned":
        change = replace(change, embedding=None)
    log = write_changed(tmp_path / "log", own.hash, 120, 60, change)
    result = pupila.monitor(log, own, out=tmp_path / "drift")
    report, text = result.report, " ".join(result.sentences())
    stored, page = (
        (tmp_path / "drift" / "drift.json").read_text(),
        (tmp_path / "drift" / "drift.html").read_text(),
    )
    assert DriftReport.model_validate_json(stored) == report and "NaN" not in stored
    assert not re.search(r"\bnan\b|None", text + re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    by_name = {stream.name: stream for stream in report.streams}
    beginning = {name for name, stream in by_name.items() if stream.baseline == "beginning"}
    is_out_of_fold = kind != "left-out"
    assert beginning == ({"confidence", *(f"outputs {k}" for k in range(3))} if is_out_of_fold else set())
    assert report.is_out_of_fold == is_out_of_fold == ("with the beginning of the log" in text)
    assert ("no model of the folds predicts what the ensemble does" in text) == (kind == "ensemble")
    assert ("Models of the folds predicted the reference" in text) == (is_out_of_fold and kind != "ensemble")
    assert ("content of the images is not monitored" in text) == (kind == "fine-tuned")
    assert (report.accuracy.reference.value is None) == ("confidence" in UNKNOWN[kind])
    assert ("The reference has no confidence" in text) == (report.accuracy.difference is None)
    assert report.accuracy.stream.value is not None
    assert all((row.reference is None) == (kind == "ensemble") and row.predicted for row in report.classes)
    if change.brightness:
        assert report.alarm is not None and abs(report.alarm.since_group - 121) <= 5
        assert by_name["brightness"].changed and report.comparison is not None
        assert report.comparison.p_value < 0.05
    elif change.confidence != 1:
        assert report.alarm is not None and abs(report.alarm.since_group - 121) <= 10
        assert by_name["confidence"].changed and "confidence is lower by" in text
    else:
        assert report.alarm is None
        assert all(
            by_name[name].reference is None and by_name[name].shift.value is None for name in beginning
        )


def test_a_classifier_does_not_tell_a_log_by_what_the_folds_were_unsure_of(tmp_path: Path) -> None:
    # Confidence and classes of the folds differ from the first group on; that is no sign of other images.
    own = write_monitored(tmp_path / "bundle", kind="out-of-fold")
    log = write_changed(tmp_path / "log", own.hash, 100, 60, Change(confidence=8.0))
    comparison = pupila.monitor(log, own).report.comparison
    assert comparison is not None and comparison.auc < 0.65 and comparison.p_value > 0.05


def test_the_estimated_shares_are_those_that_were_planted(bundle: Bundle, tmp_path: Path) -> None:
    priors = np.array([0.7, 0.2, 0.1])
    report = pupila.monitor(
        write_changed(tmp_path, bundle.hash, 0, 400, Change(priors=priors)), bundle
    ).report
    assert report.alarm is not None and report.alarm.since_group <= 20
    for row, planted in zip(report.classes, priors, strict=True):
        assert row.estimated.value == pytest.approx(planted, abs=0.12)


def test_the_command_exits_with_1_after_an_alarm(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_changed(tmp_path / "log", bundle.hash, 60, 60, Change(brightness=-2.0))
    assert run(["monitor", str(log), bundle.folder, "--out", str(tmp_path / "drift")]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Alarm: the images have changed") and printed.rstrip().endswith("drift.html")
    assert run(["monitor", str(log), bundle.folder, "--false-alarm-every", str(10**60), "--json"]) == 0
    report = DriftReport.model_validate_json(capsys.readouterr().out)
    assert report.alarm is None and report.false_alarm_every == 10**60
    assert (Path(bundle.folder).parent / "drift" / "drift.html").is_file()
    assert run(["monitor", str(tmp_path), bundle.folder]) == 2
    assert "No log in" in capsys.readouterr().err


def record_requests(page: Page) -> list[str]:
    """What the page loads from now on."""
    urls: list[str] = []

    def record(request: Request) -> None:
        urls.append(request.url)

    page.on("request", record)
    return urls


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_is_whole_in_a_browser_on_a_desktop_and_a_phone(bundle: Bundle, tmp_path: Path) -> None:
    log = write_changed(tmp_path, bundle.hash, 60, 60, Change(brightness=-2.0))
    lines = (log / "predictions.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    (log / "images").mkdir()
    (log / "images" / "a.png").write_bytes(encoded(np.zeros((20, 30, 3), np.uint8)))
    (tmp_path.parent / "secret.png").write_bytes(encoded(np.full((9, 9, 3), 255, np.uint8)))
    for record in records[70:]:
        record["file"] = "images/a.png"
    records[-1]["file"], records[-2]["file"] = "../secret.png", "images/gone.png"
    (log / "predictions.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    result = pupila.monitor(log, bundle, out=tmp_path / "drift")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1200, 390):
            page = browser.new_page(viewport={"width": width, "height": 800})
            urls = record_requests(page)
            page.goto(f"file://{result.page}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert all(url.startswith(("file:", "data:")) for url in urls)
            assert "Alarm: the images have changed" in page.inner_text(".verdict")
            assert 1 <= page.locator("figure img").count() <= 12
            assert page.locator("svg[role=img]").count() >= 2
        browser.close()
    stored = [image for image in result.report.unlike if image.file == "../secret.png"]
    assert not stored or re.search(stored[0].image[:12], Path(result.page).read_text())
