"""What the user gives before the data set says which task it is: the settings of every task, and their choice."""

from typing import Any, ClassVar, NamedTuple

from pydantic import ValidationError

from pupila.artifacts.run.plan import PlanFile, RunPlan
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say, translate
from pupila.core.settings import Settings
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.stages.train.task_settings.classify import ClassifyTrainPlan, ClassifyTrainSettings
from pupila.stages.train.task_settings.multilabel import MultilabelTrainPlan, MultilabelTrainSettings
from pupila.stages.train.task_settings.prompt import PromptTrainPlan, PromptTrainSettings
from pupila.stages.train.task_settings.segment import SegmentTrainPlan, SegmentTrainSettings


class TaskModels(NamedTuple):
    """The settings of a task as given and as decided."""

    title: str  # marked for translation; "settings for ..."
    settings: type[TrainSettings]
    plan: type[TrainPlan]


TASK_MODELS: dict[str, TaskModels] = {
    "classify": TaskModels(mark("classification"), ClassifyTrainSettings, ClassifyTrainPlan),
    "multilabel": TaskModels(
        mark("multi-label classification"), MultilabelTrainSettings, MultilabelTrainPlan
    ),
    "segment": TaskModels(mark("segmentation"), SegmentTrainSettings, SegmentTrainPlan),
    "prompt": TaskModels(mark("promptable models"), PromptTrainSettings, PromptTrainPlan),
}


class TrainConfig(ClassifyTrainSettings, MultilabelTrainSettings, SegmentTrainSettings, PromptTrainSettings):
    """Every setting of every task: names and values are checked before the task is known."""

    parts: ClassVar[dict[str, type[Settings]]] = {
        models.title: models.settings for models in TASK_MODELS.values()
    }

    def for_task(self, task: str) -> Any:
        """The settings that were given, as those of one task.

        Args:
            task: its name.

        Raises:
            PupilaError: a setting was given that this task lacks.
        """
        model = TASK_MODELS[task].settings
        others = [name for name in self.model_fields_set if name not in model.model_fields]
        if others:
            faults = [_describe_foreign(name, getattr(self, name)) for name in sorted(others)]
            raise PupilaError(
                say("{faults}, and this is a training for {task}", faults="; ".join(faults),
                    task=translate(TASK_MODELS[task].title)),
                remedy=say("omit {flags}", flags=", ".join(map(write_flag, sorted(others)))),
            )  # fmt: skip
        return model.model_validate({name: getattr(self, name) for name in self.model_fields_set})


def _describe_foreign(name: str, value: Any) -> str:
    """Says which tasks have a setting."""
    having = [translate(m.title) for m in TASK_MODELS.values() if name in m.settings.model_fields]
    return say("{setting} is a setting for {tasks}", setting=f"{name}={value}", tasks=listing(having))


def write_flag(name: str) -> str:
    """A setting as people type it."""
    return "--" + name.replace("_", "-")


class TrainPlanFile(PlanFile[ClassifyTrainPlan | MultilabelTrainPlan | SegmentTrainPlan | PromptTrainPlan]):
    """The content of `plan.json`: what the user set, every setting decided, and how the run stands."""


def parse_plan(stored: RunPlan) -> Any:
    """The plan of a run as training reads it, with the settings of its task.

    Raises:
        PupilaError: an unknown task, or settings that are no plan of it.
    """
    try:
        return TASK_MODELS[stored.task].plan.model_validate(stored.model_dump())
    except KeyError:
        actual = stored.task
    except ValidationError as fault:
        names = [".".join(map(str, error["loc"])) for error in fault.errors()]
        actual = say("unreadable fields: {names}", names=listing(names, 3))
    raise PupilaError(
        say("The plan of the run can't be read"), actual=actual, expected=say("the plan as training wrote it"),
        remedy=say("--out FOLDER to start another run"),
    )  # fmt: skip
