"""Verify a registry: every bundle, report, alias and line of the history; whatever is damaged is named."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pupila.artifacts.registry.model import REPORTS, RegisteredModel
from pupila.artifacts.registry.names import check_collision
from pupila.artifacts.registry.records import ADD, ModelFile
from pupila.artifacts.registry.registry import Registry
from pupila.artifacts.registry.state import HISTORY_FILE, STATE_FILE, VERSIONS, hash_event
from pupila.artifacts.registry.timeline import list_versions, replay
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.progress import progress


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in a registry that is not as it was written."""

    place: str  # below the registry, such as octagons/versions/3
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was verified, and what is damaged."""

    models: int
    versions: int
    events: int
    damages: list[Damage]


def verify_registry(registry: Registry, names: list[str] | None = None) -> Verification:
    """Verify these models, or all of a registry.

    Raises:
        PupilaError: the store fails.
    """
    every = registry.names()
    damages, versions, events = [], 0, 0
    chosen = every if names is None else [registry.find(name).name for name in names]
    with progress(say("verifying"), len(chosen)) as advance:
        for name in chosen:
            try:
                model = registry.model(name)
                check_collision(name, every)
                state, _ = model.state(), model.history()
            except PupilaError as fault:
                damages.append(Damage(files.join(name, STATE_FILE), f"{fault.problem}: {fault.actual}"))
            else:
                if state.name != name:
                    problem = say(
                        "it is the file of {name}: the folder was renamed or copied", name=state.name
                    )
                    damages.append(Damage(files.join(name, STATE_FILE), problem))
                versions += sum(version.complete for version in state.versions)
                damages += _verify_versions(model, state)
                damages += _verify_reports(model, state)
                damages += _verify_history(model, state)
                events += len(model.history().events)
            advance(1)
    return Verification(len(chosen), versions, events, damages)


def _verify_versions(model: RegisteredModel, state: ModelFile) -> Iterator[Damage]:
    """Every version has the bundle that was added, and every alias a version."""
    for version in state.versions:
        place = f"{model.name}/{VERSIONS}/{version.number}"
        if not version.complete:
            yield Damage(place, say("adding it was interrupted: add the same bundle again"))
            continue
        try:
            model.bundle(version)
        except PupilaError as fault:
            yield Damage(place, f"{fault.problem}: {fault.actual}" if fault.actual else fault.problem)
    known = {str(version.number) for version in state.versions}
    folder = files.join(model.folder, VERSIONS)
    for name in files.list_folders(folder) if files.exists(folder) else []:
        if name not in known:
            yield Damage(f"{model.name}/{VERSIONS}/{name}", say("no version has this number"))
    complete = {version.number for version in state.versions if version.complete}
    for alias, place_ in state.aliases.items():
        for number in list_versions(place_):
            if number not in complete:
                yield Damage(f"{model.name}@{alias}", say("there is no version {number}", number=number))


def _verify_reports(model: RegisteredModel, state: ModelFile) -> Iterator[Damage]:
    """The report of every promotion is there, as it was."""
    digests = {event.report for event in model.history().events}
    for alias in state.aliases.values():
        digests |= {placement.report for placement in (*alias.earlier, alias.live)}
    for digest in sorted(filter(None, digests)):
        place = f"{model.name}/{REPORTS}/{digest}.json"
        try:
            content = files.read_bytes(model.report_file(digest))
        except OSError:
            yield Damage(place, say("the report is missing"))
            continue
        if files.sha256(content) != digest:
            yield Damage(place, say("the report was changed"))


def _verify_history(model: RegisteredModel, state: ModelFile) -> Iterator[Damage]:
    """No line is damaged, changed or missing, and the events lead to the aliases and versions that there are."""
    place = f"{model.name}/{HISTORY_FILE}"
    history = model.history()
    for line in history.damaged:
        yield Damage(place, say("line {number} is damaged", number=line))
    faults = bool(history.damaged)
    missing: list[int] = []
    for before, event in pairwise(history.events):
        if event.number > before.number + 1:
            missing += range(before.number + 1, event.number)
        elif event.number <= before.number:
            faults = True
            yield Damage(place, say("event {number} is not in its place", number=event.number))
        elif event.previous != hash_event(before):
            faults = True
            yield Damage(place, say("event {number} was changed", number=before.number))
    events = history.events
    missing = [*range(1, events[0].number if events else 1), *missing]
    if len(missing) > len(history.damaged):
        numbers = listing([str(number) for number in missing], 5)
        yield Damage(place, say("the events {numbers} are missing", numbers=numbers))
    if faults or missing:
        return
    if events[-1:] != ([state.last] if state.last else []):
        yield Damage(place, say("its last event is not that of {name}", name=STATE_FILE))
    added = sorted(event.to_version for event in events if event.action == ADD)
    stacks = {alias: list_versions(place_) for alias, place_ in state.aliases.items()}
    if replay(events) != stacks or added != sorted(v.number for v in state.versions if v.complete):
        yield Damage(
            place, say("its events do not lead to the aliases and versions of {name}", name=STATE_FILE)
        )
