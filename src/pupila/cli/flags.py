"""Every setting is a flag: read from the words of a command, shown in its help, and completed by the shell.

Flags come from `flags.json` (see `pupila.cli.table`), so that help and completion load no settings model; what was
given is checked with the models themselves, all faults at once.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from pupila.cli.stages import COMMANDS, LABELLER, STAGES
from pupila.core.messages import say, translate

_FILE = Path(__file__).with_name("flags.json")
_META = "pupila.settings"  # where a context keeps what was given
_PAIR = re.compile(r"[A-Za-z_][\w.-]*=")
CONFIG, SET = "--config", "--set"


@dataclass(frozen=True, slots=True)
class Flag:
    """One setting of one stage, as `pupila.cli.table` wrote it."""

    stage: str
    name: str
    group: str
    kind: str  # how its text is read: bool, text, names, list, mapping or yaml
    metavar: str
    nullable: bool
    default: str
    choices: list[str]
    description: str

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
        first = sentence.partition(" ")[0]
        if first.isalpha() and first not in self.choices:  # "f1", "auto:" and "sgd" stay as they are
            sentence = sentence[0].upper() + sentence[1:]
        sentence += "" if sentence.endswith((".", "?")) or not sentence else "."
        if self.default in ("''", "[]", "{}", ""):
            return sentence
        return say("{sentence} [default: {default}]", sentence=sentence, default=self.default)

    def value(self, text: str) -> Any:
        """What a text means, for the settings model to check.

        Raises:
            ValueError: no YAML, where the setting is written so.
        """
        if self.nullable and text == "null":
            return None
        if self.kind == "text":
            return text
        if self.kind == "names" and not text.startswith("["):  # an address may hold commas
            return [text] if "://" in text else [part.strip() for part in text.split(",") if part.strip()]
        if self.kind == "list" and not text.startswith("["):
            text = f"[{text}]"
        parsed = _yaml(text)
        if self.kind == "mapping" and isinstance(parsed, str) and "=" in parsed:
            pairs = [part.partition("=") for part in text.split(",")]
            return {name.strip(): _yaml(value) for name, _, value in pairs}
        return parsed


def _yaml(text: str) -> Any:
    from pupila.core.settings import yaml_value

    return yaml_value(text)


@cache
def table() -> dict[str, list[Flag]]:
    """Stage -> its flags, in the order of the help."""
    return {stage: [Flag(**row) for row in rows] for stage, rows in json.loads(_FILE.read_bytes()).items()}


def find_flags(command: str, labeller: str | None = None) -> list[Flag]:
    """The flags of a command, in the order of the help.

    Args:
        command: its name, such as "label audit".
        labeller: the kind of labeller, for `label` alone; None, or one that there is not: all kinds.
    """
    entries = COMMANDS.get(command, ())
    if command == "label" and f"{LABELLER}{labeller}" in entries:
        entries = (f"{LABELLER}{labeller}",)
    split = [entry.partition(".") for entry in entries]
    return [flag for stage, _, name in split for flag in table()[stage] if name in ("", flag.name)]


def given_settings(context: typer.Context, *stages: str) -> dict[str, Any]:
    """The settings that a command was given, of some of its stages or of all."""
    given: dict[str, Any] = context.meta.get(_META, {})
    names = {flag.name for stage in stages for flag in table()[stage]}
    return {name: value for name, value in given.items() if not stages or name in names}


def titles() -> dict[str, str]:
    """The headings of the groups, in the order of the help."""
    return {
        "common": say("Common settings"),
        "masks": say("Settings for masks"),
        "prompts": say("Settings for promptable models"),
        "geotiff": say("Settings for the bands of GeoTIFFs"),
        "expert": say("Expert settings"),
    }


def groups(flags: Sequence[Flag]) -> Iterator[tuple[str, list[Flag]]]:
    """Heading and flags of each group of the help that is not empty."""
    if len({flag.stage for flag in flags if flag.stage.startswith(LABELLER)}) > 1:
        for stage in dict.fromkeys(flag.stage for flag in flags):
            title = say("Settings of --with {kind}", kind=stage.removeprefix(LABELLER))
            yield title, [flag for flag in flags if flag.stage == stage]
        return
    for group, title in titles().items():
        if some := [flag for flag in flags if flag.group == group]:
            yield title, some


@dataclass
class Reader:
    """Takes the settings out of the words of a command.

    Args:
        command: its name.
        own: the options that the command itself has, and whether each takes a value.
    """

    command: str
    own: dict[str, bool]
    values: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)  # setting -> how the user wrote it
    faults: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)

    def read(self, words: Sequence[str]) -> list[str]:
        """The words that are no settings: for the command itself."""
        for flag in find_flags(self.command, labeller_in(words)):
            self.flags.setdefault(flag.name, flag)
        rest: list[str] = []
        arguments = 0
        queue = deque(words)
        while queue:
            word = queue.popleft()
            if word == "--":
                return [*rest, word, *queue]
            if word.startswith("--"):
                self._option(word, queue, rest)
            elif arguments and _PAIR.match(word) and not Path(word).exists():
                self._pair(word)
            else:
                arguments += not word.startswith("-")
                rest.append(word)
        return rest

    def _option(self, word: str, queue: deque[str], rest: list[str]) -> None:
        name, equals, text = word[2:].partition("=")
        if "--" + name in self.own:
            rest.append(word)
            if self.own["--" + name] and not equals and queue:
                rest.append(queue.popleft())
            return
        head, dot, tail = name.partition(".")
        key = head.replace("-", "_")
        flag = self.flags.get(key)
        negated = self.flags.get(key.removeprefix("no_")) if key.startswith("no_") else None
        if not equals and not dot and flag is not None and flag.kind == "bool":
            self._put(key, True, word)
        elif not equals and not dot and flag is None and negated is not None and negated.kind == "bool":
            self._put(negated.name, False, word)
        elif flag is None and word.partition("=")[0] != CONFIG:
            value = text if equals else queue.popleft() if queue and not queue[0].startswith("-") else ""
            self._unknown(word.partition("=")[0], key, value)
        elif not equals and (not queue or queue[0].startswith("--")):
            self.faults.append(say("{name} needs a value", name=word))
        elif flag is None:
            from pupila.core.settings import read_config

            self.config |= read_config(text if equals else queue.popleft())
        else:
            self._text(key + dot + tail, flag, text if equals else queue.popleft(), f"--{name}")

    def _pair(self, word: str) -> None:
        name, _, text = word.partition("=")
        head, dot, tail = name.partition(".")
        flag = self.flags.get(head.replace("-", "_"))
        if flag is None:
            self._unknown(name, head.replace("-", "_"), text)
        else:
            self._text(flag.name + dot + tail, flag, text, name, "=")

    def _text(self, path: str, flag: Flag, text: str, written: str, between: str = " ") -> None:
        """Take one text for a setting, or for a place inside a mapping: `options.pad_type`."""
        name, *inner = path.split(".")
        shown = f"{written}{between}{text}"
        try:
            value = _yaml(text) if inner else flag.value(text)
        except ValueError as fault:
            self.faults.append(say("{given} (expected {expected})", given=shown, expected=fault))
            return
        if flag.kind == "names" and name in self.values and isinstance(value, list):
            value = [*(self.values[name] or []), *value]
        if inner:
            place = self.values.setdefault(name, {}) if flag.kind == "mapping" else None
            for step in inner[:-1]:
                place = place.setdefault(step, {}) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                self.faults.append(say("{given} ({name} takes one value)", given=shown, name=flag.flag))
                return
            place[inner[-1]] = value
            value = self.values[name]
        self._put(name, value, shown)

    def _put(self, name: str, value: Any, shown: str) -> None:
        self.values[name], self.shown[name] = value, shown

    def _unknown(self, written: str, key: str, text: str) -> None:
        """Say that a name is unknown, and how the setting is called here."""
        from pupila.core.settings import unknown_setting

        flags = [flag.flag for flag in self.flags.values()]
        other = next((flag for flag in find_flags(self.command) if flag.name == key), None)
        if written == SET:
            name, _, value = text.partition("=")
            now = f"--{name.replace('_', '-')} {value}".strip() if name else "--NAME VALUE"
            self.faults.append(say("{was} is written {now}", was=f"{SET} {text}".strip(), now=now))
        elif other is not None:
            kind = other.stage.removeprefix(LABELLER)
            self.faults.append(say("{name} belongs to --with {kind}", name=written, kind=kind))
        else:
            known = [*flags, *self.own, CONFIG] if written.startswith("--") else list(self.flags)
            self.faults.append(self._elsewhere(written, key) or unknown_setting(written, known))

    def _elsewhere(self, written: str, key: str) -> str:
        """How a setting is called here that another tool calls so; empty where no tool does."""
        from pupila.cli.synonyms import DATA, ROWS, note

        ours = {flag.name: flag.flag for flag in self.flags.values()}
        ours = {option[2:].replace("-", "_"): option for option in self.own} | ours
        row = next((names for names in ROWS if key.lower() in names and ours.keys() & set(names)), ())
        name = next((name for name in row if name in ours), "")
        if key.lower() in DATA and not name:
            return say("{theirs} is an argument here, without a name", theirs=written)
        if not name:
            return ""
        now = ours[name] if written.startswith("--") or name not in self.flags else f"{name}=..."
        if reason := note(key.lower()):
            return say("{theirs} is called {ours} here ({note})", theirs=written, ours=now, note=reason)
        return say("{theirs} is called {ours} here", theirs=written, ours=now)

    def check(self) -> dict[str, Any]:
        """The settings that were given, checked.

        Raises:
            PupilaError: with all faults.
        """
        for name in [name for name in self.config if name not in self.flags]:
            self._unknown(str(name), str(name), "")
            del self.config[name]
        mappings = {name for name, value in self.values.items() if isinstance(value, dict)}
        merged = self.config | {
            name: {**self.config[name], **value}
            if name in mappings and isinstance(self.config.get(name), dict)
            else value
            for name, value in self.values.items()
        }
        stages = list(dict.fromkeys(flag.stage for flag in self.flags.values()))
        several = self.command == "label" and len(stages) > 1  # which model checks is not known yet
        for stage in [] if several else stages:
            some = {name: value for name, value in merged.items() if self.flags[name].stage == stage}
            self.faults += STAGES[stage]().faults(some, self.shown) if some else []
        if self.faults:
            from pupila.core.settings import invalid

            raise invalid("label" if several else stages[0], self.faults)
        return merged


def labeller_in(words: Sequence[str]) -> str | None:
    """The kind of labeller that the words of `label` name: vlm of `--with vlm:MODEL`."""
    for word, following in pairwise([*words, ""]):
        name, equals, text = word.partition("=")
        if name == "--with":
            return (text if equals else following).partition(":")[0]
    return None


def keep(context: typer.Context, values: dict[str, Any]) -> None:
    """Leave what was given to the command's function, which takes it by `settings_of`."""
    context.meta[_META] = values
