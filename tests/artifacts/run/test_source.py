"""Where predictions come from: every kind of source is told apart once, and all else is refused."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.log import EpochLog, write_log
from pupila.artifacts.run.source import (
    BundleSource,
    RunSource,
    TableSource,
    parse_predicting,
    parse_source,
    pin_bundle,
)
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import TABLE_SUFFIXES
from tests.colours import write_colours


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_colours(tmp_path / "shoes/bundle")
    return tmp_path / "shoes"


def test_a_path_stands_for_a_run_a_bundle_or_a_table(run: Path) -> None:
    table = run.parent / "hosted.csv"
    kinds = {run: RunSource, run / "bundle": BundleSource, table: TableSource}
    for path, kind in kinds.items():
        source = parse_source(path)
        assert isinstance(source, kind)
        assert source.path == str(path)
        assert parse_source(source) is source
        assert parse_source(f"{path}/".rstrip("/")) == source


def test_objects_stand_for_themselves(run: Path) -> None:
    assert parse_source(Run(str(run))) == parse_source(run)
    assert parse_source(read_bundle(run / "bundle")) == parse_source(run / "bundle")


def test_the_name_and_the_place_of_results_are_those_of_the_run(run: Path) -> None:
    of_run, of_bundle = parse_source(f"{run}/"), parse_source(run / "bundle")
    assert (of_run.name, of_bundle.name) == ("shoes", "shoes")
    assert (of_run.results_folder, of_bundle.results_folder) == (str(run), str(run))
    table = parse_source("tables/hosted.csv")
    assert (table.name, table.results_folder) == ("hosted.csv", "tables")


def test_the_task_is_that_of_the_bundle_and_a_table_has_none(run: Path) -> None:
    assert [parse_predicting(path).task.name for path in (run, run / "bundle")] == ["classify", "classify"]
    assert parse_source("hosted.csv").task is None


def test_a_bundle_knows_the_log_of_the_run_around_it(run: Path) -> None:
    line = EpochLog(part="head", phase="head", epoch=1, train_loss=0.5, score=0.5, lr=0.1, seconds=1.0)
    write_log(str(run), [line])
    assert parse_predicting(run).run.log == parse_predicting(run / "bundle").run.log == [line]


@pytest.mark.parametrize("suffix", [*TABLE_SUFFIXES, ".CSV"])
def test_a_table_is_known_by_its_suffix_and_has_no_bundle(suffix: str) -> None:
    assert isinstance(parse_source(f"hosted{suffix}"), TableSource)
    with pytest.raises(PupilaError, match=r"No bundle in hosted.*a table of predictions"):
        parse_predicting(f"hosted{suffix}")


def test_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PupilaError, match="does not exist; expected a bundle, a run or a table of predictions"
    ):
        parse_source(tmp_path / "nowhere")
    with pytest.raises(
        PupilaError, match="does not exist; expected the folder of a bundle or of a finished run"
    ):
        parse_predicting(tmp_path / "nowhere")
    with pytest.raises(PupilaError, match=r"No bundle in .*no bundle\.json"):
        parse_source(tmp_path)
    with pytest.raises(PupilaError, match=r"(?s)Not a model: found int;.*a Bundle, a Run"):
        parse_source(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["", "bundle"])
def test_a_hash_pins_the_bundle(run: Path, part: str) -> None:
    path = run / part
    own = read_bundle(run / "bundle").hash
    assert pin_bundle(path, None) == path
    assert parse_source(pin_bundle(path, f" {own.upper()}\n")) == parse_source(path)
    assert pupila.load(path, sha256=own).bundle.hash == own
    with pytest.raises(PupilaError, match=rf"another one: found SHA-256 {own}; expected {'0' * 64}"):
        pin_bundle(path, "0" * 64)
    with pytest.raises(PupilaError, match=r"Not a SHA-256: found 'abc'; expected 64"):
        pupila.load(pupila.load(path), sha256="abc")


def test_what_was_loaded_is_not_read_again_from_a_folder_that_has_changed(run: Path) -> None:
    loaded = pupila.load(run)
    write_colours(run / "bundle", temperature=2.0)
    assert parse_predicting(loaded).bundle is loaded.bundle
    assert parse_predicting(run).bundle.hash != loaded.bundle.hash


def test_a_table_has_no_hash_to_pin(run: Path) -> None:
    with pytest.raises(PupilaError, match="a table of predictions"):
        pin_bundle(run / "hosted.csv", "0" * 64)
