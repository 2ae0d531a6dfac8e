"""`sweep.json`: what a sweep varies, what was fixed once for all its cells, and its entries in order."""

from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.artifacts.sweep.sealed import SealedRecord
from pupila.core.records import Record

SWEEP_FILE = "sweep.json"
SWEEP_SCHEMA: Literal[1] = 1
# Settings that repeat a configuration instead of changing it: its cells are averaged.
REPEATING = ("seed",)


class Axis(Record):
    """A setting of train, or `folds`, and what it takes in the cells of a grid or in the trials of a search."""

    name: str = Field(description="setting of train, or folds")
    values: list[Any] = Field(default_factory=list, description="values in order; empty: a range of a search")
    range: dict[str, Any] = Field(
        default_factory=dict, description="of a search: low, high, log, step; empty: a list of values"
    )
    condition: dict[str, list[Any]] = Field(
        default_factory=dict, description="other setting: values with which this one counts; empty: always"
    )


class FixedChoice(Record):
    """What was measured once, for one encoder, and holds for all its cells on every machine."""

    encoder: str = Field(description="model, encoder and their options")
    image_size: PositiveInt = Field(description="height and width of the input, in pixels")
    unfrozen: bool = Field(description="whether blocks of the encoder are trained")
    engine: str = Field(description="runtime of the frozen encoder")
    precision: str = Field(description="precision of training steps")
    milliseconds: float | None = Field(
        default=None, description="of the engine per image, where it was measured; null: there was no choice"
    )


class Share(Record):
    """The part of the training images that a cell of a learning curve learns from."""

    share: float = Field(gt=0, le=1, description="share of the training groups")
    repeat: NonNegativeInt = Field(default=0, description="number of the draw")


class SweepEntry(Record):
    """One row of the table: the settings that it varies, and the cell that they are; equal entries share a cell."""

    cell: str = Field(description="id of the cell; empty: the settings can't be trained, see reason")
    settings: dict[str, Any] = Field(description="the varied settings, seed and folds among them")
    seed: NonNegativeInt = Field(description="seed of all random draws")
    trial: NonNegativeInt | None = Field(default=None, description="number of a search's trial")
    rung: NonNegativeInt | None = Field(
        default=None, description="step of a successive halving, from 0, whose epochs the settings have"
    )
    share: Share | None = Field(default=None, description="of a learning curve")
    reason: str = Field(default="", description="why the settings can't be trained; empty: they can")

    @property
    def configuration(self) -> dict[str, Any]:
        """The varied settings without those that repeat a configuration: entries with equal ones are averaged."""
        return {name: value for name, value in self.settings.items() if name not in REPEATING}


class SweepFile(SealedRecord):
    """The content of `sweep.json`."""

    is_remade: ClassVar[bool] = False

    schema_version: Literal[1] = Field(
        default=SWEEP_SCHEMA, alias="schema", description="version of this file"
    )
    data: str = Field(default="", description="path of the data set; empty: data from memory")
    data_hash: str = Field(description="hash of the data set")
    splits_hash: str = Field(description="hash of splits.json")
    task: str = Field(description="name of the task: classify, multilabel, segment or prompt")
    metric: str = Field(description="id of the metric on validation that chooses the winner")
    axes: list[Axis] = Field(description="what varies")
    base: dict[str, Any] = Field(description="settings of train that all cells share, as the user gave them")
    folds: NonNegativeInt = Field(
        default=0, description="folds of the split, where they were given; 0: they were not"
    )
    reading: dict[str, Any] = Field(default_factory=dict, description="settings of reading the images")
    search: dict[str, Any] = Field(default_factory=dict, description="settings of a search; empty: a grid")
    given: dict[str, Any] = Field(
        default_factory=dict,
        description="settings of the sweep as they were given, which --resume needs not repeat",
    )
    retries: NonNegativeInt = Field(default=1, description="how often a failed cell is run again")
    device: str = Field(default="", description="device of the training, fixed once")
    threads: PositiveInt = Field(description="threads of torch in each process, fixed once")
    fixed: list[FixedChoice] = Field(default_factory=list, description="what was measured once per encoder")
    closed: bool = Field(default=False, description="whether all entries are listed; a search adds some")
    entries: list[SweepEntry] = Field(default_factory=list, description="rows of the table, in order")
