"""Where predictions come from: a bundle, a run, a version in a registry or a table of predictions."""

import os
from dataclasses import dataclass
from typing import TypeVar

from pupila.artifacts.bundle.folder import Bundle, check_pin, has_bundle, read_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE
from pupila.artifacts.registry.names import PREFIX, is_reference, parse_reference
from pupila.artifacts.registry.registry import resolve
from pupila.artifacts.run.folder import BUNDLE, InFolder, Run, find_path, is_run
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TABLE_SUFFIXES
from pupila.tasks import TASKS
from pupila.tasks.task import Task


@dataclass(frozen=True)
class BundleSource:
    """A bundle: it predicts any image."""

    path: str  # as the user named it, with forward slashes; of a registry with the number of the version
    bundle: Bundle
    results: str = ""  # folder for reports; empty: the one that the bundle lies in

    @property
    def name(self) -> str:
        """The name for reports: the folder's, that of the run that the bundle lies in, or NAME@NUMBER of a registry."""
        if is_reference(self.path):
            return self.path.removeprefix(PREFIX).rpartition("#")[2]
        return _last_part(self.path.removesuffix(f"/{BUNDLE}"))

    @property
    def task(self) -> Task:
        """The task that the bundle was trained for."""
        return TASKS[self.bundle.info.task]

    @property
    def run(self) -> Run:
        """The folder that the bundle lies in, as a run; its log is empty where it is none."""
        return Run(files.parent(self.bundle.folder))

    @property
    def results_folder(self) -> str:
        """The folder for reports on it."""
        return self.results or files.parent(self.path)


@dataclass(frozen=True)
class RunSource:
    """A run: its bundle predicts any image, its out-of-fold predictions are those for its own data."""

    path: str
    run: Run

    @property
    def name(self) -> str:
        """The name for reports."""
        return _last_part(self.path)

    @property
    def bundle(self) -> Bundle:
        """The run's bundle.

        Raises:
            PupilaError: the run is not finished, or its bundle was modified.
        """
        return self.run.bundle

    @property
    def task(self) -> Task:
        """The task that the run trained for."""
        return TASKS[self.bundle.info.task]

    @property
    def results_folder(self) -> str:
        """The folder for reports on it."""
        return self.path


@dataclass(frozen=True)
class TableSource:
    """A table of predictions: it has what it has, and its task is that of the data."""

    path: str

    @property
    def name(self) -> str:
        """The name for reports."""
        return _last_part(self.path)

    @property
    def task(self) -> None:
        """A table fits the task whose columns it has."""
        return None

    @property
    def results_folder(self) -> str:
        """The folder for reports on it."""
        return files.parent(self.path)


ModelSource = BundleSource | RunSource | TableSource
PredictingSource = BundleSource | RunSource  # both have a bundle


# What users name a model by.
Model = str | os.PathLike[str] | InFolder | BundleSource | RunSource | TableSource
ModelType = TypeVar("ModelType", bound=Model)


def parse_source(model: Model) -> ModelSource:
    """What a path or an object stands for.

    Args:
        model: folder of a bundle or of a run, file of a table of predictions, a version in a registry such as
            `registry:octagons@production`, or a `Run` or `Bundle`.

    Raises:
        PupilaError: none of them, or a bundle that was modified.
    """
    return _parse(model, say("a bundle, a run or a table of predictions"))


def parse_predicting(model: Model) -> PredictingSource:
    """The same, where only a bundle helps: its own folder or that of its run.

    Raises:
        PupilaError: no bundle there, or one that was modified.
    """
    expected = say("the folder of a bundle or of a finished run")
    source = _parse(model, expected)
    if isinstance(source, TableSource):
        raise PupilaError(
            say("No bundle in {path}", path=source.path), actual=say("a table of predictions"),
            expected=expected, remedy="pupila train DATA",
        )  # fmt: skip
    return source


def pin_bundle(model: ModelType, sha256: str | None) -> ModelType | Bundle | Run:
    """The model itself, or, where a hash is given, its bundle or its run, with the bundle read and compared.

    Raises:
        PupilaError: no bundle there, one that was modified, or one with another hash.
    """
    if sha256 is None:
        return model
    source = parse_predicting(model)
    check_pin(source.bundle, sha256)
    return source.run if isinstance(source, RunSource) else source.bundle


def _parse(model: Model, expected: str) -> ModelSource:
    if isinstance(model, BundleSource | RunSource | TableSource):
        return model
    if isinstance(model, str) and is_reference(model):
        resolved = resolve(parse_reference(model))
        return BundleSource(str(resolved.reference), resolved.bundle, resolved.results_folder)
    path = find_path(model)
    bundle = model if isinstance(model, Bundle | str | os.PathLike | Run) else getattr(model, "bundle", None)
    if isinstance(bundle, Bundle) and bundle.folder == path:  # of `pupila.load`, which has verified it
        return BundleSource(path, bundle)
    if path.lower().endswith(TABLE_SUFFIXES):
        return TableSource(path)
    if not path or not (has_bundle(path) or files.exists(path)):
        raise PupilaError(say("{path} does not exist; expected {kinds}", path=path or "''", kinds=expected))
    if is_run(path):
        return RunSource(path, model if isinstance(model, Run) else Run(path))
    if not has_bundle(path):
        raise PupilaError(
            say("No bundle in {path}", path=path), actual=say("no {name}", name=INFO_FILE),
            expected=expected, remedy="pupila train DATA",
        )  # fmt: skip
    return BundleSource(path, read_bundle(path))


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]
