"""`pupila registry add BUNDLE --name NAME`, `promote`, `rollback`, `log`, `verify`, `list`, `show`."""

from typing import Annotated, Any

import typer

from pupila.cli.options import JsonOption, RegistryOption
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, mark, say, say_count

ADD = mark(
    "Add a bundle to the registry as the next version of a model; its files are verified and never change."
)
PROMOTE = mark("Promote a version to an alias such as production, by an evaluation report on the test split.")
ROLLBACK = mark("Return an alias to the version that it named before.")
LOG = mark("Show who promoted what when, and which version was live on a day.")
VERIFY = mark("Verify all bundles, reports, aliases and histories of the registry; damaged ones are named.")
LIST = mark("List the models of the registry with their aliases.")
SHOW = mark("Show the versions and aliases of a model.")

DAMAGED = 1  # exit code
_HASH = 12  # digits that are shown

ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME", help=mark("Name of a model, such as octagons."))
]
AliasArgument = Annotated[
    str, typer.Argument(metavar="ALIAS", help=mark("The alias to move, such as production."))
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help=mark("Recorded in the history."))]


def add(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help=mark("Folder of a bundle or a run."))],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help=mark("Name of the model, such as octagons."))
    ],
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Add, and print the number."""
    from dataclasses import asdict

    from pupila.api.load import name_registry
    from pupila.api.registry import registry as open_registry

    added = open_registry(registry).add(name_registry(bundle, registry), name)
    if json_:
        print(dump_json(asdict(added), indent=1))
        return
    shown = {"name": f"{added.name}@{added.number}", "hash": added.bundle[:_HASH]}
    if added.new:
        print(say("{name} was added: bundle {hash}.", **shown))
    else:
        print(say("This bundle is {name} already: bundle {hash}.", **shown))
    if added.has_report:
        print(say("Its evaluation on the test split is in the registry, too."))


def promote(
    version: Annotated[
        str, typer.Argument(metavar="NAME@VERSION", help=mark("A version, such as octagons@3."))
    ],
    alias: AliasArgument,
    report: Annotated[
        str | None,
        typer.Option(
            "--evaluation",
            metavar="REPORT",
            help=mark("Evaluation report of the version [that in the registry]."),
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help=mark("Promote in spite of objections; they and --reason are recorded.")),
    ] = False,
    reason: ReasonOption = "",
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Promote, and print what the alias names now."""
    from pupila.api.registry import describe_event
    from pupila.api.registry import registry as open_registry

    event = open_registry(registry).promote(version, alias, report=report, force=force, reason=reason)
    if event is None:
        print("null" if json_ else say("{alias} names {version} already.", alias=alias, version=version))
    else:
        print(_event_json(event) if json_ else describe_event(event).strip())


def rollback(
    name: ModelArgument, alias: AliasArgument, reason: ReasonOption = "", registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Roll back, and print what the alias names now."""
    from pupila.api.registry import describe_event
    from pupila.api.registry import registry as open_registry

    event = open_registry(registry).rollback(name, alias, reason=reason)
    print(_event_json(event) if json_ else describe_event(event).strip())


def log(
    name: ModelArgument,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="DATE", help=mark("Show which version was live on this day, or at this time.")
        ),
    ] = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Print the events, or the versions of a day."""
    from dataclasses import asdict

    from pupila.api.registry import describe_event
    from pupila.api.registry import registry as open_registry

    opened = open_registry(registry)
    history = opened.log(name)
    if on is not None:
        lives = opened.live(name, on)
        print(
            dump_json([asdict(live) for live in lives], indent=1)
            if json_
            else _describe_lives(name, on, lives)
        )
    elif json_:
        print(dump_json([event.model_dump(mode="json", by_alias=True) for event in history.events], indent=1))
    else:
        for event in history.events:
            print(describe_event(event))
    if history.damaged:
        lines = listing([str(number) for number in history.damaged])
        typer.echo(say("history.jsonl is damaged in line {lines}: what it recorded is missing here.", lines=lines),
                   err=True)  # fmt: skip


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help=mark("Names of models [all of them]."))
    ] = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:
    """Verify, and print what is damaged."""
    from dataclasses import asdict

    from pupila.api.registry import registry as open_registry

    result = open_registry(registry).verify(names or ())
    if json_:
        print(dump_json(asdict(result), indent=1))
    else:
        for damage in result.damages:
            print(f"{damage.place}: {damage.problem}")
        counts = [say_count("{n} model", "{n} models", result.models),
                  say_count("{n} version", "{n} versions", result.versions),
                  say_count("{n} event", "{n} events", result.events)]  # fmt: skip
        if result.damages:
            print(say_count("{n} damage in {counts}.", "{n} damages in {counts}.", len(result.damages),
                            counts=", ".join(counts)))  # fmt: skip
        else:
            print(say("No damage in {counts}.", counts=", ".join(counts)))
    if result.damages:
        raise typer.Exit(DAMAGED)


def list_(registry: RegistryOption = None, json_: JsonOption = False) -> None:
    """Print a line for each model; damaged ones are named after the others."""
    from pupila.api.registry import registry as open_registry
    from pupila.core.errors import PupilaError

    opened = open_registry(registry)
    states: dict[str, Any] = {}
    damaged: list[str] = []
    for name in opened.names():
        try:
            states[name] = opened.show(name)
        except PupilaError as fault:
            damaged.append(str(fault))
    if json_:
        print(
            dump_json([state.model_dump(mode="json", by_alias=True) for state in states.values()], indent=1)
        )
    elif not states and not damaged:
        print(say("No models in {uri}.", uri=opened.uri))
    else:
        for name, state in states.items():
            count = sum(version.complete for version in state.versions)
            print("  ".join([name, say_count("{n} version", "{n} versions", count), *_aliases(state)]))
    for sentence in damaged:
        typer.echo(sentence, err=True)
    if damaged:
        raise typer.Exit(DAMAGED)


def show(name: ModelArgument, registry: RegistryOption = None, json_: JsonOption = False) -> None:
    """Print a line for each version."""
    from pupila.api.registry import registry as open_registry

    state = open_registry(registry).show(name)
    if json_:
        print(dump_json(state.model_dump(mode="json", by_alias=True), indent=1))
        return
    live = {place.live.version: [] for place in state.aliases.values()}  # type: dict[int, list[str]]
    for alias, place in sorted(state.aliases.items()):
        live[place.live.version].append(alias)
    for version in state.versions:
        state_text = (
            ", ".join(live.get(version.number, [])) if version.complete else say("incomplete: add it again")
        )
        print("  ".join([f"{version.number:4d}", version.bundle[:_HASH], f"{version.added[:10]} {version.added[11:19]}",
                         version.who, version.task, listing(version.classes), state_text]).rstrip())  # fmt: skip


def _aliases(state: Any) -> list[str]:
    return [f"{alias} {place.live.version}" for alias, place in sorted(state.aliases.items())]


def _event_json(event: Any) -> str:
    return dump_json(event.model_dump(mode="json", by_alias=True), indent=1)


def _describe_lives(name: str, on: str, lives: Any) -> str:
    """A sentence for each version that was live."""
    if not lives:
        return say("No version of {name} was live on {day} (UTC).", name=name, day=on)
    lines = []
    for live in lives:
        since = f"{live.since[:10]} {live.since[11:19]}"
        words = {
            "alias": live.alias,
            "version": f"{name}@{live.version}",
            "hash": live.bundle[:_HASH],
            "since": since,
        }
        if live.until is None:
            line = say("{alias}: {version} (bundle {hash}) since {since} UTC", **words)
        else:
            until = f"{live.until[:10]} {live.until[11:19]}"
            line = say("{alias}: {version} (bundle {hash}) from {since} to {until} UTC", until=until, **words)
        lines.append(line + (say(", or for longer: an event before is missing") if live.gap else ""))
    return "\n".join(lines)
