"""The end of a sweep: its report, the winner's bundle, and the one evaluation on the sealed test split."""

from pathlib import Path

from pupila.api.evaluate import evaluate
from pupila.artifacts.bundle.folder import Bundle, has_bundle, read_bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.sweep import SWEEP_REPORT_FILE, SweepReport, TestScore, Winner, read_sweep_report
from pupila.artifacts.run.log import LogCallback, Note
from pupila.artifacts.sweep.folder import BUNDLE, Sweep
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.folders import replace_folder
from pupila.core.messages import say
from pupila.core.vocabulary import TEST
from pupila.experiments.inputs import SweepInputs
from pupila.experiments.outcomes.scorers import OUTCOME_SCORERS
from pupila.experiments.report import report_sweep
from pupila.experiments.result import SweepResult
from pupila.experiments.verdict import name_configuration
from pupila.experiments.write import write_result
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.run import TrainingRun

TEST_FOLDER = "evaluation-test"


def conclude_sweep(
    sweep: Sweep, data: Dataset, splits: SplitFile, tell: LogCallback, test: bool = False, export: bool = True
) -> SweepResult:
    """Write the table and the page of what exists; export the winner, and evaluate it on the sealed split on demand.

    Args:
        sweep: as it stands on disk now.
        data: the data set.
        splits: made from these very data.
        tell: called with notes.
        test: whether the winner may open the sealed test split; it does so once all cells have ended, and not again
            for the same bundle.
        export: whether the winner's bundle is written; without it, a bundle of an earlier winner is removed.
    """
    report = report_sweep(sweep, data, splits)
    bundle = _export_winner(sweep, data, splits, report, tell) if export else _find_bundle(sweep, report)
    if report.winner is None or bundle is None:
        files.remove_folder(Path(sweep.folder, BUNDLE))
        return write_result(sweep, report)
    score = _read_test_score(sweep, bundle)
    if score is None and test and report.finished and report.has_test_split:
        score = _evaluate(sweep, data, bundle)
    winner = report.winner.model_copy(update={"bundle": bundle.hash, "test": score})
    return write_result(sweep, report.model_copy(update={"winner": winner}))


def _find_bundle(sweep: Sweep, report: SweepReport) -> Bundle | None:
    """The exported winner, where it was exported before."""
    own = files.join(sweep.folder, BUNDLE)
    if report.winner is None or not has_bundle(own):
        return None
    of_cell = files.join(sweep.cells[report.winner.row].folder, BUNDLE)
    bundle = read_bundle(own)
    return bundle if has_bundle(of_cell) and read_bundle(of_cell).hash == bundle.hash else None


def _export_winner(
    sweep: Sweep, data: Dataset, splits: SplitFile, report: SweepReport, tell: LogCallback
) -> Bundle | None:
    """The bundle of the winner in the sweep's folder, by the code that ends every training."""
    if report.winner is None:
        return None
    if (bundle := _find_bundle(sweep, report)) is not None:
        return bundle
    row = report.winner.row
    name = name_configuration(report, report.configurations[report.winner.configuration])
    tell(
        Note(say("Winner: {name}, seed {seed}. It becomes a bundle.", name=name, seed=report.rows[row].seed))
    )
    cell = sweep.cells[row]
    own_split = SweepInputs(data, splits).split_for(cell.entry)  # with the folds that it varies
    source = TrainingRun(data, own_split, cell.folder, tell).run(TrainConfig(), resume=True).bundle.folder
    parts = {entry.path: files.read_bytes(files.join(source, entry.path)) for entry in files.walk(source)}
    target = Path(sweep.folder, BUNDLE)
    replace_folder(target, parts)
    return read_bundle(target)


def _read_test_score(sweep: Sweep, bundle: Bundle) -> TestScore | None:
    """The score of an earlier evaluation of the very same bundle."""
    uri = files.join(sweep.folder, SWEEP_REPORT_FILE)
    if not files.exists(uri):
        return None
    try:
        earlier: Winner | None = read_sweep_report(uri).winner
    except PupilaError:  # of another version: the page is written again
        return None
    return earlier.test if earlier is not None and earlier.bundle == bundle.hash else None


def _evaluate(sweep: Sweep, data: Dataset, bundle: Bundle) -> TestScore:
    output = evaluate(bundle, data, split=TEST, out=files.join(sweep.folder, TEST_FOLDER))
    model = output.evaluation.models[0]
    return TestScore(
        metrics=OUTCOME_SCORERS[sweep.info.task].report_metrics(model), images=model.n, groups=model.groups,
        accesses=output.evaluation.test_accesses, report=output.report,
    )  # fmt: skip
