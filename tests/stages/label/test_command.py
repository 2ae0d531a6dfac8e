"""`pupila label`: its output, exit codes, and errors."""

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.cli.run import run
from pupila.demo.labeller import Fault, Loopback
from pupila.stages.label.choose import Selection
from pupila.stages.label.labellers.labeller import Labeller, Outcomes, ProposedLabel
from pupila.stages.label.run import LabellingJob
from tests.pictures import write_photo
from tests.stages.label.requests import label_settings, served, shop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shop(tmp_path / "shop")


@pytest.fixture
def server(folder: Path) -> Iterator[Loopback]:
    with served(folder) as loopback:
        yield loopback


def command(server: Loopback, folder: Path, *more: str) -> list[str]:
    pairs = [f"{name}={value}" for name, value in label_settings(server, folder).items()]
    return ["label", str(folder), "--with", f"vlm:{folder}", *pairs, *more]


def test_the_command_prints_forecast_and_result(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = ["--input-price", "1", "--output-price", "10"]
    assert run(command(server, folder, *prices, "--limit", "4")) == 0
    understood, before, after = capsys.readouterr().out.split("\n\n", 2)
    assert understood.startswith(f"6 images in {folder}: a folder of images without labels.\n")
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert before.startswith(f"4 requests to {host}; 0 answers are cached.\nEstimated cost: 0.00")
    lines = after.splitlines()
    assert lines[0] == f"vlm:{folder} labelled 4 of 4 images (cat 2, dog 2)."
    assert lines[1] == "Requests: 4, input tokens: 1600, output tokens: 32, cached answers: 0."
    assert lines[2].endswith(" s, cost 0.0019 US dollars.")
    assert lines[3] == f"Next: pupila label audit {folder}"


def test_a_dry_run_requests_nothing_and_writes_nothing(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(server, folder, "--dry-run", "--votes", "3")) == 0
    output = capsys.readouterr().out
    assert "would label 6 images" in output
    assert "18 requests to" in output
    assert "set --input-price, --output-price to estimate the cost" in output
    assert run(command(server, folder, "--dry-run", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 6
    assert not server.requests
    assert not (folder / "labels.parquet").exists()


def test_a_dry_run_needs_no_key(
    folder: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert run(command(server, folder, "--dry-run", "--key", "NO_SUCH_KEY")) == 0
    assert run(command(server, folder, "--key", "NO_SUCH_KEY")) == 2
    assert "the environment variable NO_SUCH_KEY is empty" in capsys.readouterr().err
    assert not server.requests


def test_json_output_is_one_object(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault = lambda number, shown: Fault(400, '{"error": "odd"}') if number == 3 else None
    assert run(command(server, folder, "--json")) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["selected"], output["labelled"], sum(output["classes"].values())) == (6, 5, 5)
    assert [fault["reason"] for fault in output["failed"]] == ["HTTP 400: odd"]
    assert output["skipped"] == {"by_annotator": 0, "given": 0, "labelled_before": 0}


def test_a_reached_budget_exits_with_1(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = ["--input-price", "1", "--output-price", "10", "--max-tokens", "9"]
    assert run(command(server, folder, *prices, "--max-cost", "0.001")) == 1
    output = capsys.readouterr().out
    assert "labelled 2 of 6 images" in output
    assert "4 images were not requested." in output
    assert run(command(server, folder, *prices)) == 0
    assert "Skipped 2 images that were already labelled with the same prompt." in capsys.readouterr().out
    assert run(command(server, folder)) == 0
    assert f"vlm:{folder} has nothing to label." in capsys.readouterr().out


def test_a_run_without_any_label_exits_with_2(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    with served(folder, fault=lambda number, shown: Fault(413, "large")) as server:
        assert run(command(server, folder)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--with", "vml:x"], "Did you mean vlm?"),
        (["--with", "csv"], "--with csv:FILE"),
        (["--with", "vlm:x", "--vote", "3"], "did you mean --votes?"),
        (["--with", "csv:x.csv", "--votes", "3"], "--votes belongs to --with vlm"),
        (["--with", "csv:none.csv"], "none.csv does not exist"),
        ([], "--with"),
    ],
)
def test_a_wrong_argument_is_refused(
    folder: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", str(folder), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_every_setting_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in (
        ("vlm", "max_cost"),
        ("roboflow", "classes"),
        ("bundle", "confidence"),
        ("csv", "human_labels"),
    ):
        assert run(["settings", f"label-{kind}"]) == 0
        assert f"\n  {name} " in capsys.readouterr().out


class Scripted(Labeller):
    """Labels every image as cat, and then raises an exception."""

    name = "scripted"

    def __init__(self, answers: int, fault: BaseException | None = None) -> None:
        self.answers, self.fault = answers, fault

    def outcomes(self, data: Dataset, rows: object) -> Outcomes:
        for row in range(self.answers):
            yield row, ProposedLabel("cat", ("cat",))
        if self.fault:
            raise self.fault


def test_an_interruption_keeps_the_labels_so_far(folder: Path) -> None:
    data = pupila.open(folder)
    with pytest.raises(KeyboardInterrupt):
        LabellingJob(data, Scripted(4, KeyboardInterrupt()), Selection(list(range(6)))).run()
    assert read_history(str(folder)).height == 4


def test_labels_are_saved_every_few_seconds(folder: Path) -> None:
    data = pupila.open(folder)
    saved: list[int] = []
    times = iter(range(0, 100, 2))  # two seconds between looks at the clock

    def clock() -> float:
        saved.append(read_history(str(folder)).height)
        return float(next(times))

    LabellingJob(data, Scripted(5), Selection(list(range(5)))).run(clock)
    assert saved[-1] == 5
    assert max(later - earlier for earlier, later in pairwise(saved)) <= 2


def test_a_missing_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    write_photo(folder / "x.png", 99)
    with_model = ["--with", "vlm:x", "--question", "octagons", "--base-url", "http://127.0.0.1:9/v1"]
    assert run(["label", str(folder), *with_model]) == 2
    assert "pip install 'pupila[label]'" in capsys.readouterr().err
