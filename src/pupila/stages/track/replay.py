"""Replays runs and sweeps into a tracker, any number of times without doubling."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.plan import PLAN_FILE
from pupila.artifacts.sweep.folder import Sweep
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.progress import progress
from pupila.stages.track.content import FAILED, TrackedRun
from pupila.stages.track.run import read_tracked_run
from pupila.stages.track.sweep import read_tracked_cell, read_tracked_sweep
from pupila.stages.track.target import Target
from pupila.stages.track.trackers import NEW, UNCHANGED, UPDATED, Change, Tracker, open_tracker


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run in the tracker."""

    name: str
    experiment: str
    change: Change
    epochs: int


@dataclass(frozen=True, repr=False)
class Tracking(Displayed):
    """What was replayed, and how to look at it."""

    target: str  # without secrets
    runs: list[Replayed]  # parents before their children
    notes: list[str]
    hint: str  # the command that shows, or uploads, the runs

    def count(self, change: Change) -> int:
        """How many runs were new, updated or unchanged."""
        return sum(run.change == change for run in self.runs)

    def summary(self) -> Summary:
        """Counts, place and the next command."""
        facts = {
            say("next"): self.hint,
            **{f"{number}.": note for number, note in enumerate(self.notes, start=1)},
        }
        return Summary("Tracking", self.sentence(), facts)

    def sentence(self) -> str:
        """The counts in words."""
        counts = {
            NEW: say("{n} new", n=self.count(NEW)),
            UPDATED: say("{n} updated", n=self.count(UPDATED)),
            UNCHANGED: say("{n} unchanged", n=self.count(UNCHANGED)),
        }
        parts = listing([text for change, text in counts.items() if self.count(change)])
        return say_count("{n} run in {target}: {parts}", "{n} runs in {target}: {parts}", len(self.runs),
                         target=self.target, parts=parts)  # fmt: skip


def replay(sources: Sequence[Run | Sweep], target: Target, experiment: str | None = None) -> Tracking:
    """Write runs and sweeps to a tracker; what it has already is left as it is.

    Args:
        sources: each with a plan, or a definition.
        target: tracker and place.
        experiment: its name; None: that of each run's data set.

    Raises:
        PupilaError: a run without a plan, a damaged file, or a tracker that can't be written to.
    """
    steps = [step for source in sources for step in _plan_steps(source, experiment)]
    tracker = open_tracker(target)
    try:
        return _write_all(tracker, steps, target)
    finally:
        tracker.close()


def _write_all(tracker: Tracker, steps: list[Callable[[], TrackedRun]], target: Target) -> Tracking:
    runs: list[Replayed] = []
    notes: dict[str, None] = {}
    with progress(say("runs"), len(steps)) as advance:
        for step in steps:
            run = step()
            written = tracker.write(run)
            runs.append(Replayed(run.name, run.experiment, written.change, len(run.epochs)))
            notes |= dict.fromkeys([*written.notes, *_describe_state(run)])
            advance(1)
    return Tracking(str(target), runs, [*notes], tracker.hint)


def _plan_steps(source: Run | Sweep, experiment: str | None) -> Iterator[Callable[[], TrackedRun]]:
    """What reads each run, when its turn comes: parents first."""
    if isinstance(source, Sweep):
        parent, cells = read_tracked_sweep(source, experiment)
        yield lambda: parent
        for cell in cells:
            yield lambda cell=cell: read_tracked_cell(cell, parent)  # type: ignore[misc]
        return
    if not source.has_plan:
        raise PupilaError(
            say("No plan in {path}", path=source.folder), actual=say("no {name}", name=PLAN_FILE),
            expected=say("the folder of a run or of a sweep"), remedy="pupila train DATA",
        )  # fmt: skip
    yield lambda: read_tracked_run(source, experiment)


def _describe_state(run: TrackedRun) -> list[str]:
    """A note on a run that never ended and that nobody trains."""
    if run.status != FAILED or run.parent:
        return []
    return [
        say_count(
            "{name} has no end, and no process trains it: its {n} epoch was replayed.",
            "{name} has no end, and no process trains it: its {n} epochs were replayed.",
            len(run.epochs), name=run.name,
        )
    ]  # fmt: skip
