"""The commands. Stages are imported when they are called, so that `pupila --help` loads nothing heavy."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pupila.cli import (
    audit,
    clean,
    collect,
    convert,
    doctor,
    evaluate,
    explore,
    label,
    predict,
    serve,
    settings,
    split,
    studio,
    train,
)
from pupila.cli import demo as demo_command
from pupila.core.messages import say
from pupila.core.version import __version__


class _Words(TyperGroup):
    """Commands, of which some have two words: `label` labels, and `label audit` is a command beside it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        two = " ".join(args[:2])
        if (command := self.commands.get(two)) is not None:
            return two, command, args[2:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="pupila",
    cls=_Words,
    help=say("A few hundred images of your own go in; a vision model that you can trust comes out."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=say("--debug shows the stack trace of an error."),
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help=say("Print the version."))
    ] = False,
) -> None:
    """Options that stand before the command."""


app.command("collect", help=collect.HELP)(collect.collect)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.command("split", help=split.HELP)(split.split)
app.command("explore", help=explore.HELP)(explore.explore)
app.command("label", help=label.HELP)(label.label)
app.command("label audit", help=audit.AUDIT)(audit.audit)
app.command("label suspects", help=audit.SUSPECTS)(audit.suspects)
app.command("label export", help=studio.EXPORT)(studio.export)
app.command("label import", help=studio.IMPORT)(studio.import_)
app.command("convert", help=convert.HELP)(convert.convert)
app.command("clean", help=clean.HELP)(clean.clean)
app.command("train", help=train.HELP)(train.train)
app.command("evaluate", help=evaluate.HELP)(evaluate.evaluate)
app.command("predict", help=predict.HELP)(predict.predict)
app.command("serve", help=serve.HELP)(serve.serve)
app.command("settings", help=settings.HELP)(settings.settings)
app.command("demo", help=demo_command.HELP)(demo_command.demo)
