"""`plan.json` of a run: what the user set, every setting decided, and how the run stands."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, NonNegativeInt

from pupila.artifacts.run.budget import BudgetLog
from pupila.core import checksums, files
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.records import Record, check_record_seal, read_record
from pupila.core.version import __version__

PLAN_FILE = "plan.json"
PLAN_SCHEMA: Literal[3] = 3  # 2 did not record the task, 1 had other names of settings
RunState = Literal["running", "completed", "collapsed", "interrupted"]
RUNNING: RunState = "running"
COMPLETED: RunState = "completed"
COLLAPSED: RunState = "collapsed"
INTERRUPTED: RunState = "interrupted"


class RunPlan(Record):
    """The fields of a plan that rooms without torch read; training adds its own."""

    model_config = ConfigDict(extra="allow")

    task: str = Field(description="name of the task: classify, multilabel, segment or prompt")
    model: str = Field(description="name of the model")
    classes: list[str] = Field(description="class names in the order of the logits")
    data_hash: str = Field(description="hash of the data set")
    splits_hash: str = Field(description="hash of splits.json")
    data_parts: dict[str, str] = Field(
        default_factory=dict, description="hashes of what data_hash is made of; none in older runs"
    )
    data_version: str = Field(
        default="", description="version of the data set with its labels and split; empty in older runs"
    )
    leaking: bool = Field(default=False, description="whether the split leaks")
    folds: NonNegativeInt = Field(
        default=0, description="number of cross-validation folds; 0: one validation split"
    )


Plan = TypeVar("Plan", bound=RunPlan, covariant=True)


class PlanFile(Record, Generic[Plan]):
    """The content of `plan.json`."""

    schema_version: Literal[3] = Field(
        default=PLAN_SCHEMA, alias="schema", description="version of this file"
    )
    checksum: str = Field(
        default=checksums.BLANK,
        pattern=checksums.PATTERN,
        description="of the bytes of this file; older files have none",
    )
    made_by: str = Field(default=f"pupila {__version__}", description="name and version of the writer")
    created: str = Field(
        default="", description="when training began, ISO 8601; a resumed run keeps it, older runs have none"
    )
    data: str = Field(default="", description="name of the data set; older runs have none")
    state: RunState = Field(description="how the run stands")
    settings: dict[str, Any] = Field(description="settings as the user gave them")
    plan: Plan = Field(description="every setting decided")
    budget: BudgetLog | None = Field(
        default=None, description="how a time budget was spent; null without one"
    )


def read_plan(run: str, data: str = "DATA") -> PlanFile[RunPlan]:
    """The content of a run's `plan.json`; what training alone reads of the plan is kept as it is stored.

    Args:
        run: folder of the run.
        data: where its data set lies, for the remedy.

    Raises:
        PupilaError: another version of Pupila wrote it, or it is damaged.
    """
    uri = files.join(run, PLAN_FILE)
    problem = say("The run {path} was written by another version of Pupila", path=run)
    content = read_record(PlanFile[RunPlan], uri, problem, f"pupila train {data} --out FOLDER")
    remedy = say("restore a copy of it; if it was changed on purpose, delete its line with the checksum")
    check_record_seal(uri, remedy)
    return content


def write_plan(run: str, content: PlanFile[Any]) -> None:
    """Write the `plan.json` of a run."""
    fields = content.model_dump(mode="json", by_alias=True, serialize_as_any=True)
    text = dump_json({**fields, "checksum": checksums.BLANK}, indent=1) + "\n"
    files.write_bytes(files.join(run, PLAN_FILE), checksums.seal(text.encode()))
