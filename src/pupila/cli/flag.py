"""One setting as a flag, and the table of all of them, which `flags.json` holds."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pupila.cli.values import (
    read_conditions,
    read_list,
    read_lists,
    read_mapping,
    read_names,
    read_number,
    read_yaml,
)
from pupila.core.messages import say, translate

_FILE = Path(__file__).with_name("flags.json")


@dataclass(frozen=True, slots=True)
class Flag:
    """One setting of one stage, as `pupila.cli.write_flags` wrote it."""

    stage: str
    name: str
    group: str
    kind: str  # how its text is read: bool, text, names, list, mapping, lists, conditions or yaml
    metavar: str
    nullable: bool
    default: str
    choices: list[str]
    description: str
    notes: dict[str, str] = field(default_factory=dict)  # kind of training -> what it means there; "": always

    @property
    def flag(self) -> str:
        """As people type it."""
        return "--" + self.name.replace("_", "-")

    @property
    def shown(self) -> str:
        """As the help shows it."""
        if self.kind == "bool":
            return f"{self.flag} / --no-{self.flag[2:]}"
        return f"{self.flag} {self.metavar}"

    @property
    def meaning(self) -> str:
        """A sentence, and the default."""
        sentence = translate(self.description.strip())
        if sentence.partition(" ")[0].rstrip(",;") not in self.choices:
            sentence = _capitalize(sentence)
        sentence += "" if sentence.endswith((".", "?")) or not sentence else "."
        sentence = " ".join([sentence, *self._describe_notes()])
        if self.default in ("''", "[]", "{}", ""):
            return sentence
        return say("{sentence} [default: {default}]", sentence=sentence, default=self.default)

    def _describe_notes(self) -> list[str]:
        """Each note with the kinds of training that it is for."""
        kinds: dict[str, list[str]] = {}
        for kind, note in self.notes.items():
            kinds.setdefault(note, []).append(translate(kind))
        return [
            say("For {kinds}: {note}.", kinds=", ".join(names), note=translate(note))
            if any(names)
            else f"{_capitalize(translate(note))}."
            for note, names in kinds.items()
        ]

    def value(self, text: str) -> Any:
        """What a text means, for the settings model to check.

        Raises:
            ValueError: no YAML, where the setting is written so.
        """
        if self.nullable and text == "null":
            return None
        readers = {
            "yaml": read_number,
            "names": read_names,
            "list": read_list,
            "mapping": read_mapping,
            "lists": read_lists,
            "conditions": read_conditions,
        }
        return text if self.kind == "text" else readers.get(self.kind, read_yaml)(text)


@cache
def table() -> dict[str, list[Flag]]:
    """Stage -> its flags, in the order of the help."""
    return {stage: [Flag(**row) for row in rows] for stage, rows in json.loads(_FILE.read_bytes()).items()}


def _capitalize(sentence: str) -> str:
    """With a capital letter; "f1", "auto:" and "sgd" in front stay as they are."""
    first = sentence.partition(" ")[0].rstrip(",;")
    return sentence[0].upper() + sentence[1:] if first.replace("-", "").isalpha() else sentence
