"""The question for a vision-language model: prompt and classes, as data."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import Settings, read_config, unknown
from pupila.stages.label.labellers.targets import TEXT_LABELS
from pupila.stages.label.labellers.text_labels import Json, TextLabels
from pupila.tasks import TASKS
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.task import Target

UNSURE = "unsure"  # always a possible answer, so no class may have this name
QUESTIONS_FOLDER = Path(__file__).parent / "questions"
_FIELD = "label"  # the key in the JSON answer


class Question(Settings):
    """The closed question that is asked about every image."""

    task: str = Field(
        default=CLASSIFY.name,
        description="classify: an image shows one of the classes; multilabel: any number of them",
    )
    prompt: str = Field(min_length=1, description="prompt, in any language")
    classes: dict[str, str | None] = Field(
        description="class names, each with a description of its appearance or null"
    )
    unsure: str | None = Field(
        default=None, description="when the model should answer unsure; null: when the picture does not tell"
    )

    @field_validator("task")
    @classmethod
    def _check_task(cls, name: str) -> str:
        names = [known for known, record in TASKS.items() if record.target in TEXT_LABELS]
        if name not in names:
            raise ValueError(say("expected {names}", names=" / ".join(names)))
        return name

    @field_validator("classes")
    @classmethod
    def _check_class_names(
        cls, classes: dict[str, str | None], info: ValidationInfo
    ) -> dict[str, str | None]:
        if UNSURE in classes or not all(name.strip() == name and name for name in classes):
            raise ValueError(say("class names must not be 'unsure', empty, or surrounded by spaces"))
        if "task" in info.data:  # else it is invalid itself
            at_least = TEXT_LABELS[TASKS[info.data["task"]].target].min_classes
            if len(classes) < at_least:
                raise ValueError(say("{n} or more are needed", n=at_least))
        return classes

    @property
    def target(self) -> Target:
        """Of the labels that the answers become."""
        return TASKS[self.task].target

    @property
    def text_labels(self) -> TextLabels:
        """How an answer becomes a label."""
        return TEXT_LABELS[self.target]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.classes)

    @cached_property
    def text(self) -> str:
        """The text that is sent with the image."""
        lines = [
            f"- {name}: {description}" if description else f"- {name}"
            for name, description in self.classes.items()
        ]
        answers = self.text_labels.describe_answers(UNSURE, self.unsure or self.text_labels.unsure)
        return "\n".join([self.prompt.strip(), "", *lines, answers])

    @cached_property
    def answer_format(self) -> Json:
        """The structured output format: a closed set of answers."""
        schema = {
            "type": "object",
            "properties": {_FIELD: self.text_labels.answer_schema(self.names, UNSURE)},
            "required": [_FIELD],
            "additionalProperties": False,
        }
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}

    @cached_property
    def hash(self) -> str:
        """Hash of everything that is sent with the image."""
        return files.sha256(json.dumps([self.text, self.answer_format], ensure_ascii=False).encode())

    @property
    def answer_tokens(self) -> int:
        """Estimated tokens of a usual answer."""
        return self.text_labels.answer_tokens(self.names)

    def parse_answer(self, content: object) -> str | None:
        """The answer in the content of a message: a target or unsure; None if it is neither."""
        try:
            answer = json.loads(content, object_pairs_hook=_once) if isinstance(content, str) else None
        except ValueError:
            return None
        value = answer.get(_FIELD) if isinstance(answer, dict) else None
        return self.text_labels.parse_answer(value, self.names, UNSURE)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    """The object, if no key has two values."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def read_question(name: str) -> Question:
    """Read a question from a YAML file, or a built-in one by its name.

    Raises:
        PupilaError: no such question, or an invalid one.
    """
    built_in = sorted(path.stem for path in QUESTIONS_FOLDER.glob("*.yaml"))
    if not name:
        raise PupilaError(
            say("No question was given"), expected=say("a prompt and classes, as YAML"),
            remedy=say("--question FILE.yaml (prompt: TEXT, classes: NAME: DESCRIPTION), or --question {built_in}",
                       built_in=listing(built_in)),
        )  # fmt: skip
    if name not in built_in and not files.exists(name):
        raise PupilaError(
            unknown(say("Unknown question {name}", name=name), name, built_in),
            remedy=say("--question FILE.yaml, or --question {built_in}", built_in=listing(built_in)),
        )
    path = str(QUESTIONS_FOLDER / f"{name}.yaml") if name in built_in else name
    content = read_config(path)
    if isinstance(content.get("classes"), list):
        content["classes"] = dict.fromkeys(content["classes"])
    try:
        return Question.model_validate(content)
    except ValidationError as fault:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise PupilaError(
            say("Invalid question {path}", path=path), actual=faults,
            expected=say("prompt: TEXT, and classes: NAME: DESCRIPTION"),
        ) from None  # fmt: skip
