"""Read a table of results again: what its counts allow to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pupila.api.inputs import Path, path_text
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import listing, say, say_images
from pupila.experiments.replay.page import describe_replay, make_replay_page
from pupila.experiments.replay.table import TestSet, read_table
from pupila.experiments.replay.verdicts import Replay, compare_rows
from pupila.experiments.settings import SweepSettings

REPLAY_PAGE = "replay.html"


@dataclass(frozen=True, repr=False)
class ReplayResult(Displayed):
    """A table of results, read again, and its page."""

    details: Replay
    report: str  # path of the page

    @property
    def sentences(self) -> list[str]:
        """The verdict, the most important first."""
        return describe_replay(self.details)

    def summary(self) -> Summary:
        """The verdict."""
        first, *others = self.sentences
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        return Summary("ReplayResult", first, {**facts, say("Report"): self.report})


@public
def replay_table(
    table: Path,
    images: int | None,
    positives: int | None = None,
    chosen: float | None = None,
    out: Path | None = None,
) -> ReplayResult:
    """What the results of many runs on one test set allow to say, from their counts of right and wrong images.

    Args:
        table: a CSV file with a header, and the columns accuracy, or two of precision, recall and f1.
        images: of the test set.
        positives: images of the class that precision, recall and F1 are of.
        chosen: score of the run that was chosen from the table.
        out: folder of the page; by default `sweeps/<table>`.

    Raises:
        PupilaError: the test set is not given, or its figures are impossible.
    """
    if images is None or images < 1 or (positives is not None and not 0 < positives < images):
        raise PupilaError(
            say("The table has no test set"),
            actual=say("not set") if images is None else say_images(images),
            expected=say("its number of images, and fewer positives"), remedy="--test-images N --positives N",
        )  # fmt: skip
    source = path_text(table)
    if not files.exists(source):
        raise PupilaError(
            say("No table in {path}", path=source), expected=say("a CSV file with a row for each run")
        )
    name = source.rpartition("/")[2].removesuffix(".csv")
    test_set = TestSet(images, positives)
    details = compare_rows(read_table(source, test_set), test_set, chosen)
    page = files.join(path_text(out) if out is not None else f"sweeps/{name}", REPLAY_PAGE)
    files.write_bytes(page, render(make_replay_page(details, name)).encode())
    return ReplayResult(details, page)


def replay_with(table: str, settings: Mapping[str, Any], out: str | None) -> ReplayResult:
    """`replay_table` with the settings of a command.

    Raises:
        PupilaError: settings of a training among them, or a bad value.
    """
    known = {"replay", "test_images", "positives", "chosen"}
    if others := [f"--{name.replace('_', '-')}" for name in settings if name not in known]:
        raise PupilaError(
            say("{setting} has no effect: a table of results is not trained", setting=listing(others)),
            remedy=say("omit {flag}", flag=listing(others)),
        )
    parsed = SweepSettings.parse(dict(settings), "sweep")
    return replay_table(table, parsed.test_images, parsed.positives, parsed.chosen, out)
