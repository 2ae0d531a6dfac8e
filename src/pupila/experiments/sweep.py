"""Sweep: many trainings over the settings that vary, one table, and the winner."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.inputs import Data, Path, path_text
from pupila.core.extras import public
from pupila.experiments.options import SweepOptions

if TYPE_CHECKING:
    from pupila.artifacts.run.log import LogCallback, LogLine
    from pupila.experiments.preview import SweepPreview
    from pupila.experiments.result import SweepResult


@public
def sweep(
    data: Data,
    *,
    out: Path | None = None,
    resume: bool = False,
    test: bool = False,
    tell: "LogCallback | None" = None,
    **settings: Unpack[SweepOptions],
) -> "SweepResult":
    """Train a model for every combination of settings, and write the folder of the sweep with its table.

    Args:
        data: whatever `pupila.open` takes.
        out: folder of the sweep; by default `sweeps/<data>` in the working directory.
        resume: resume the sweep in `out`.
        test: evaluate the winner, once all cells have ended, on the sealed test split.
        tell: called with each sentence; None: they are printed.
        settings: what varies, such as `grid={"model": ["resnet18", "resnet50"]}`, and how the sweep is run; settings of
            train, which all cells share; and how the images are read.

    Raises:
        PupilaError: unknown settings or values; no combination can be trained; another sweep is in the folder.
    """
    from pupila.artifacts.run.log import Note
    from pupila.core.errors import PupilaError
    from pupila.experiments.conclude import conclude_sweep
    from pupila.experiments.definition import RunOptions, open_sweep, parse_definition
    from pupila.experiments.learning_curve.write import write_curve
    from pupila.experiments.runner import Runner, describe_interruption
    from pupila.experiments.stored import complete_settings
    from pupila.experiments.strategy import Strategy

    report = tell or _print_line
    folder = path_text(out) if out is not None else None
    definition, own = parse_definition(complete_settings(settings, folder, resume))
    options = RunOptions.parse(own)
    opened = open_sweep(data, definition, folder, resume, options, report)
    runner = Runner(opened, options, report)
    strategy = Strategy(
        definition.space, own, opened.folder, runner.run_cells, opened.planner.phases, report, runner.expect
    )
    data_set, splits = opened.inputs.data, opened.inputs.splits
    try:
        strategy.train()
        runner.close()
    except KeyboardInterrupt:
        report(Note(describe_interruption(opened.read())))
        conclude_sweep(opened.read(), data_set, splits, report, export=False)
        raise
    except PupilaError:
        if not resume:
            opened.discard_empty()
        raise
    if own.learning_curve:
        write_curve(opened.folder, data_set, splits, report)
    return conclude_sweep(opened.read(), data_set, splits, report, test)


@public
def preview(data: Data, **settings: Unpack[SweepOptions]) -> "SweepPreview":
    """The cells of a sweep, what can't be trained, and about how long it takes; nothing is trained or written.

    Args:
        data: whatever `pupila.open` takes.
        settings: as for `sweep`.

    Raises:
        PupilaError: as `sweep`.
    """
    from pupila.experiments.definition import parse_definition
    from pupila.experiments.preview import preview_sweep

    return preview_sweep(data, *parse_definition(settings))


def _print_line(line: "LogLine") -> None:
    from pupila.core.messages import escape_controls

    print(escape_controls(str(line)), flush=True)
