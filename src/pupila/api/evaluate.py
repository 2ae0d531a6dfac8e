"""Evaluate a model, and compare it with others."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import fitting_split
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import (
    SPLIT_WORDS,
    SPLITS,
)

if TYPE_CHECKING:
    from pupila.stages.evaluate.run import Evaluated
from pupila.api.data import Data


def evaluate(
    model: str | Path,
    data: Data,
    *,
    split: str | None = None,
    against: Sequence[str | Path] = (),
    threshold: str | None = None,
    out: str | Path | None = None,
) -> "Evaluated":
    """Judge a model with intervals, compare it with others, and write `report.json` and `report.html`.

    A promptable model is judged by prompts that are drawn from the masks; they are written into `prompts.jsonl`.

    Args:
        model: a bundle, a run (judged on what it answered while it trained; a promptable one by its bundle) or a table
            of answers.
        data: whatever `pupila.open` takes; it has to be split.
        split: train, validation, or test, which is sealed: each look is noted and a second one said. None: test, or
            for runs alone, none of them promptable, the images of validation, or of all folds.
        against: other models, compared on the same images.
        threshold: objective for a binary task, tuned on validation; `CLASS:` before it names the class it is for.
        out: folder of the report; by default `evaluation-<split>` beside the bundle or the table.

    Raises:
        PupilaError: see `pupila.stages.evaluate.run.evaluate_models`; or the data are not split.
    """
    from pupila.stages.evaluate.predictions import answers_prompts, is_run
    from pupila.stages.evaluate.prompt.run import evaluate_prompts
    from pupila.stages.evaluate.run import evaluate_models, write

    opened = open_data(data)
    splits = fitting_split(opened, opened.home)
    if splits is None:
        raise PupilaError(
            say("These data are not split"), found=say("no splits.json that was made from them"),
            wanted=say("the split that the model was trained with"), remedy="pupila split DATA",
        )  # fmt: skip
    paths = [str(path).replace(os.sep, "/").rstrip("/") for path in (model, *against)]
    find = evaluate_prompts if any(map(answers_prompts, paths)) else evaluate_models
    found = find(paths, opened, splits, split and _split_named(split), threshold)
    own = is_run(paths[0]) or files.is_folder(files.join(paths[0], "bundle"))
    folder = paths[0] if own else files.parent(paths[0])
    place = str(out) if out is not None else files.join(folder, f"evaluation-{found.evaluation['split']}")
    return write(found, opened, place)


def _split_named(name: str) -> str:
    if name.lower() not in SPLIT_WORDS:
        raise PupilaError(say("No such split"), found=name, wanted=listing(list(SPLITS)))
    return SPLIT_WORDS[name.lower()]
