"""Processes that die in a registry, and processes that meet there.

`python -m tests.artifacts.registry.processes kill ROOT NUMBER ...` lets a process die before each of these writes, and
checks what it left; `... promote URI VERSION REPORT` promotes, and waits for a line before the moment that counts.
"""

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.registry import model as model_room
from pupila.artifacts.registry.model import Promotion, RegisteredModel
from pupila.artifacts.registry.registry import Registry
from pupila.artifacts.registry.timeline import list_versions, replay
from pupila.artifacts.registry.verify import verify_registry
from pupila.core.errors import PupilaError
from tests.killing import die_at_write

NAME, ALIAS = "octagons", "production"


def has_event(model: RegisteredModel, action: str, number: int) -> bool:
    return any((e.action, e.to_version) == (action, number) for e in model.history().events)


def work(root: Path, registry: Registry) -> None:
    """Add, promote and roll back, from wherever an earlier process has stopped; each step is printed once it stands."""
    model = registry.model(NAME)
    for number in (1, 2, 3):
        registry.add(read_bundle(root / f"{number}/bundle"), NAME)
        print(f"add {number}", flush=True)
        if not has_event(model, "promote", number):
            model.promote(Promotion(str(number), ALIAS, str(root / f"{number}.json")))
        print(f"promote {number}", flush=True)
    if not has_event(model, "rollback", 2):
        model.roll_back(ALIAS)
    print("rollback 2", flush=True)


def check_agreement(registry: Registry, acknowledged: list[str]) -> None:
    """Alias and history agree, nothing is damaged, and no acknowledged step is lost."""
    model = registry.model(NAME)
    state, history = model.state(), model.history()
    assert history.damaged == []
    assert replay(history.events) == {alias: list_versions(place) for alias, place in state.aliases.items()}
    problems = {damage.problem for damage in verify_registry(registry).damages}
    assert problems <= {"adding it was interrupted: add the same bundle again"}, problems
    for action, number in (line.split() for line in acknowledged):
        assert has_event(model, action, int(number)), (action, number)


def die_and_check(root: Path, number: int) -> bool:
    """Whether the process died before this write; then the work is completed, and its end is checked."""
    registry = Registry(str(root / "registry"))
    shutil.rmtree(registry.uri, ignore_errors=True)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(writing, 1)
        die_at_write(number)
        work(root, registry)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        acknowledged = lines.read().splitlines()
    died = os.waitpid(child, 0)[1] != 0
    check_agreement(registry, acknowledged)
    work(root, registry)
    check_agreement(registry, ["add 1", "add 2", "add 3", "promote 3", "rollback 2"])
    model = registry.find(NAME)
    assert [version.number for version in model.state().versions] == [1, 2, 3]
    assert verify_registry(registry).damages == []
    assert list_versions(model.state().aliases[ALIAS]) == [1, 2]
    return died


def die_everywhere(root: Path, numbers: list[int]) -> int:
    """How many of the processes died; without numbers, one before every write."""
    if numbers:
        return sum(die_and_check(root, number) for number in numbers)
    number = 1
    while die_and_check(root, number):
        number += 1
    return number - 1


def promote_after_a_line(uri: str, version: str, report: str) -> None:
    """Promote; all checks are over when "ready" is printed, and the alias moves after a line of input."""
    room: Any = model_room
    change_state = room.change_state

    def wait_and_change(*arguments: Any) -> Any:
        print("ready", flush=True)
        sys.stdin.readline()
        return change_state(*arguments)

    room.change_state = wait_and_change
    try:
        event = Registry(uri).find(NAME).promote(Promotion(version, ALIAS, report))
    except PupilaError as fault:
        print(f"refused {fault.problem}: {fault.actual}")
    else:
        print(f"won {event and event.number}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["kill", root, *numbers]:
            random.seed(0)
            work(Path(root), Registry(str(Path(root, "whole"))))
            print(die_everywhere(Path(root), [int(number) for number in numbers]), file=sys.stderr)
        case ["promote", uri, version, report]:
            promote_after_a_line(uri, version, report)
