"""Make a smaller and faster bundle of a bundle, and show what that costs."""

import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_labelled, require_split
from pupila.api.inputs import Data, ModelInput, Path, path_text
from pupila.api.options import CompressOptions
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.messages import say
from pupila.core.vocabulary import TEST, VALIDATION

if TYPE_CHECKING:
    from pupila.api.compress_networks import SmallerNetworks
    from pupila.artifacts.bundle.folder import Bundle
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.artifacts.report.compression import CompressedModel, CompressReport
    from pupila.artifacts.report.evaluation.report import EvaluationReport
    from pupila.artifacts.run.source import PredictingSource
    from pupila.stages.compress.calibration import CalibrationImages
    from pupila.stages.compress.measure import Measured
    from pupila.stages.compress.run import MadeCandidate
    from pupila.stages.compress.settings import CompressSettings


@dataclass(frozen=True, slots=True, repr=False)
class CompressionResult(Displayed):
    """What came of a compression."""

    report: "CompressReport"  # what compress.json holds
    folder: str  # of compress.html
    bundle: "Bundle | None"  # the chosen one; None: the parent stays

    def summary(self) -> Summary:
        """The verdict; on a card with all sentences."""
        from pupila.stages.compress.sentences import sentences

        verdict, *others = sentences(self.report)
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        if self.bundle is not None:
            facts[say("bundle")] = self.bundle.folder
        return Summary("CompressionResult", verdict, facts)


@public
def compress(
    model: ModelInput,
    data: Data,
    *,
    test: bool = False,
    out: Path | None = None,
    **settings: Unpack[CompressOptions],
) -> CompressionResult:
    """Quantise a bundle to int8 in several ways, compare each with its parent, and write the best one as a bundle.

    Args:
        model: a bundle or a run, or its folder.
        data: that the model was trained with, as `pupila.open` takes it; ranges are measured on its training images.
        test: compare on the sealed test split, whose access is recorded, instead of validation.
        out: folder of `bundle`, `compress.html` and `compress.json`; None: `compressed` beside the model.
        settings: calibration images, the loss that is allowed, and the rounds of measuring times.

    Returns:
        The report, and the chosen bundle; none where no model is both faster and good enough.

    Raises:
        PupilaError: no bundle, a promptable or compressed one, or data that are not split.
    """
    from pupila.artifacts.dataset.home import find_home
    from pupila.stages.compress.candidate import FloatModel, list_candidates
    from pupila.stages.compress.run import (
        describe_compression,
        list_all_candidates,
        make_candidates,
        remove_earlier,
        write_candidate,
        write_compression,
    )
    from pupila.stages.compress.settings import CompressSettings

    parsed = CompressSettings.parse(dict(settings), "compress")
    trial, images = _open_trial(model, data, TEST if test else VALIDATION, parsed)
    source, parent = trial.source, trial.source.bundle
    folder = path_text(out) if out is not None else files.join(find_home(source.results_folder), "compressed")
    list_all_candidates(parent, parsed)
    planned = _plan_networks(trial, parsed)
    nothing: AbstractContextManager[list[FloatModel]] = nullcontext([])
    with planned.make() if planned is not None else nothing as networks:
        models = [FloatModel("", "", parent), *networks]
        tried = [each for model in models for each in list_candidates(model, parsed)]
        candidates = make_candidates(parent, tried, images)
        report = _compare(trial, candidates, images, parsed)
        bundle = None
        for each, entry in zip(candidates, report.models, strict=True):
            if entry.outcome == "chosen" and entry.difference is not None:
                described = describe_compression(each, report.metric, entry.difference, images)
                bundle = write_candidate(files.join(folder, "bundle"), parent, each, images, described)
        if bundle is None:
            remove_earlier(files.join(folder, "bundle"), parent)
        write_compression(report, folder)
    return CompressionResult(report, folder, bundle)


@public
def plan_compression(
    model: ModelInput, data: Data, *, test: bool = False, **settings: Unpack[CompressOptions]
) -> list[str]:
    """What `compress` would try, in sentences; nothing is trained, measured or written.

    Args:
        model: a bundle or a run, or its folder.
        data: as for `compress`.
        test: as for `compress`; no access is recorded.
        settings: as for `compress`.

    Raises:
        PupilaError: as `compress`.
    """
    from pupila.stages.compress.run import list_all_candidates
    from pupila.stages.compress.sentences import describe_plan
    from pupila.stages.compress.settings import CompressSettings
    from pupila.stages.evaluate.evaluation_set import select_rows

    parsed = CompressSettings.parse(dict(settings), "compress")
    trial, images = _open_trial(model, data, TEST if test else VALIDATION, parsed)
    titles = [each.title for each in list_all_candidates(trial.source.bundle, parsed)]
    _plan_networks(trial, parsed)
    rows = select_rows(trial.data, trial.splits, trial.split)
    return describe_plan(titles, len(images.paths), len(rows), parsed)


@dataclass(frozen=True, slots=True)
class Trial:
    """What candidates are compared on."""

    source: "PredictingSource"  # the parent
    data: "Dataset"
    splits: "SplitFile"
    split: str


def _open_trial(
    model: ModelInput, data: Data, split: str, settings: "CompressSettings"
) -> "tuple[Trial, CalibrationImages]":
    """What is compared on what, and the calibration images; whatever does not fit is refused before it takes long."""
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.compress.calibration import choose_images
    from pupila.stages.compress.run import check_compressible
    from pupila.stages.evaluate.evaluation_set import select_rows
    from pupila.stages.evaluate.predictions import check_fits

    source = parse_predicting(model)
    check_compressible(source.bundle)
    opened = open_labelled(data, {})
    check_fits(source, opened)
    trial = Trial(source, opened, require_split(opened), split)
    select_rows(opened, trial.splits, split, remedy="--test" if split == VALIDATION else "")
    return trial, choose_images(opened, trial.splits, settings.calibration_images)


def _plan_networks(trial: Trial, settings: "CompressSettings") -> "SmallerNetworks | None":
    """What makes the smaller networks that the settings ask for; None: they ask for none.

    Raises:
        PupilaError: there is no validation image to choose an epoch on, or a student that can't be built.
    """
    if not (settings.prune or settings.zero or settings.distill_into):
        return None
    from pupila.api.compress_networks import SmallerNetworks
    from pupila.stages.evaluate.evaluation_set import select_rows

    select_rows(trial.data, trial.splits, VALIDATION)
    source = trial.source
    networks = SmallerNetworks(source.bundle, source.run, trial.data, trial.splits, settings)
    networks.check()
    return networks


def _compare(
    trial: Trial, candidates: "list[MadeCandidate]", images: "CalibrationImages", settings: "CompressSettings"
) -> "CompressReport":
    """The candidates beside their parent: metric, size and time, and which one is chosen."""
    from pupila.artifacts.bundle.folder import MODEL_FILE
    from pupila.artifacts.bundle.runtime import cpu_features
    from pupila.artifacts.report.compression import CompressReport
    from pupila.artifacts.run.source import BundleSource
    from pupila.stages.compress.choose import choose
    from pupila.stages.compress.measure import measure_models
    from pupila.stages.compress.run import describe_failures, list_remarks, write_candidate
    from pupila.stages.evaluate.run import evaluate_models

    parent, usable = trial.source.bundle, [each for each in candidates if each.content]
    with tempfile.TemporaryDirectory() as temporary:
        bundles = [
            write_candidate(files.join(temporary, each.candidate.name), parent, each, images)
            for each in usable
        ]
        sources = [trial.source, *(BundleSource(bundle.folder, bundle) for bundle in bundles)]
        evaluation = evaluate_models(sources, trial.data, trial.splits, trial.split).evaluation
    contents = {"": parent.read(MODEL_FILE), **{each.candidate.name: each.content for each in usable}}
    spec = parent.info.preprocessing
    measured = measure_models(contents, (spec.height, spec.width), settings.rounds)
    entries = {**_describe_models(usable, evaluation, measured), **describe_failures(candidates)}
    metric = evaluation.comparisons[0].primary_metric if usable else ""
    return CompressReport(
        parent=trial.source.name, version=parent.hash, bytes=len(contents[""]),
        parameters=parent.info.parameters, memory=measured[""].memory, latencies=measured[""].latencies, metric=metric,
        split=trial.split, images=evaluation.models[0].n, groups=evaluation.models[0].groups,
        max_drop=settings.max_drop, calibration_images=len(images.hashes) if settings.int8 else 0,
        cpu_features=cpu_features(),
        unread_images=len(images.unread), remarks=list_remarks(candidates),
        models=choose([entries[each.candidate.name] for each in candidates], metric, settings.max_drop),
    )  # fmt: skip


def _describe_models(
    candidates: "list[MadeCandidate]", evaluation: "EvaluationReport", measured: "dict[str, Measured]"
) -> "dict[str, CompressedModel]":
    """The entries of models that were compared with their parent, by name; the evaluation has the parent first."""
    from pupila.artifacts.report.compression import CompressedModel
    from pupila.statistics.tests import reverse

    entries = {}
    # A task may compare with a baseline, too, after the models.
    for each, comparison in zip(candidates, evaluation.comparisons[: len(candidates)], strict=True):
        name = each.candidate.name
        entries[name] = CompressedModel(
            name=name, title=each.candidate.title, outcome="possible", bytes=len(each.content),
            difference=comparison.metrics[comparison.primary_metric].reverse(), verdict=reverse(comparison.verdict),
            largest_difference=each.largest_difference, memory=measured[name].memory,
            latencies=measured[name].latencies, parameters=each.parameters,
        )  # fmt: skip
    return entries
