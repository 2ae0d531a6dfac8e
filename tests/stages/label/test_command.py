"""`pupila label`: what it prints, where it ends, and what it leaves to the next word."""

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.labels import history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.cli.run import run
from pupila.demo.labeller import Fault, Loopback
from pupila.stages.label.choose import Chosen
from pupila.stages.label.labellers.labeller import Labeller, Outcomes, Said
from pupila.stages.label.run import Labelling
from tests.pictures import write_photo
from tests.stages.label.requests import served, shop, wish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shop(tmp_path / "shop")


@pytest.fixture
def server(folder: Path) -> Iterator[Loopback]:
    with served(folder) as asked:
        yield asked


def command(server: Loopback, folder: Path, *more: str) -> list[str]:
    pairs = [f"{name}={value}" for name, value in wish(server, folder).items()]
    return ["label", str(folder), "--with", f"vlm:{folder}", *(w for p in pairs for w in ("--set", p)), *more]


def test_the_command_says_what_it_takes_and_how_it_went(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = ["--set", "input_price=1", "--set", "output_price=10"]
    assert run(command(server, folder, *prices, "--limit", "4")) == 0
    before, _, after = capsys.readouterr().out.partition("\n\n")
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert before.startswith(f"4 requests to {host}; 0 answers are remembered.\nEstimated cost: 0.00")
    lines = after.splitlines()
    assert lines[0] == f"vlm:{folder} labelled 4 of 4 pictures (cat 2, dog 2)."
    assert lines[1] == "4 requests, 1600 tokens of input and 32 of output; 0 answers were remembered."
    assert lines[2].endswith(" s, 0.0019 US dollars.")
    assert lines[3] == f"Next: pupila label audit {folder}"


def test_a_dry_run_asks_nothing_and_writes_nothing(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(server, folder, "--dry-run", "--votes", "3")) == 0
    told = capsys.readouterr().out
    assert "would be asked for 6 pictures" in told
    assert "18 requests to" in told
    assert "its cost is unknown without --set input_price" in told
    assert run(command(server, folder, "--dry-run", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 6
    assert not server.asked
    assert not (folder / "labels.parquet").exists()


def test_for_machines_it_is_one_object(
    folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fault = lambda number, shown: Fault(400, '{"error": "odd"}') if number == 3 else None
    assert run(command(server, folder, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["labelled"], sum(told["classes"].values())) == (6, 5, 5)
    assert [fault["reason"] for fault in told["failed"]] == ["HTTP 400: odd"]
    assert told["skipped"] == {"by_person": 0, "given": 0, "before": 0}


def test_the_cap_leaves_with_1(folder: Path, server: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    prices = ["--set", "input_price=1", "--set", "output_price=10", "--set", "max_tokens=9"]
    assert run(command(server, folder, *prices, "--max-cost", "0.001")) == 1
    told = capsys.readouterr().out
    assert "labelled 2 of 6 pictures" in told
    assert "4 images were not asked." in told
    assert run(command(server, folder, *prices)) == 0
    assert "2 pictures were answered before, asked the same." in capsys.readouterr().out
    assert run(command(server, folder)) == 0
    assert f"Nothing to ask vlm:{folder}." in capsys.readouterr().out


def test_where_nothing_could_be_labelled_it_leaves_with_2(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    with served(folder, fault=lambda number, shown: Fault(413, "large")) as server:
        assert run(command(server, folder)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--with", "vml:x"], "did you mean 'vlm'"),
        (["--with", "csv"], "--with csv:FILE"),
        (["--with", "vlm:x", "--set", "vote=3"], "did you mean 'votes'"),
        (["--with", "csv:x.csv", "--votes", "3"], "votes: unknown"),
        (["--with", "csv:none.csv"], "Can't read the table"),
        ([], "--with"),
    ],
)
def test_what_is_not_understood_is_answered(
    folder: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", str(folder), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_every_setting_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in (
        ("vlm", "max_cost"),
        ("roboflow", "classes"),
        ("bundle", "confidence"),
        ("csv", "person"),
    ):
        assert run(["settings", f"label-{kind}"]) == 0
        assert f"\n  {name} " in capsys.readouterr().out


class Scripted(Labeller):
    """Says cat of everything, and then what it is told to raise."""

    name = "scripted"

    def __init__(self, answers: int, fault: BaseException | None = None) -> None:
        self.answers, self.fault = answers, fault

    def outcomes(self, data: Dataset, rows: object) -> Outcomes:
        for row in range(self.answers):
            yield row, Said("cat", ("cat",))
        if self.fault:
            raise self.fault


def test_an_interruption_keeps_what_was_said(folder: Path) -> None:
    data = pupila.open(folder)
    with pytest.raises(KeyboardInterrupt):
        Labelling(data, Scripted(4, KeyboardInterrupt()), Chosen(list(range(6)))).run()
    assert history(str(folder)).height == 4


def test_answers_are_saved_every_few_seconds(folder: Path) -> None:
    data = pupila.open(folder)
    saved: list[int] = []
    times = iter(range(0, 100, 2))  # two seconds between looks at the clock

    def clock() -> float:
        saved.append(history(str(folder)).height)
        return float(next(times))

    Labelling(data, Scripted(5), Chosen(list(range(5)))).run(clock)
    assert saved[-1] == 5
    assert max(later - earlier for earlier, later in pairwise(saved)) <= 2


def test_a_missing_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    write_photo(folder / "x.png", 99)
    with_model = ["--with", "vlm:x", "--set", "task=octagons", "--set", "base_url=http://127.0.0.1:9/v1"]
    assert run(["label", str(folder), *with_model]) == 2
    assert "pip install 'pupila[label]'" in capsys.readouterr().err
