"""The trials of a search in Optuna's journal: suggested, reported, and read back after a kill.

A suggestion is a function of the seed, the number of the trial and the journal alone: each is drawn by a sampler of
its own from the trials as they are stored, and stored in one line. A killed search therefore resumes with the
suggestions of an undisturbed one.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pupila.core import files, locks
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.experiments.space import Axis, Range, Space, axis_record

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as Draft

JOURNAL_FILE = "journal.log"
STUDY = "sweep"
TPE, RANDOM = "tpe", "random"
STARTUP_TRIALS = 10  # of tpe, which are random ones: Optuna's default
_DIRECTION: Literal["maximize"] = "maximize"  # every metric that chooses is better where it is higher
_SEARCH = "search"  # the attribute of the study that says which search it is


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the configurations of a search are suggested."""

    sampler: str  # tpe or random
    seed: int
    round_size: int = 1  # trials that are suggested before any of them is reported, and trained side by side


@dataclass(frozen=True, slots=True)
class Trial:
    """A suggestion, and how it ended."""

    number: int
    configuration: dict[str, Any]  # the settings that apply, in the order of the axes
    finished: bool  # whether its outcome is stored
    score: float | None = None  # None where it failed


class Journal:
    """The journal of one search, open; see `open_journal`."""

    def __init__(self, study: "Study", space: Space, sampling: Sampling) -> None:
        self._study, self.space, self.sampling = study, space, sampling

    def trials(self) -> list[Trial]:
        """All trials so far, by number."""
        return [self._read(trial) for trial in self._study.get_trials(deepcopy=False)]

    def suggest(self) -> Trial:
        """The next trial, stored before it is returned."""
        import optuna

        stored = self._study.get_trials(deepcopy=False)
        number = len(stored)
        scratch = optuna.create_study(direction=_DIRECTION, sampler=_make_sampler(self.sampling, number))
        scratch.add_trials(stored)
        draft = scratch.ask()
        values: dict[str, Any] = {}
        for axis in self.space.in_order():
            if self.space.applies(axis.name, values):
                values[axis.name] = _suggest(draft, axis)
        suggested = scratch.get_trials(deepcopy=False)[number]
        self._study.add_trial(
            optuna.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=suggested.params,
                distributions=suggested.distributions,
            )
        )
        return Trial(number, self.space.restrict(values), finished=False)

    def report(self, number: int, score: float | None) -> None:
        """Store the outcome of a trial.

        Args:
            number: of the trial.
            score: None: it failed, or was killed.
        """
        import optuna

        if score is None:
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(number, score)

    def _read(self, trial: "FrozenTrial") -> Trial:
        values = {
            axis.name: _value(axis, trial.params[axis.name])
            for axis in self.space.axes
            if axis.name in trial.params
        }
        score = trial.value if trial.state.name == "COMPLETE" else None
        return Trial(trial.number, self.space.restrict(values), trial.state.is_finished(), score)


@contextlib.contextmanager
def open_journal(folder: str, space: Space, sampling: Sampling) -> Iterator[Journal]:
    """The journal in the folder of a sweep, made where there is none; no other process searches there meanwhile.

    Args:
        folder: of the sweep, on disk.
        space: of the search, without seeds.
        sampling: how configurations are suggested.

    Raises:
        PupilaError: another process searches in the folder; the journal belongs to another search, or is damaged.
    """
    path = f"{folder}/{JOURNAL_FILE}"
    Path(folder).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.hold(f"{folder}/.{JOURNAL_FILE}.lock", wait=False))
        except BlockingIOError as fault:
            raise PupilaError(
                say("Another process searches in {path}", path=folder), expected=say("one search in a folder"),
                remedy=say("wait for it, or --out FOLDER to start another one"),
            ) from fault  # fmt: skip
        files.remove(f"{path}.lock")  # Optuna's own, of a process that was killed while it wrote
        _repair(path)
        yield Journal(_open_study(path, space, sampling), space, sampling)


def _open_study(path: str, space: Space, sampling: Sampling) -> "Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    study = optuna.create_study(storage=storage, study_name=STUDY, direction=_DIRECTION, load_if_exists=True)
    search = {
        "sampler": sampling.sampler,
        "seed": sampling.seed,
        "round_size": sampling.round_size,
        "axes": [axis_record(axis).model_dump(mode="json") for axis in space.axes],
    }
    stored = study.user_attrs.get(_SEARCH)
    if stored is None:
        study.set_user_attr(_SEARCH, search)
    elif stored != json.loads(dump_json(search)):
        names = ", ".join(
            name for name, value in json.loads(dump_json(search)).items() if stored.get(name) != value
        )
        raise PupilaError(
            say("The journal belongs to another search"), actual=say("other {names}", names=names),
            expected=say("the settings that the search began with"),
            remedy=say("restore them, or --out FOLDER to start another search"),
        )  # fmt: skip
    return study


def stored_round_size(folder: str) -> int | None:
    """The trials of a round of the search in the folder; None where there is none yet.

    It stays as the search began with it: other numbers of jobs on resuming change no suggestion.
    """
    path = f"{folder}/{JOURNAL_FILE}"
    if not files.exists(path):
        return None
    for line in files.read_bytes(path).splitlines():
        with contextlib.suppress(ValueError):
            search = json.loads(line).get("user_attr", {}).get(_SEARCH)
            if search is not None:
                return int(search["round_size"])
    return None


def _repair(path: str) -> None:
    """Cut off a last line that a kill has left unfinished: what it said was never used.

    Raises:
        PupilaError: a line before it can't be read.
    """
    if not files.exists(path):
        return
    lines = files.read_bytes(path).splitlines(keepends=True)
    sound = [_is_record(line) for line in lines]
    if all(sound):
        return
    first = sound.index(False)
    if any(sound[first:]):
        raise PupilaError(
            say("{path} is damaged", path=path), actual=say("line {n} is no JSON", n=first + 1),
            remedy=say("restore the file, or --out FOLDER to start another search"),
        )  # fmt: skip
    with Path(path).open("r+b") as file:
        file.truncate(sum(map(len, lines[:first])))
        os.fsync(file.fileno())


def _is_record(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _make_sampler(sampling: Sampling, number: int) -> "BaseSampler":
    """The sampler of one trial."""
    from optuna.samplers import RandomSampler, TPESampler

    digest = hashlib.sha256(f"{sampling.seed}:{number}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    if sampling.sampler == RANDOM:
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True)


def _suggest(draft: "Draft", axis: Axis) -> Any:
    """The value of one setting that the sampler suggests."""
    if not isinstance(axis, Range):
        return _value(axis, draft.suggest_categorical(axis.name, list(map(choice_label, axis.values))))
    high = axis.values[-1] if axis.step is not None else axis.high
    if axis.whole:
        step = int(axis.step or 1)
        return draft.suggest_int(axis.name, int(axis.low), int(high), step=step, log=axis.log)
    return _value(axis, draft.suggest_float(axis.name, axis.low, high, step=axis.step, log=axis.log))


def make_distribution(axis: Axis) -> "BaseDistribution":
    """What Optuna draws from, for a setting that varies."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(axis, Range):
        return CategoricalDistribution(list(map(choice_label, axis.values)))
    high = axis.values[-1] if axis.step is not None else axis.high
    if axis.whole:
        return IntDistribution(int(axis.low), int(high), log=axis.log, step=int(axis.step or 1))
    return FloatDistribution(axis.low, high, log=axis.log, step=axis.step)


def choice_label(value: Any) -> Any:
    """A value as Optuna stores a choice: mappings and lists as JSON."""
    return dump_json(value) if isinstance(value, dict | list | tuple) else value


def _value(axis: Axis, drawn: Any) -> Any:
    """The value of a setting that Optuna has drawn."""
    if isinstance(axis, Range):
        return min(axis.values, key=lambda value: abs(value - drawn)) if axis.step is not None else drawn
    return next(value for value in axis.values if choice_label(value) == drawn)
