"""Every setting is a flag: read from the words of a command, shown in its help, and completed by the shell.

Flags come from `flags.json` (see `pupila.cli.write_flags`), so that help and completion load no settings model; what
was given is checked with the models themselves, all faults at once.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from pupila.cli.flag import Flag, table
from pupila.cli.stages import COMMANDS, LABELLER, STAGES
from pupila.cli.values import (
    PAIR,
    read_plain,
    set_within,
)  # fmt: skip
from pupila.core.errors import PupilaError
from pupila.core.messages import say, translate

_META = "pupila.settings"  # where a context keeps what was given
_DASHES = re.compile(r"[-\u2010-\u2015\u2212]+(?=[A-Za-z])")  # a word processor turns -- into one of these
CONFIG, SET, HELP = "--config", "--set", ("--help", "-h")


def find_flags(command: str, labeller: str | None = None) -> list[Flag]:
    """The flags of a command, in the order of the help.

    Args:
        command: its name, such as "label audit".
        labeller: the kind of labeller, for `label` alone; None, or one that there is not: all kinds.
    """
    entries = COMMANDS.get(command, ())
    if command == "label" and (own := f"{LABELLER}{labeller}") in entries:
        entries = tuple(entry for entry in entries if entry == own or not entry.startswith(LABELLER))
    split = [entry.partition(".") for entry in entries]
    return [flag for stage, _, name in split for flag in table()[stage] if name in ("", flag.name)]


def given_settings(context: typer.Context, *stages: str) -> dict[str, Any]:
    """The settings that a command was given, of some of its stages or of all."""
    given: dict[str, dict[str, Any]] = context.meta.get(_META, {})
    return {
        name: value
        for stage, some in given.items()
        if not stages or stage in stages
        for name, value in some.items()
    }


def titles() -> dict[str, str]:
    """The headings of the groups, in the order of the help."""
    return {
        "common": say("Common settings"),
        "geotiff": say("Settings for the bands of GeoTIFFs"),
        "expert": say("Expert settings"),
    }


def groups(flags: Sequence[Flag]) -> Iterator[tuple[str, list[Flag]]]:
    """Heading and flags of each group of the help that is not empty."""
    known = titles()
    labellers = dict.fromkeys(flag.stage for flag in flags if flag.stage.startswith(LABELLER))
    if len(labellers) > 1:
        yield known["common"], [flag for flag in flags if flag.stage not in labellers]
        for stage in labellers:
            title = say("Settings of --with {kind}", kind=stage.removeprefix(LABELLER))
            yield title, [flag for flag in flags if flag.stage == stage]
        return
    tasks = [flag.group for flag in flags if flag.group not in known]
    others = {group: say("Settings for {kind}", kind=translate(group)) for group in tasks}
    for group, title in (known | others).items():
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
    fixes: list[str] = field(
        default_factory=list
    )  # what to write instead, of the faults for which it is known
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
            if dashes := wrong_dashes(word):
                self._dashes(word.partition("=")[0], dashes, queue)
            elif word.startswith("--"):
                self._option(word, queue, rest)
            elif arguments and PAIR.match(word) and self._is_setting(word):
                self._pair(word)
            else:
                arguments += not word.startswith("-")
                rest.append(word)
        return rest

    def _is_setting(self, word: str) -> bool:
        """Whether NAME=VALUE is meant as a setting: `epochs=3` is, the pattern `day=1/*.png` is not."""
        name = word.partition("=")[0].partition(".")[0].replace("-", "_")
        return not Path(word).exists() and (name in self.flags or not set(word) & set("/*?["))

    def _option(self, word: str, queue: deque[str], rest: list[str]) -> None:
        name, equals, text = word[2:].partition("=")
        if "--" + name in self.own:
            if self.own["--" + name] and not equals and lacks_value(queue):
                self.faults.append(say("{name} needs a value", name=word))
                return
            rest.append(word)
            if self.own["--" + name] and not equals:
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
        elif not equals and lacks_value(queue):
            self.faults.append(say("{name} needs a value", name=word))
        elif flag is None:
            self._config(text if equals else queue.popleft())
        else:
            self._text(key + dot + tail, flag, text if equals else queue.popleft(), f"--{name}")

    def _config(self, path: str) -> None:
        from pupila.cli.config_file import read_flags_file

        try:
            self.config |= read_flags_file(path, self.flags)
        except PupilaError as fault:
            self.faults.append(str(fault).partition("\n")[0].removesuffix("."))

    def _dashes(self, written: str, meant: str, queue: deque[str]) -> None:
        """Say how an option is written whose dashes are others."""
        self.faults.append(say("{was} is written {now}", was=written, now=meant))
        value = "" if lacks_value(queue) or queue[0].startswith("-") else queue.popleft()
        self.fixes.append(f"{meant} {value}".strip())

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
            value = read_plain(text) if inner else flag.value(text)
        except ValueError as fault:
            self.faults.append(say("{given} (expected {expected})", given=shown, expected=fault))
            return
        if flag.kind == "names" and name in self.values and isinstance(value, list):
            value = [*(self.values[name] or []), *value]
        if flag.kind in ("mapping", "lists", "conditions") and not inner and isinstance(value, dict):
            earlier = self.values.get(name) or {}
            if flag.kind == "lists" and (twice := next((key for key in value if key in earlier), None)):
                self.faults.append(say("{flag} {name} is given twice", flag=written, name=twice))
                return
            value = {**earlier, **value}
            if flag.kind == "conditions":
                value |= {key: {**earlier[key], **value[key]} for key in value if key in earlier}
        if inner:
            values = self.values if flag.kind == "mapping" else {name: None}
            if wrong := set_within(values, [name, *inner], value):
                self.faults.append(f"{shown} ({wrong})")
                return
            value = self.values[name]
        self._put(name, value, shown)

    def _put(self, name: str, value: Any, shown: str) -> None:
        self.values[name], self.shown[name] = value, shown

    def _unknown(self, written: str, key: str, text: str) -> None:
        """Say that a name is unknown, and how the setting is called here."""
        flags = [flag.flag for flag in self.flags.values()]
        other = next((flag for flag in find_flags(self.command) if flag.name == key), None)
        if written == SET:
            name, _, value = text.partition("=")
            now = self._describe_set(name, value)
            self.faults.append(say("{was} is written {now}", was=f"{SET} {text}".strip(), now=now))
            self.fixes += [now] if name else []
        elif other is not None:
            kind = other.stage.removeprefix(LABELLER)
            self.faults.append(say("{name} belongs to --with {kind}", name=written, kind=kind))
        else:
            known = [*flags, *self.own, CONFIG] if written.startswith("--") else list(self.flags)
            self.faults.append(self._elsewhere(written, key, text) or self._near(written, key, text, known))

    def _describe_set(self, name: str, value: str) -> str:
        """What `--set NAME=VALUE` is here."""
        flag = self.flags.get(name.replace("-", "_"))
        option = "--" + (name.replace("_", "-") or "NAME")
        if flag is not None and flag.kind == "bool":
            return option if value.lower() in ("true", "yes", "on", "1", "") else f"--no-{option[2:]}"
        return f"{option} {value}".strip() if name else f"{option} VALUE"

    def _near(self, written: str, key: str, text: str, known: list[str]) -> str:
        """Say that a name is unknown, and which setting is meant: by its own name, or by that of another tool."""
        from pupila.core.settings import closest, unknown_setting
        from pupila.core.synonyms import ROWS

        ours = self._names()
        row = {
            word: name
            for names in ROWS
            if (name := next((n for n in names if n in ours), ""))
            for word in names
        }
        meant = closest(key.lower(), [*ours, *row])
        if meant is None:
            return unknown_setting(written, [])
        name = meant if meant in ours else row[meant]
        close = ours[name] if written.startswith("--") else name
        self._suggest(name, text)
        return unknown_setting(written, known, close)

    def _names(self) -> dict[str, str]:
        """Name of a setting or an option of this command -> as people type it."""
        options = {option[2:].replace("-", "_"): option for option in self.own if option.startswith("--")}
        return options | {flag.name: flag.flag for flag in self.flags.values()}

    def _suggest(self, name: str, text: str) -> None:
        """Note what to write instead."""
        flag = self.flags.get(name)
        bare = flag.kind == "bool" if flag is not None else not self.own.get(self._names()[name], True)
        shown = text or ("" if bare else flag.metavar if flag is not None else "VALUE")
        self.fixes.append(f"{self._names()[name]} {'' if bare else shown}".strip())

    def _elsewhere(self, written: str, key: str, text: str) -> str:
        """How a setting is called here that another tool calls so; empty where no tool does."""
        from pupila.core.synonyms import DATA, FROZEN, ROWS, note

        ours = self._names()
        row = next((names for names in ROWS if key.lower() in names and ours.keys() & set(names)), ())
        name = next((name for name in row if name in ours), "")
        if key.lower() in DATA and not name:
            return say("{theirs} is an argument here, without a name", theirs=written)
        if not name:
            return ""
        now = ours[name] if written.startswith("--") or name not in self.flags else f"{name}=..."
        if key.lower() in FROZEN:
            self.fixes.append("--unfreeze N")
            return say(
                "there is no {theirs} (use --unfreeze N: the number of last blocks to train)", theirs=written
            )
        if reason := note(key.lower()):
            self._suggest(name, "")
            return say("{theirs} is called {ours} here ({note})", theirs=written, ours=now, note=reason)
        self._suggest(name, text)
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
        labellers = [stage for stage in stages if stage.startswith(LABELLER)]
        several = self.command == "label" and len(labellers) > 1  # which model checks is not known yet
        for stage in [] if several else stages:
            some = {name: value for name, value in merged.items() if self.flags[name].stage == stage}
            self.faults += STAGES[stage]().faults(some, self.shown) if some else []
        if self.faults:
            from pupila.core.settings import invalid

            fixed = len(self.fixes) == len(self.faults)
            raise invalid(self.command, self.faults, ", ".join(self.fixes) if fixed else "")
        return merged


def labeller_in(words: Sequence[str]) -> str | None:
    """The kind of labeller that the words of `label` name: vlm of `--with vlm:MODEL`; the last one counts."""
    kind = None
    for word, following in pairwise([*words, ""]):
        name, equals, text = word.partition("=")
        if name == "--":
            break
        if name == "--with":
            kind = (text if equals else following).partition(":")[0]
    return kind


def lacks_value(following: Sequence[str]) -> bool:
    """Whether no value follows an option: nothing, or another option."""
    return not following or following[0].startswith("--") or following[0] in HELP


def wrong_dashes(word: str) -> str:
    """The option that a word with other dashes means, such as –epochs; empty: its dashes are right."""
    written = word.partition("=")[0]
    match = _DASHES.match(written)
    if match is None or not set(match[0]) - {"-"} or Path(word).exists():
        return ""
    name = written[match.end() :]
    return ("--" if len(name) > 1 else "-") + name


def keep(context: typer.Context, values: dict[str, Any], flags: dict[str, Flag]) -> None:
    """Leave what was given, by stage, to the command's function, which takes it by `given_settings`."""
    given: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        given.setdefault(flags[name].stage, {})[name] = value
    context.meta[_META] = given
