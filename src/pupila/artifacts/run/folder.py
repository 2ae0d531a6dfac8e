"""A run's folder: the names of its files, and the run that they describe, each file read on first use."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pupila.artifacts.bundle.folder import Bundle, has_bundle, read_bundle
from pupila.artifacts.run.log import EpochLog, read_log
from pupila.artifacts.run.outcomes import Outcomes, read_outcomes
from pupila.artifacts.run.plan import PLAN_FILE, PlanFile, RunPlan, RunState, read_plan
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError, describe_type
from pupila.core.messages import listing, say

if TYPE_CHECKING:
    import polars as pl

OUT_OF_FOLD_FILE = "oof.parquet"
REPORT_FILE = "report.html"
CHECKPOINTS, EXAMPLES, BUNDLE = "checkpoints", "examples", "bundle"  # folders


@dataclass(frozen=True, repr=False)
class Run(Displayed):
    """A run, as the files in its folder describe it; an unfinished one lacks some of them."""

    folder: str  # path or URI

    def summary(self) -> Summary:
        """The folder."""
        return Summary("Run", self.folder)

    @property
    def name(self) -> str:
        """The last part of the folder's path."""
        return self.folder.rstrip("/").rpartition("/")[2]

    @cached_property
    def plan_file(self) -> PlanFile[RunPlan]:
        """The content of `plan.json`.

        Raises:
            PupilaError: another version of Pupila wrote it.
        """
        return read_plan(self.folder)

    @cached_property
    def plan(self) -> RunPlan:
        """Every setting decided."""
        return self.plan_file.plan

    @property
    def state(self) -> RunState:
        """How the run stands: running, completed, collapsed or interrupted."""
        return self.plan_file.state

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as the user gave them."""
        return self.plan_file.settings

    @property
    def has_plan(self) -> bool:
        """Whether there is a `plan.json`."""
        return files.exists(files.join(self.folder, PLAN_FILE))

    @cached_property
    def log(self) -> list[EpochLog]:
        """The lines of `log.jsonl`, one per epoch, of all parts in their order; none before the first epoch."""
        return read_log(self.folder)

    @cached_property
    def outcomes(self) -> dict[str, Outcomes]:
        """What the model of each epoch made of each validation image, by part; none where `outcomes.npz` is missing.

        Raises:
            PupilaError: the file is damaged.
        """
        return read_outcomes(self.folder)

    @property
    def has_out_of_fold(self) -> bool:
        """Whether there are predictions for images that the predicting model was not trained on."""
        return files.exists(files.join(self.folder, OUT_OF_FOLD_FILE))

    @cached_property
    def out_of_fold_bytes(self) -> bytes:
        """The bytes of `oof.parquet`.

        Raises:
            PupilaError: the run has no such predictions.
        """
        if not self.has_out_of_fold:
            raise PupilaError(
                say("The run has no out-of-fold predictions"), actual=self.folder,
                expected=say("the folder of a run, with {name}", name=OUT_OF_FOLD_FILE),
                remedy="pupila split DATA --folds 5; pupila train DATA",
            )  # fmt: skip
        uri = files.join(self.folder, OUT_OF_FOLD_FILE)
        return files.check_seal(uri, files.read_bytes(uri), "pupila train DATA --out FOLDER")

    @cached_property
    def out_of_fold(self) -> "pl.DataFrame":
        """The table `oof.parquet`, whose columns `artifacts/predictions` describes.

        Raises:
            PupilaError: the run has no such predictions, or the file is damaged.
        """
        import polars as pl

        from pupila.artifacts.dataset.columns import UNREADABLE, first_line

        try:
            table = pl.read_parquet(self.out_of_fold_bytes)
        except UNREADABLE as fault:
            raise self._unreadable(first_line(fault)) from fault
        if "sha256" not in table.columns:
            raise self._unreadable(listing(table.columns, 8))
        return table

    def _unreadable(self, actual: str) -> PupilaError:
        return PupilaError(
            say("Can't read {path}", path=files.join(self.folder, OUT_OF_FOLD_FILE)), actual=actual,
            expected=say("the out-of-fold predictions as training wrote them"),
            remedy="pupila train DATA --out FOLDER",
        )  # fmt: skip

    @cached_property
    def bundle(self) -> Bundle:
        """The bundle that the run made, read and verified.

        Raises:
            PupilaError: the run is not finished, or its bundle was modified.
        """
        uri = files.join(self.folder, BUNDLE)
        if not has_bundle(uri):
            raise PupilaError(
                say("No bundle in {path}", path=self.folder), actual=say("a run that is not finished"),
                expected=say("the folder of a bundle or of a finished run"),
                remedy=f"pupila train DATA --resume --out {self.folder}",
            )  # fmt: skip
        return read_bundle(uri)

    def examples(self) -> dict[str, bytes]:
        """PNGs of the predictions after some epochs, by part and epoch, in the order of their names."""
        folder = files.join(self.folder, EXAMPLES)
        names = [entry.path for entry in files.walk(folder)] if files.is_folder(folder) else []
        return {
            name.removesuffix(".png"): files.read_bytes(files.join(folder, name))
            for name in names
            if name.endswith(".png")
        }


def is_run(folder: str) -> bool:
    """Whether a folder holds a file of a run, and is no bundle itself."""
    if has_bundle(folder):
        return False
    signs = (PLAN_FILE, OUT_OF_FOLD_FILE)
    return any(files.exists(files.join(folder, name)) for name in signs) or has_bundle(
        files.join(folder, BUNDLE)
    )


class InFolder(Protocol):
    """A `Run`, a `Bundle`, or what was loaded from one of their folders."""

    @property
    def folder(self) -> str:
        """Where it lies."""


def read_run(run: str | os.PathLike[str] | InFolder) -> Run:
    """The run in a folder, or the run itself.

    Raises:
        PupilaError: the folder holds no run.
    """
    if isinstance(run, Run):
        return run
    folder = find_path(run)
    if not is_run(folder):
        raise PupilaError(
            say("No run in {path}", path=folder), actual=say("no {name}", name=PLAN_FILE),
            expected=say("the folder of a run"), remedy="pupila train DATA",
        )  # fmt: skip
    return Run(folder)


def find_path(model: object) -> str:
    """The path that a user gave, or that of an object's folder, with forward slashes and none at its end.

    Raises:
        PupilaError: anything else.
    """
    path = model if isinstance(model, str | os.PathLike) else getattr(model, "folder", None)
    if isinstance(path, str | os.PathLike):
        return str(os.fspath(path)).replace(os.sep, "/").rstrip("/")
    raise PupilaError(
        say("Not a model"), actual=describe_type(model),
        expected=say("the folder of a bundle or a run, a Bundle, a Run, or what pupila.load gives"),
    )  # fmt: skip


def checkpoint_file(folder: str, name: str) -> str:
    """The path of a checkpoint of the run, by part and kind, such as `head-last`."""
    return f"{folder}/{CHECKPOINTS}/{name}.safetensors"


def example_file(folder: str, part: str, epoch: int) -> str:
    """The path of the PNG of an epoch's predictions."""
    return f"{folder}/{EXAMPLES}/{part}-{epoch:03d}.png"


def write_out_of_fold(folder: str, table: "pl.DataFrame") -> None:
    """Write `oof.parquet`: a row for each image that the predicting model was not trained on."""
    files.write_parquet(files.join(folder, OUT_OF_FOLD_FILE), table)


def write_report(folder: str, page: str) -> str:
    """Write `report.html`, and return its path."""
    uri = files.join(folder, REPORT_FILE)
    files.write_bytes(uri, page.encode())
    return uri


def remove_training_state(folder: str) -> None:
    """Delete the checkpoints and examples, so that training starts again."""
    for name in (CHECKPOINTS, EXAMPLES):
        files.remove_folder(Path(folder, name))
