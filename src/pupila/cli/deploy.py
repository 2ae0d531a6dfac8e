"""`pupila deploy render BUNDLE`, and `pupila deploy check FOLDER`."""

import shlex
from typing import Annotated

import typer

from pupila.cli.options import JsonOption, RegistryOption, Sha256Option
from pupila.core.json_text import dump_json
from pupila.core.messages import mark, say, say_count

RENDER = mark(
    "Write the files that deploy a bundle: images, a compose file, a stack on AWS, training on AWS."
)
CHECK = mark("Check the files of a deployment without a cloud; exit code 1 where something is wrong.")
HAS_FAULTS = 1  # exit code


def render(
    model: Annotated[
        str, typer.Argument(metavar="BUNDLE", help=mark("Folder of a bundle or a run, or registry:NAME@ALIAS."))
    ],
    target: Annotated[
        str,
        typer.Option("--target", metavar="NAME", help=mark("docker, compose, aws (with both others) or aws-train.")),
    ],
    out: Annotated[str, typer.Option("--out", metavar="FOLDER", help=mark("Folder of the files."))] = "deploy",
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help=mark("Name of the service [the model's]."))
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=mark("Overwrite files that were edited after they were rendered."))
    ] = False,
    sha256: Sha256Option = None,
    registry: RegistryOption = None,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Render, and say what to do next."""
    from dataclasses import asdict

    from pupila.api.deploy import render_deployment
    from pupila.api.load import name_registry, pin

    pinned = pin(name_registry(model, registry), sha256)
    rendered = render_deployment(pinned, target=target, out=out, name=name, force=force)
    if json_:
        print(dump_json(asdict(rendered), indent=1))
        return
    for file in rendered.files:
        state = "*" if file in rendered.changed else " "
        print(f"  {state} {file}")
    changed = say_count("{n} of {all} files is new or changed (*).", "{n} of {all} files are new or changed (*).",
                        len(rendered.changed), all=len(rendered.files))  # fmt: skip
    print(say("{folder}: service {name}.", folder=rendered.folder, name=rendered.name), changed)
    for note in rendered.notes:
        print(note)
    quoted = shlex.quote(rendered.folder)
    print(
        say(
            "Next: read {folder}/README.md, then pupila deploy check {quoted}",
            folder=rendered.folder,
            quoted=quoted,
        )
    )


def check(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help=mark("That deploy render wrote."))
    ] = "deploy",
    json_: JsonOption = False,
) -> None:
    """Check, print what is wrong, and exit with 1 if anything is."""
    from dataclasses import asdict

    from pupila.api.deploy import check_deployment

    checked = check_deployment(folder)
    if json_:
        print(dump_json([asdict(result) for result in checked.results], indent=1))
    else:
        print("\n".join(checked.sentences()))
    if checked.faults:
        raise typer.Exit(HAS_FAULTS)
