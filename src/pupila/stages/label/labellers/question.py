"""What a vision-language model is asked: prompt and classes, as data."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import Settings, read_config, unknown

UNSURE = "unsure"  # the answer that is always open, so no class may be called so
FOLDER = Path(__file__).parent / "questions"
_FIELD = "label"  # of the JSON that is answered


class Question(Settings):
    """The closed question that is put to every image."""

    prompt: str = Field(min_length=1, description="in any language")
    classes: dict[str, str | None] = Field(min_length=2, description="name to what it looks like, or null")
    unsure: str = Field(
        default="the picture does not show it, or not clearly enough", description="when to answer unsure"
    )

    @field_validator("classes")
    @classmethod
    def _no_class_is_unsure(cls, told: dict[str, str | None]) -> dict[str, str | None]:
        if UNSURE in told or not all(name.strip() == name and name for name in told):
            raise ValueError(
                say("'unsure' is always open, and a class needs a name without blanks around it")
            )
        return told

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return tuple(self.classes)

    @cached_property
    def text(self) -> str:
        """What is sent beside the picture."""
        lines = [f"- {name}: {told}" if told else f"- {name}" for name, told in self.classes.items()]
        return "\n".join([self.prompt.strip(), "", *lines, f"- {UNSURE}: {self.unsure}"])

    @cached_property
    def answer_format(self) -> dict[str, Any]:
        """The structured output that closes the set."""
        schema = {
            "type": "object",
            "properties": {_FIELD: {"type": "string", "enum": [*self.names, UNSURE]}},
            "required": [_FIELD],
            "additionalProperties": False,
        }
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}

    @cached_property
    def hash(self) -> str:
        """Of all that the model is told beside the picture."""
        return files.sha256(json.dumps([self.text, self.answer_format], ensure_ascii=False).encode())

    def label_in(self, content: object) -> str | None:
        """The answer in a message's content: a class or unsure; None where it is neither."""
        try:
            told = json.loads(content) if isinstance(content, str) else None
        except ValueError:
            return None
        label = told.get(_FIELD) if isinstance(told, dict) else None
        return label if isinstance(label, str) and label in (*self.names, UNSURE) else None


def read_question(name: str) -> Question:
    """The question of a YAML file, or of one that is shipped.

    Raises:
        PupilaError: there is none, or it can't be asked.
    """
    shipped = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if not name:
        raise PupilaError(
            say("What to ask of the images was not said"), wanted=say("classes and prompt, as YAML"),
            remedy=say("--set task=FILE.yaml (prompt: TEXT, classes: NAME: DESCRIPTION), or --set task={shipped}",
                       shipped=listing(shipped)),
        )  # fmt: skip
    if name not in shipped and not files.exists(name):
        raise PupilaError(
            say("No such question"), found=f"{name}: {unknown(name, shipped)}", wanted=say("a YAML file")
        )
    path = str(FOLDER / f"{name}.yaml") if name in shipped else name
    told = read_config(path)
    if isinstance(told.get("classes"), list):
        told["classes"] = dict.fromkeys(told["classes"])
    try:
        return Question.model_validate(told)
    except ValidationError as fault:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise PupilaError(
            say("The question {path} can't be asked", path=path), found=found,
            wanted=say("prompt: TEXT, and classes: with two names or more"),
        ) from None  # fmt: skip
