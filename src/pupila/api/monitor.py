"""Monitor the predictions of a service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from pupila.api.inputs import ModelInput, Path, path_text
from pupila.api.options import MonitorOptions
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.artifacts.report.drift import Alarm, DriftReport


@dataclass(frozen=True, slots=True, repr=False)
class MonitorResult(Displayed):
    """What came of monitoring a log."""

    report: "DriftReport"  # what drift.json holds
    page: str  # path of drift.html; empty: nothing was written

    @property
    def alarm(self) -> "Alarm | None":
        """Since when the images have changed; None: there was no alarm."""
        return self.report.alarm

    def sentences(self) -> list[str]:
        """The verdict, what changed and what was left out."""
        from pupila.stages.monitor.sentences import sentences

        return sentences(self.report)

    def summary(self) -> Summary:
        """The verdict; on a card with all sentences."""
        verdict, *others = self.sentences()
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        if self.page:
            facts[say("Report")] = self.page
        return Summary("MonitorResult", verdict, facts)


@public
def monitor(
    log: Path, bundle: ModelInput, *, out: Path | None = None, **settings: Unpack[MonitorOptions]
) -> MonitorResult:
    """Whether the images that a service predicted still look like the reference of its bundle.

    Args:
        log: folder that `pupila serve --log-predictions` wrote, or its `predictions.jsonl`.
        bundle: that predicted, or its run; predictions of other bundles in the log are left out, and counted.
        out: folder of `drift.html` and `drift.json`; None: nothing is written.
        settings: how rare false alarms are.

    Raises:
        PupilaError: no log, no prediction of the bundle in it, or a bundle without a reference.
    """
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.monitor.run import monitor_log, write_drift
    from pupila.stages.monitor.settings import MonitorSettings

    parsed = MonitorSettings.parse(dict(settings), "monitor")
    path = path_text(log)
    report = monitor_log(path, parse_predicting(bundle), parsed)
    return MonitorResult(report, "" if out is None else write_drift(report, path, path_text(out)))


def default_folder(bundle: ModelInput) -> str:
    """Where the command line writes the report: beside the bundle."""
    from pupila.artifacts.dataset.home import find_home
    from pupila.artifacts.run.source import parse_predicting

    return files.join(find_home(parse_predicting(bundle).results_folder), "drift")
