"""The page of a run: how it ended in words, then the curves, then the plan with its reasons."""

import re
from typing import Any

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.report import charts
from pupila.artifacts.report.gallery import drawn
from pupila.artifacts.report.page import Page, Section, Table
from pupila.core.messages import say, say_count
from pupila.imaging.images.decode import decode
from pupila.stages.train.recipes import KINDS
from pupila.stages.train.settings import TrainPlan


def run_page(
    plan: TrainPlan, state: str, log: list[dict[str, Any]], info: BundleInfo, examples: dict[str, bytes]
) -> Page:
    """The page.

    Args:
        plan: what was decided.
        state: "done", "collapsed" or "interrupted".
        log: one line per epoch.
        info: of the bundle.
        examples: name of an epoch to a PNG of what was answered after it.
    """
    log = _over_folds(log)
    parts = list(dict.fromkeys(line["part"] for line in log))
    curves = []
    known = {"macro_f1": say("Macro F1 on validation"), "dice": say("Dice on validation"),
             "iou": say("IoU on validation")}  # fmt: skip
    shown: dict[str, tuple[str, ...]] = {say("Loss"): ("train_loss", "validation_loss")}
    shown |= {title: (key,) for key, title in known.items()}
    for title, keys in shown.items():
        series = {
            f"{part} {key}" if len(parts) > 1 else key: [
                (_before(part, log) + line["epoch"], line[key]) for line in log if line["part"] == part
            ]
            for part in parts for key in keys if any(key in line for line in log if line["part"] == part)
        }  # fmt: skip
        if series:
            curves.append(charts.lines(title, series, (say("epoch"), title)))
    settings = [
        [name, str(value), plan.reasons.get(name, "")]
        for name, value in plan.model_dump().items() if name not in ("reasons", "classes", *KINDS[info.task].idle)
    ]  # fmt: skip
    return Page(
        title=say("Training {model}", model=plan.model),
        verdict=sentences(plan, state, info),
        sections=[
            Section(
                say("Curves"),
                [say("Of {n} folds: their mean.", n=plan.folds)] if plan.folds else [],
                charts=curves,
            ),
            *_shown(examples),
            Section(say("The plan"), tables=[Table([say("setting"), say("value"), say("why")], settings)]),
        ],
        footnote=say("Data {hash}, splits {splits}.", hash=plan.data_hash[:12], splits=plan.splits_hash[:12]),
    )


def _over_folds(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log with one line for an epoch of all folds: the mean of those that came as far."""
    epochs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for line in log:
        epochs.setdefault((re.sub(r"^fold\d+-", "", line["part"]), line["epoch"]), []).append(line)
    return [
        {"part": part, "epoch": epoch}
        | {
            key: sum(line[key] for line in lines) / len(lines)
            for key in lines[0]
            if isinstance(lines[0][key], float)
        }
        for (part, epoch), lines in epochs.items()
    ]


def _before(part: str, log: list[dict[str, Any]]) -> int:
    """Epochs of the head, after which those with thawed blocks are drawn."""
    head = f"{part.removesuffix('fine')}head"
    return sum(line["part"] == head for line in log) if part.endswith("fine") else 0


def _shown(examples: dict[str, bytes]) -> list[Section]:
    if not examples:
        return []
    told = say(
        "Validation pictures as they are, with their masks, and with what was answered after that epoch."
    )
    pictures = [drawn(decode(png), _after(name)) for name, png in examples.items()]
    return [Section(say("What it learned"), [told], galleries=[("", pictures)])]


def _after(name: str) -> str:
    """`fold0-fine-007` as a caption."""
    part, _, epoch = name.rpartition("-")
    fold = part.removesuffix("fine").strip("-")
    told = say("after epoch {n}", n=int(epoch))
    return f"{fold}: {told}" if fold else told


def sentences(plan: TrainPlan, state: str, info: BundleInfo) -> list[str]:
    """How the run ended, the gravest first."""
    told = []
    if state == "interrupted":
        told.append(say("Interrupted: these are the best weights so far. --resume goes on."))
    if state == "collapsed":
        told.append(
            say("The model answers one class only: it is collapsed. Try a lower learning rate, "
                "class_weights=inverse or sampling=balanced, or pretrained weights.")
        )  # fmt: skip
    if plan.leaking:
        told.append(
            say("The split leaks: images that belong together were parted, so these figures are too good.")
        )
    if not info.validation:
        return [*told, say("Nothing was validated: {why}.", why=_why(plan))]
    score = KINDS[info.task].score(len(info.classes))
    row = info.validation["metrics"][score]
    titled = score[0].upper() + score[1:]
    n, groups = info.validation["n"], info.validation["groups"]
    if row["low"] is None:
        told.append(say_count(
            "{score} {value:.3f} on {images} validation images, in one group: a class has too few for an interval.",
            "{score} {value:.3f} on {images} validation images, in {n} groups: a class has too few for an interval.",
            groups, value=row["value"], images=n, score=titled,
        ))  # fmt: skip
    else:
        told.append(say(
            "{score} {value:.3f} on {n} validation images in {groups} groups, 95 % interval {low:.3f} to {high:.3f}.",
            score=titled, n=n, groups=groups, **row,
        ))  # fmt: skip
    base = info.validation["baseline"]
    told.append(say(
        "Always answering {name} would reach {score} {value:.3f}.", name=base["class"], score=score, value=base[score]
    ))  # fmt: skip
    if info.decision.threshold is not None:
        told.append(say(
            "{name} is answered from a probability of {threshold:.2f}, tuned on validation for {objective}.",
            name=info.decision.positive, threshold=info.decision.threshold, objective=info.decision.objective,
        ))  # fmt: skip
    elif info.decision.objective:
        told.append(say(
            "No threshold reaches {objective} on validation: the likelier class is answered.",
            objective=info.decision.objective,
        ))  # fmt: skip
    told.append(
        say(
            "Validation chose the epoch, so it flatters: only the sealed test split tells how good the model is."
        )
    )
    return told


def _why(plan: TrainPlan) -> str:
    if plan.epochs or plan.thaw:
        return say("there is no validation split")
    return say("the pretrained model knows other classes ({n}) than the data", n=len(plan.classes))
