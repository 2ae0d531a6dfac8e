"""How a cell ended: `result.json` with its figures on validation, or `error.json` with what went wrong."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.artifacts.bundle.validation import ProbeComparison
from pupila.artifacts.sweep.sealed import SealedRecord
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline

RESULT_FILE, ERROR_FILE = "result.json", "error.json"
CELL_SCHEMA: Literal[1] = 1


class CellTiming(Record):
    """What depends on the clock and the machine; no hash covers it."""

    seconds: float = Field(description="duration of the cell, of all attempts that continued it")
    host: str = Field(default="", description="name of the machine")
    milliseconds: float | None = Field(
        default=None, description="per image, of the encoder on the chosen engine; null: not measured"
    )
    copied_from: str = Field(
        default="",
        description="name of the sweep beside this one that an equal cell was copied from; empty: none",
    )


class CellResult(SealedRecord):
    """The content of `result.json`: the figures of a trained cell on validation."""

    schema_version: Literal[1] = Field(
        default=CELL_SCHEMA, alias="schema", description="version of this file"
    )
    cell: str = Field(description="id of the cell")
    state: Literal["completed", "collapsed"] = Field(
        description="collapsed: all images get the same prediction"
    )
    metric: str = Field(description="id of the metric that chooses the winner")
    metrics: dict[str, Estimate] = Field(
        description="id of a metric: figure on validation, with its interval"
    )
    images: NonNegativeInt = Field(description="validation images; with folds, the images of all folds")
    groups: NonNegativeInt = Field(description="groups of related images among them")
    baseline: Baseline | None = Field(default=None, description="a prediction that needs no model")
    probe: ProbeComparison | None = Field(default=None, description="a linear probe on the same features")
    best_epoch: NonNegativeInt = Field(
        description="epoch of the weights, counted over all phases; with folds, that of the first one; 0: untrained"
    )
    epochs: NonNegativeInt = Field(description="epochs that were trained, of all phases and folds")
    parameters: NonNegativeInt = Field(description="weights of the network")
    encoder: str = Field(default="", description="hash of the encoder's weights before training")
    predictions: str = Field(default="", description="SHA-256 of oof.parquet; empty: no predictions")
    timing: CellTiming = Field(description="what no hash covers")

    @property
    def score(self) -> float | None:
        """The value of the metric that chooses the winner; None: undefined."""
        estimate = self.metrics.get(self.metric)
        return None if estimate is None else estimate.value


class CellError(SealedRecord):
    """The content of `error.json`: why a cell has no result."""

    schema_version: Literal[1] = Field(
        default=CELL_SCHEMA, alias="schema", description="version of this file"
    )
    cell: str = Field(description="id of the cell")
    reason: str = Field(description="what went wrong, for people")
    attempts: PositiveInt = Field(description="how often it was tried")
    timing: CellTiming = Field(description="what no hash covers")
