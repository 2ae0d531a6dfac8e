"""Dockerfiles, read into stages and instructions with their lines."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

_HERE_DOCUMENT = re.compile(r"<<-?[\"']?([A-Za-z_]\w*)[\"']?")
_WITH_HERE_DOCUMENT = ("RUN", "COPY", "ADD")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction."""

    line: int  # from 1
    name: str  # in capitals
    flags: dict[str, str]  # such as {"from": "build"}
    text: str  # of its arguments, on one line, and of its here-documents

    def parse_exec(self) -> list[str] | None:
        """The words of its exec form, `["a", "b"]`; None: it has the shell form."""
        try:
            words = json.loads(self.text)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None

    def split(self) -> list[str]:
        """Its arguments, without quotes."""
        try:
            return self.parse_exec() or shlex.split(self.text)
        except ValueError:  # an open quote
            return self.text.split()


@dataclass(slots=True)
class Stage:
    """What follows a FROM."""

    base: str
    name: str = ""
    line: int = 1
    instructions: list[Instruction] = field(default_factory=list)


def read_stages(text: str) -> list[Stage]:
    """The stages; instructions before the first FROM, such as an ARG, belong to it."""
    stages: list[Stage] = []
    before: list[Instruction] = []
    for instruction in read_instructions(text):
        if instruction.name == "FROM":
            words = instruction.split() or [""]
            named = len(words) == 3 and words[1].upper() == "AS"
            stages.append(Stage(words[0], words[2] if named else "", instruction.line, before))
            before = []
        else:
            (stages[-1].instructions if stages else before).append(instruction)
    return stages


def trace(stages: list[Stage], stage: Stage) -> list[Instruction]:
    """The instructions that decide an image: those of its stage, after those of the stages that it continues."""
    bases = [other for other in stages if other.name and other.name == stage.base and other is not stage]
    return [*(trace(stages[: stages.index(stage)], bases[0]) if bases else []), *stage.instructions]


def read_instructions(text: str) -> Iterator[Instruction]:
    """The instructions, with continued lines joined and comments left out."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [line.strip()]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1].rstrip()
            following = next(
                (rest for _, rest in lines if rest.strip() and not rest.lstrip().startswith("#")), None
            )
            if following is None:
                break
            parts.append(following.strip())
        name, _, rest = " ".join(parts).partition(" ")
        flags, arguments = _split_flags(rest.strip())
        if name.upper() in _WITH_HERE_DOCUMENT:
            for end in _HERE_DOCUMENT.findall(arguments):
                document = []
                for _, inner in lines:
                    if inner.strip() == end:
                        break
                    document.append(inner)
                arguments += "\n" + "\n".join(document)
        yield Instruction(number, name.upper(), flags, arguments)


def _split_flags(text: str) -> tuple[dict[str, str], str]:
    flags = {}
    while match := re.match(r"--([a-z-]+)(?:=(\S+))?(?:\s+|$)", text):
        flags[match[1]] = match[2] or ""
        text = text[match.end() :]
    return flags, text
