"""How the rows of a sweep come about: all combinations of a grid, the suggestions of a search, and halvings of both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.run.log import LogCallback, Note
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, say
from pupila.experiments.configurations import (
    Configuration,
    Entry,
    RunCells,
    Scored,
    run_configurations,
)
from pupila.experiments.halving import (
    HalvingOptions,
    Rung,
    describe_halving,
    describe_rungs,
    halve,
    plan_rungs,
    shorten,
)
from pupila.experiments.learning_curve.options import list_entries
from pupila.experiments.search import describe_search, search
from pupila.experiments.settings import SweepSettings
from pupila.experiments.space import Space
from pupila.experiments.study import Journal, Sampling, open_journal, stored_round_size
from pupila.stages.train.settings import TrainSettings

_EPOCHS = ("epochs", "finetune_epochs")
Phases = Callable[[Mapping[str, Any]], dict[str, int]]  # what varies -> epochs of each phase of the training


def check_strategy(space: Space, settings: SweepSettings) -> None:
    """Refuse, before any data are opened, what gives no rows.

    Raises:
        PupilaError: nothing varies; a range without a search; halving sets the epochs that vary.
    """
    if not space.axes:
        raise PupilaError(
            say("Nothing varies in this sweep"), expected="--grid NAME=V1,V2", remedy="--grid augment=A1,A2",
        )  # fmt: skip
    if settings.search is None:
        space.grid()
    elif not space.without("seed").axes:
        raise PupilaError(
            say("A search needs a setting that varies beside the seed"), actual="--search " + settings.search,
            expected="--range NAME=LOW..HIGH", remedy="--range lr=0.0001..0.1:log",
        )  # fmt: skip
    varied = [name for name in _EPOCHS if name in space.names]
    if settings.halving is not None and varied:
        raise PupilaError(
            say("Conflicting settings"), actual=say("--halving, and {name} varies", name=varied[0]),
            expected=say("one of them: halving sets the epochs"),
        )  # fmt: skip


@dataclass(frozen=True)
class Strategy:
    """Trains the rows of one sweep.

    Args:
        space: what varies.
        settings: of the sweep.
        folder: of the sweep.
        run: trains cells.
        phases: plans the epochs of a configuration.
        tell: called with each sentence.
        expect: called with the number of rows that there will be, once it is known.
    """

    space: Space
    settings: SweepSettings
    folder: str
    run: RunCells
    phases: Phases
    tell: LogCallback
    expect: Callable[[int], None]

    def train(self) -> None:
        """Train all rows, or resume with those that have not ended.

        Raises:
            PupilaError: nothing to halve; another search is in the folder.
        """
        if self.settings.learning_curve:
            curve = self._curve_entries()
            self.expect(len(curve))
            self.run(curve)
        elif self.settings.search is not None:
            with open_journal(self.folder, self.space.without("seed"), self._sampling) as journal:
                self.expect(self.settings.trials * max(1, len(self.space.seeds)))
                self._search(journal, self.settings.trials)
        elif self.settings.halving is not None:
            self._halve_grid(self.settings.halving)
        else:
            grid = self.space.grid()
            self.expect(len(grid))
            self.run([Entry(configuration) for configuration in grid])

    def _curve_entries(self) -> list[Entry]:
        seed = self.space.base.get("seed", TrainSettings.model_fields["seed"].default)
        return list_entries(self.settings, int(seed))

    @property
    def _sampling(self) -> Sampling:
        size = stored_round_size(self.folder) or self.settings.jobs
        return Sampling(str(self.settings.search), self.settings.search_seed, size)

    def _search(self, journal: Journal, trials: int) -> None:
        rungs: list[Rung] = []
        extra: Callable[[Configuration], Mapping[str, int]] = _no_epochs
        seeds, size = self.space.seeds, journal.space.size
        if self.settings.halving is not None:
            first = (journal.trials() or [journal.suggest()])[0]
            count = trials if size is None else min(trials, size)
            rungs = self._plan_rungs(self.settings.halving, count, Configuration(first.configuration))
            extra = self._epochs_of_first(rungs)
        elif size is not None and size <= trials:
            self.tell(Note(say(
                "The space has {size} configurations: a grid trains each of them, and a search of {trials} trials may "
                "repeat some.", size=integer(size), trials=integer(trials),
            )))  # fmt: skip
        scored = search(journal, trials, self.run, seeds, rungs[0].number if rungs else None, extra)
        for sentence in describe_search(scored, trials, size):
            self.tell(Note(sentence))
        if rungs:
            self._halve(scored, rungs)

    def _halve_grid(self, factor: int) -> None:
        configurations = [Configuration(settings) for settings in self.space.without("seed").grid()]
        rungs = self._plan_rungs(factor, len(configurations), configurations[0])
        first = run_configurations(
            configurations, self.run, self.space.seeds, rungs[0].number, self._epochs_of_first(rungs)
        )
        self._halve(first, rungs)

    def _halve(self, first: Sequence[Scored], rungs: Sequence[Rung]) -> None:
        halved = halve(first, rungs, self.run, self._epochs, self.space.seeds)
        for sentence in describe_halving(halved, rungs):
            self.tell(Note(sentence))

    def _plan_rungs(self, factor: int, count: int, first: Configuration) -> list[Rung]:
        """The rungs, whose number follows from the longest phase of the first configuration."""
        epochs = self._epochs(first)
        options = HalvingOptions(factor, self.settings.min_epochs)
        rungs = plan_rungs(options, count, max(epochs.values(), default=1))
        if len(rungs) < 2:
            raise PupilaError(
                say("Nothing to halve"), actual=describe_rungs(rungs, epochs).removesuffix("."),
                expected=say("at least {factor} configurations and {factor} times the least epochs", factor=factor),
                remedy=say("omit {flag}", flag="--halving"),
            )  # fmt: skip
        self.tell(Note(describe_rungs(rungs, epochs)))
        self.expect(sum(rung.configurations for rung in rungs) * max(1, len(self.space.seeds)))
        return rungs

    def _epochs_of_first(self, rungs: Sequence[Rung]) -> Callable[[Configuration], Mapping[str, int]]:
        return lambda configuration: shorten(self._epochs(configuration), rungs[0].share)

    def _epochs(self, configuration: Configuration) -> dict[str, int]:
        return self.phases(configuration.settings)


def _no_epochs(configuration: Configuration) -> Mapping[str, int]:
    """Without halving a configuration trains with its own epochs."""
    return {}
