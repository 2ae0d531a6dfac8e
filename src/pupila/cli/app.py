"""The commands. Stages are imported when they are called, so that `pupila --help` loads nothing heavy."""

from typing import Annotated

import typer

from pupila.cli import (
    audit,
    clean,
    collect,
    compress,
    convert,
    data,
    deploy,
    doctor,
    evaluate,
    explain,
    explore,
    label,
    monitor,
    page,
    predict,
    queue,
    registry,
    serve,
    settings,
    split,
    studio,
    sweep,
    token,
    track,
    train,
)
from pupila.cli import demo as demo_command
from pupila.cli.command import Command, Commands
from pupila.core.messages import mark
from pupila.core.version import __version__

app = typer.Typer(
    name="pupila",
    cls=Commands,
    help=mark("A few hundred images of your own go in; a vision model that you can trust comes out."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=mark("Add --debug to see the stack trace of an error."),
)


def _version(given: bool) -> None:
    if given:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help=mark("Print the version."))
    ] = False,
) -> None:
    """Options that stand before the command."""


app.command("collect", cls=Command, help=collect.HELP)(collect.collect)
app.command("doctor", cls=Command, help=doctor.HELP)(doctor.doctor)
app.command("split", cls=Command, help=split.HELP)(split.split)
app.command("explore", cls=Command, help=explore.HELP)(explore.explore)
app.command("label", cls=Command, help=label.HELP)(label.label)
app.command("label audit", cls=Command, help=audit.AUDIT)(audit.audit)
app.command("label suspects", cls=Command, help=audit.SUSPECTS)(audit.suspects)
app.command("label queue", cls=Command, help=queue.HELP)(queue.queue)
app.command("label export", cls=Command, help=studio.EXPORT)(studio.export)
app.command("label import", cls=Command, help=studio.IMPORT)(studio.import_)
app.command("data snapshot", cls=Command, help=data.SNAPSHOT)(data.snapshot)
app.command("data log", cls=Command, help=data.LOG)(data.log)
app.command("data diff", cls=Command, help=data.DIFF)(data.diff)
app.command("data restore", cls=Command, help=data.RESTORE)(data.restore)
app.command("convert", cls=Command, help=convert.HELP)(convert.convert)
app.command("clean", cls=Command, help=clean.HELP)(clean.clean)
app.command("train", cls=Command, help=train.HELP)(train.train)
app.command("sweep", cls=Command, help=sweep.HELP)(sweep.sweep)
app.command("track", cls=Command, help=track.HELP)(track.track)
app.command("compress", cls=Command, help=compress.HELP)(compress.compress)
app.command("evaluate", cls=Command, help=evaluate.HELP)(evaluate.evaluate)
app.command("explain", cls=Command, help=explain.HELP)(explain.explain)
app.command("predict", cls=Command, help=predict.HELP)(predict.predict)
app.command("serve", cls=Command, help=serve.HELP)(serve.serve)
app.command("monitor", cls=Command, help=monitor.HELP)(monitor.monitor)
app.command("page", cls=Command, help=page.HELP)(page.page)
app.command("page login", cls=Command, help=page.LOGIN)(page.login)
app.command("deploy render", cls=Command, help=deploy.RENDER)(deploy.render)
app.command("deploy check", cls=Command, help=deploy.CHECK)(deploy.check)
app.command("token new", cls=Command, help=token.NEW)(token.new)
app.command("token rotate", cls=Command, help=token.ROTATE)(token.rotate)
app.command("token revoke", cls=Command, help=token.REVOKE)(token.revoke)
app.command("token list", cls=Command, help=token.LIST)(token.list_)
app.command("registry add", cls=Command, help=registry.ADD)(registry.add)
app.command("registry promote", cls=Command, help=registry.PROMOTE)(registry.promote)
app.command("registry rollback", cls=Command, help=registry.ROLLBACK)(registry.rollback)
app.command("registry log", cls=Command, help=registry.LOG)(registry.log)
app.command("registry verify", cls=Command, help=registry.VERIFY)(registry.verify)
app.command("registry list", cls=Command, help=registry.LIST)(registry.list_)
app.command("registry show", cls=Command, help=registry.SHOW)(registry.show)
app.command("settings", cls=Command, help=settings.HELP)(settings.settings)
app.command("demo", cls=Command, help=demo_command.HELP)(demo_command.demo)
