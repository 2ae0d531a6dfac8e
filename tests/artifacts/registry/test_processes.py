"""Kills at any moment, and several processes at once, on disk and on S3."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.registry.registry import Registry
from pupila.artifacts.registry.verify import verify_registry
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.artifacts.registry.conftest import fill, promote, write_report
from tests.artifacts.registry.processes import check_agreement, work
from tests.colours import write_colours
from tests.s3 import BUCKET, Server, emptied, s3_server

MODULE = "tests.artifacts.registry.processes"
WRITES = 250  # of the work, about; a process that is to die later does not


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, bundles: list[Bundle]) -> Path:
    """The bundles by number, each with a report against the one before; never changed."""
    root = tmp_path_factory.mktemp("processes")
    for number, bundle in enumerate(bundles, start=1):
        assert write_colours(root / f"{number}/bundle", scale=float(number)).hash == bundle.hash
        other = bundles[number - 2] if number > 1 else None
        Path(write_report(root / "reports", bundle, other)).rename(root / f"{number}.json")
    return root


def kill(root: Path, *numbers: int) -> int:
    command = [sys.executable, "-m", MODULE, "kill", str(root), *map(str, numbers)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return int(process.stderr.split()[-1])


def test_alias_and_history_agree_after_a_kill_at_a_random_write(root: Path, tmp_path: Path) -> None:
    numbers = random.Random(20).sample(range(1, WRITES), 4)
    copies = copy(root, tmp_path)
    died = kill(copies, *numbers)
    print(f"registry: {died} of {len(numbers)} processes died")
    assert died >= 2


@pytest.mark.slow
def test_alias_and_history_agree_after_a_kill_at_every_write(root: Path, tmp_path: Path) -> None:
    died = kill(copy(root, tmp_path))
    print(f"registry: a process died before each of its {died} writes")
    assert died > 100


def copy(root: Path, tmp_path: Path) -> Path:
    for name in ("1", "2", "3", "1.json", "2.json", "3.json"):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as started:
        yield emptied(started)


@pytest.mark.parametrize("place", ["disk", pytest.param("s3", marks=pytest.mark.slow)])
def test_of_two_promoters_at_once_one_wins(
    place: str, tmp_path: Path, root: Path, bundles: list[Bundle], request: pytest.FixtureRequest
) -> None:
    uri = f"s3://{BUCKET}/models"
    if place == "s3":
        request.getfixturevalue("server")
    else:
        uri = str(tmp_path / "registry")
    model = fill(Registry(uri), bundles)
    promote(model, 1, write_report(tmp_path, bundles[0]))
    reports = [write_report(tmp_path, bundles[number], bundles[0]) for number in (1, 2)]
    promoters = [
        subprocess.Popen([sys.executable, "-m", MODULE, "promote", uri, str(number), report], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number, report in enumerate(reports, start=2)
    ]  # fmt: skip
    for promoter in promoters:
        assert promoter.stdout is not None and promoter.stdout.readline() == "ready\n"
    for promoter in promoters:
        assert promoter.stdin is not None
        promoter.stdin.write("\n")
        promoter.stdin.flush()
    outputs = sorted(promoter.communicate()[0].strip() for promoter in promoters)
    assert outputs[0].startswith(
        "refused production of octagons was moved by somebody else meanwhile: version "
    )
    assert outputs[1] == "won 5"
    assert verify_registry(Registry(uri)).damages == []
    assert [event.number for event in model.history().events] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "last", [pytest.param(n, marks=[] if n == 20 else pytest.mark.slow) for n in (1, 5, 10, 20, 30, 35, 40)]
)
def test_a_process_that_ends_between_two_writes_to_s3_leaves_them_in_agreement(
    last: int, server: Server, root: Path
) -> None:
    registry, writes = Registry(f"s3://{BUCKET}/models"), [0]

    def fault(method: str, path: str, query: str) -> tuple[int, str] | None:
        writes[0] += method == "PUT"
        return (403, "AccessDenied") if writes[0] > last else None

    server.fault = fault
    with pytest.raises(PupilaError):
        work(root, registry)
    server.fault = lambda *_: None
    check_agreement(registry, [])
    work(root, registry)
    assert verify_registry(registry).damages == []
    assert [version.number for version in registry.find("octagons").state().versions] == [1, 2, 3]


def test_a_write_whose_response_was_lost_is_not_refused(
    bundles: list[Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = files.update

    def update_twice(uri: str, change: Callable[[bytes], bytes]) -> None:
        update(uri, change)
        update(uri, change)  # as a store does that has written, and whose client compares again

    monkeypatch.setattr(files, "update", update_twice)
    model = fill(Registry(str(tmp_path / "registry")), bundles[:2])
    promote(model, 1, write_report(tmp_path, bundles[0]))
    promote(model, 2, write_report(tmp_path, bundles[1], bundles[0]))
    model.roll_back("production")
    assert [event.number for event in model.history().events] == [1, 2, 3, 4, 5]
    assert verify_registry(Registry(str(tmp_path / "registry"))).damages == []
