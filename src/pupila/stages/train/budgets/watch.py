"""The watch of a budget: it knows the time left, decides between epochs and batches, and repeats what is recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pupila.artifacts.run.budget import BudgetChoice, BudgetLog, BudgetStep, ChoiceName
from pupila.core.messages import number, say
from pupila.learning.pacing import Replan
from pupila.stages.train.budgets.cost import MAX_EPOCHS, MIN_FINETUNE_EPOCHS

_ROUNDING = 3  # decimals of recorded seconds
_TOLERANCE = 1e-6  # seconds
_MORE = 1.25  # fewer additional epochs than this factor gives are not worth another learning rate
_STEADY = 1.2  # the slowness up to which a machine is as it was
_WORSE = 1.5  # how much slower than that it may still become
_FIRST_STEPS = 3  # of an epoch, before its time can be projected


class BudgetWatch:
    """The `Pacer` of a run with a budget.

    A decision is recorded before it takes effect. A resumed run repeats those that are recorded for a step, and decides
    only beyond them; the time that it took before counts.

    Args:
        log: of the run so far.
        clock: seconds since the command began.
        on_change: called when the log has grown.
        tell: called with a sentence for each decision that changes something.
    """

    def __init__(
        self,
        log: BudgetLog,
        clock: Callable[[], float],
        on_change: Callable[[BudgetLog], None] = lambda log: None,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.log, self.on_change, self.tell = log, on_change, tell
        self._clock, self._before = clock, log.elapsed
        self._recorded = log.decisions  # of the run before it was resumed
        self.start_slowness = 1.0  # of the machine when the run began, relative to one without other work
        self.trainings = 1  # of the run: one for each fold, and one on all of them
        self.open: frozenset[str] = frozenset()  # names of settings that may grow: the user did not set them
        self._slowness = 1.0  # of the machine, relative to the time when it was measured
        self._until: dict[str, tuple[float, int]] = {}  # fold -> its start, and the trainings from it on
        self._steps: list[float] = []  # the start of the epoch that is running, and the times after its steps
        self._begun: dict[str, float] = {}  # part -> the time before it
        self._marks: dict[str, list[float]] = {}  # part -> the times before its epochs

    @property
    def elapsed(self) -> float:
        """Seconds since the command began; of a resumed run with the time before."""
        return self._before + self._clock()

    @property
    def reserve(self) -> float:
        """Seconds that the run takes after the training, as slow as the machine is now."""
        return self.log.expected.get("finish", 0.0) * self._caution

    @property
    def _caution(self) -> float:
        """By how much what is still to come takes longer: a machine that became slower may become slower still."""
        return self._slowness if self._slowness < _STEADY else self._slowness * _WORSE

    @property
    def left(self) -> float:
        """Seconds that training may still take."""
        return self.log.seconds - self.reserve - self.elapsed

    def expect(self, **seconds: float) -> None:
        """Record what was measured: see `BudgetLog.expected`."""
        self.log = self.log.model_copy(update={"expected": {**self.log.expected, **seconds}})

    def decide(self, name: ChoiceName, value: int, planned: int, reason: str, *, at: tuple[str, int]) -> int:
        """Record a decision at a step and its number of epochs, and return its value."""
        step, epoch = at
        entry = BudgetChoice(
            step=step, epoch=epoch, name=name, value=value, planned=planned,
            elapsed=round(self.elapsed, _ROUNDING), reason=reason,
        )  # fmt: skip
        self.log = self.log.model_copy(update={"decisions": [*self.log.decisions, entry]})
        self.on_change(self.log)
        if value != planned:
            self.tell(say("Budget: {choice}.", choice=describe_choice(entry)))
        return value

    @contextmanager
    def step(self, name: str, planned: float | None = None) -> Iterator[None]:
        """Within it a step of the run takes place, whose time is recorded."""
        start = self.elapsed
        yield
        self.end(name, start, planned)

    def end(self, step: str, start: float, planned: float | None = None) -> None:
        """Record that a step has ended which began at `start`; what a resumed run finds finished stays."""
        if self.log.is_finished(step):
            return
        now = self.elapsed
        entry = BudgetStep(
            step=step, planned=None if planned is None else round(planned, _ROUNDING),
            taken=round(now - start, _ROUNDING), elapsed=round(now, _ROUNDING),
        )  # fmt: skip
        self.log = self.log.model_copy(update={"steps": [*self.log.steps, entry]})
        self.on_change(self.log)

    def restart(self, until: str) -> None:
        """Training starts again, after the step `until`: what was decided later is void."""
        steps = self.log.steps[: [entry.step for entry in self.log.steps].index(until) + 1]
        decisions = [entry for entry in self.log.decisions if entry.step == until]
        self.log = self.log.model_copy(update={"steps": steps, "decisions": decisions})
        self._recorded = []
        self._marks.clear()
        self._until.clear()

    def finish_run(self) -> float:
        """Record the end of the run, and return its seconds on a machine without other work."""
        last = self.log.steps[-1].elapsed if self.log.steps else 0.0
        self.end("finish", last, self.reserve)
        return (self.elapsed - last) / (self.start_slowness * self._slowness)

    def begin(self, part: str, epochs: int, is_trained: bool) -> int:
        """The epochs of a phase for which there is time; 0: it is skipped, for there is a model without it."""
        self._begun.setdefault(part, self.elapsed)
        if recorded := self.log.find(part, "epochs"):
            return recorded[0].value
        seconds = self.log.expected.get(_find_phase(part))
        room = self._find_end(part) - self.elapsed
        if seconds is None:
            return self.decide("epochs", epochs, epochs, say("its epochs take next to no time"), at=(part, 0))
        seconds *= self._slowness
        fitting = int(room / seconds)
        if fitting < MIN_FINETUNE_EPOCHS and is_trained:
            value = 0
        elif fitting < epochs or not self._may_grow(part):
            value = max(1, min(fitting, epochs))
        else:
            value = max(epochs, min(fitting, MAX_EPOCHS))
        return self.decide("epochs", value, epochs, _describe_room(seconds, room), at=(part, 0))

    def finish(self, part: str) -> None:
        """A phase has ended."""
        decisions = self.log.find(part, "epochs")
        seconds = self.log.expected.get(_find_phase(part))
        planned = decisions[0].planned * seconds if decisions and seconds is not None else None
        self.end(part, self._begun[part], planned)

    def replan(self, part: str, epoch: int, epochs: int) -> tuple[Replan, ...]:
        """See `Pacer`."""
        self.begin(part, epochs, is_trained=False)
        marks = self._marks.setdefault(part, [])
        marks.append(self.elapsed)
        current = self.log.find(part, "epochs")[-1].value
        if len(marks) > 1:
            seconds = marks[-1] - marks[-2]
            self._compare(part, seconds)
            if self._is_beyond(part, epoch) and epoch < current:
                self._change(part, epoch, current, seconds)
        changes = self.log.find(part, "epochs")
        return tuple(Replan(entry.epoch, entry.value) for entry in changes if entry.epoch <= epoch)

    def is_over(self, part: str, epoch: int, step: int, steps: int) -> bool:
        """See `Pacer`."""
        if shortened := [entry for entry in self.log.find(part, "batches") if entry.epoch == epoch]:
            return step >= shortened[0].value
        if not self._is_beyond(part, epoch + 1):
            return False
        now, whole = self.elapsed, self.log.expected.get(_find_phase(part))
        if whole is None:  # a head on cached features, whose validation takes no time either
            return now >= self._find_end(part)
        validation = self.log.expected.get("validation", 0.0)
        if self._steps[:1] != [self._marks[part][-1]]:
            self._steps = [self._marks[part][-1]]  # an epoch has begun
        self._steps.append(now)
        window = max(_FIRST_STEPS, steps // 8)
        if len(self._steps) > window:
            recent = (now - self._steps[-1 - window]) * steps / window
            self._slowness = max(1.0, recent / max(whole - validation, 1e-9))
        next_step = (now - self._steps[-2]) if len(self._steps) > 1 else 0.0
        return now + next_step + validation * self._caution > self._find_end(part) + _TOLERANCE

    def shorten(self, part: str, epoch: int, step: int, steps: int) -> None:
        """See `Pacer`."""
        if not self.log.find(part, "batches"):
            reason = say("{left} s remained", left=number(max(0.0, self._find_end(part) - self.elapsed), 0))
            self.decide("batches", step, steps, reason, at=(part, epoch))
            self.decide(
                "epochs", epoch + 1, self.log.find(part, "epochs")[-1].value, reason, at=(part, epoch)
            )

    def give_up(self, part: str, epoch: int) -> None:
        """See `Pacer`."""
        planned = self.log.find(part, "epochs")[-1].value
        reason = say("epoch {n} did not end in time", n=epoch + 1)
        self.decide("epochs", epoch, planned, reason, at=(part, epoch))

    def _change(self, part: str, epoch: int, current: int, seconds: float) -> None:
        """Decide between two epochs how many there are, from what the last one took."""
        room = self._find_end(part) - self.elapsed
        fitting = epoch + int(max(0.0, room) / max(seconds, 1e-9))
        value = current
        if fitting < current:
            value = fitting
        elif self._may_grow(part) and epoch <= current / 2 and fitting >= _MORE * current:
            value = max(current, min(fitting, MAX_EPOCHS))
        if value != current:
            self.decide("epochs", value, current, _describe_room(seconds, room), at=(part, epoch))

    def _may_grow(self, part: str) -> bool:
        """Whether a phase may have more epochs than planned: the last one of a training, unless the user limits it."""
        return _find_phase(part) in self.open

    def _is_beyond(self, part: str, epoch: int) -> bool:
        """Whether the run before recorded nothing from this epoch of the phase on: then it is decided now."""
        later = any(entry.step == part and entry.epoch >= epoch for entry in self._recorded)
        return not later and not self.log.is_finished(part)

    def _compare(self, part: str, seconds: float) -> None:
        """Notice how slow the machine is, from an epoch that takes so many seconds."""
        if expected := self.log.expected.get(_find_phase(part)):
            self._slowness = max(1.0, seconds / expected)

    def _find_end(self, part: str) -> float:
        """When a phase has to end: all trainings of the run that are still to come have as much time."""
        fold = part.rpartition("-")[0]
        if fold not in self._until:
            number_of_fold = int(fold.removeprefix("fold")) if fold.startswith("fold") else self.trainings - 1
            self._until[fold] = self.elapsed, self.trainings - number_of_fold
        start, trainings = self._until[fold]
        return start + (self.log.seconds - self.reserve - start) / trainings


def _find_phase(part: str) -> str:
    return part.rpartition("-")[2]


def _describe_room(seconds: float, room: float) -> str:
    return say("an epoch takes {epoch} s, and {left} s remain",
               epoch=number(seconds, 1), left=number(max(0.0, room), 0))  # fmt: skip


def describe_choice(entry: BudgetChoice) -> str:
    """A decision with its reason, as half a sentence."""
    place = entry.step if not entry.epoch else say("{step} after epoch {n}", step=entry.step, n=entry.epoch)
    return say("{place}: {name} {value} instead of {planned} ({reason})", place=place, name=entry.name,
               value=entry.value, planned=entry.planned, reason=entry.reason)  # fmt: skip
