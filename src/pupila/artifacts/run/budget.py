"""How a run spent its time budget, as `plan.json` has it: each step, and each decision with the step of the run."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from pupila.core.records import Record

ChoiceName = Literal["augmented_views", "training_images", "validation_images", "epochs", "batches"]


class BudgetChoice(Record):
    """What was decided during a training, which a resumed run repeats."""

    step: str = Field(description="of the run, such as encoding, head or fold0-finetune")
    epoch: NonNegativeInt = Field(default=0, description="completed epochs of the step")
    name: ChoiceName = Field(description="what was decided; batches: those of an epoch that was shortened")
    value: NonNegativeInt = Field(description="number of them from then on")
    planned: NonNegativeInt = Field(description="number of them before")
    elapsed: NonNegativeFloat = Field(description="seconds since the command began")
    reason: str = Field(description="what was measured")


class BudgetStep(Record):
    """A step of a run, and its time."""

    step: str = Field(description="of the run, such as start, encoding, head or export")
    planned: NonNegativeFloat | None = Field(
        default=None, description="seconds; null where nothing was planned"
    )
    taken: NonNegativeFloat = Field(description="seconds")
    elapsed: NonNegativeFloat = Field(description="seconds since the command began, at its end")


class BudgetLog(Record):
    """How a time budget was spent."""

    seconds: NonNegativeFloat = Field(
        description="budget, from the start of the command to the end of the run"
    )
    expected: dict[str, float] = Field(
        default_factory=dict,
        description="seconds of an epoch of head and finetune, of a validation, and of the finish, measured first",
    )
    decisions: list[BudgetChoice] = Field(default_factory=list, description="in their order")
    steps: list[BudgetStep] = Field(default_factory=list, description="finished ones, in their order")

    @property
    def elapsed(self) -> float:
        """Seconds that are known to have passed."""
        decisions, steps = (
            (entry.elapsed for entry in self.decisions),
            (entry.elapsed for entry in self.steps),
        )
        return max([0.0, *decisions, *steps])

    def find(self, step: str, name: ChoiceName) -> list[BudgetChoice]:
        """The decisions of a step under a name, in their order."""
        return [entry for entry in self.decisions if (entry.step, entry.name) == (step, name)]

    def is_finished(self, step: str) -> bool:
        """Whether the step has ended."""
        return any(entry.step == step for entry in self.steps)
