"""`pupila train DATA`."""

import json
from typing import Annotated, Any

import typer

from pupila.cli.options import DataArgument
from pupila.core.messages import say

HELP = say("Train a model: a run folder with plan, log, report and the bundle that answers.")
_METRICS = {
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "dice": "Dice",
    "iou": "IoU",
}  # of the log, as shown
EXIT_CODES = {"collapsed": 1, "interrupted": 130}


def train(
    data: DataArgument,
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help=say("Settings as YAML; --set overrides them."))
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help=say("A setting (pupila settings train lists them).")),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help=say("Train within 90s, 15m or 2h."))
    ] = None,
    folds: Annotated[int | None, typer.Option(help=say("Folds, where the data are not split yet."))] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=say("Folder of the run [runs/DATA-MODEL]."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=say("Go on with the run in --out."))] = False,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help=say("Train on a split that leaks."))
    ] = False,
    preview: Annotated[
        str | None,
        typer.Option(metavar="FILE", help=say("Draw augmented views into a PNG, and train nothing.")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=say("Print the plan, and train nothing."))
    ] = False,
) -> None:
    """Train, and print how it went."""
    from pupila.api import train as api
    from pupila.core.settings import parse_overrides, read_config
    from pupila.stages.train.page import sentences

    wish: dict[str, Any] = parse_overrides(set_ or [], read_config(config) if config else {})
    wish |= {name: value for name, value in (("allow_leak", allow_leak), ("budget", budget)) if value}
    if preview:
        api.preview(data, preview, **wish)
        print(say("Look at: {path}", path=preview))
        return
    if dry_run:
        print(
            json.dumps(
                api.make_plan(data, folds=folds, **wish).model_dump(mode="json"), indent=1, ensure_ascii=False
            )
        )
        return
    run = api.train(data, out=out, resume=resume, tell=_tell, folds=folds, **wish)
    print()
    for sentence in sentences(run.plan, run.state, run.bundle.info):
        print(sentence)
    print("\n" + say("Look at: {path}", path=f"{run.folder}/report.html"))
    print(say("Bundle: {path}", path=run.bundle.folder))
    if run.bundle.info.validation:
        print(say("Next: pupila evaluate {folder}/bundle {data}", folder=run.folder, data=data))
    else:
        print(say("Next: pupila predict {folder}/bundle IMAGES", folder=run.folder))
    if run.state in EXIT_CODES:
        raise typer.Exit(EXIT_CODES[run.state])


def _tell(line: dict[str, Any]) -> None:
    if "note" in line:
        print(line["note"], flush=True)
        return
    score = "".join(f", {title} {line[name]:.3f}" for name, title in _METRICS.items() if name in line)
    print(say("{part} epoch {epoch}: loss {loss:.3f}{score}", part=line["part"], epoch=line["epoch"],
              loss=line["train_loss"], score=score), flush=True)  # fmt: skip
