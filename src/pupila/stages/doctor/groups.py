"""Groups that nobody named: file names that tell which images belong together."""

from pupila.artifacts.dataset.manifest import Dataset, has_groups
from pupila.artifacts.dataset.splits import SplitFile, find_matching_split, say_no_groups
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.stages.doctor.faults import fault


def unnamed_groups(data: Dataset, written: SplitFile | None) -> list[Fault]:
    """Groups that are likely in the names of the images, unless the data or the written split name some.

    Args:
        data: the data set.
        written: the split that is used; None where there is none.
    """
    if (written is not None and written.settings.by) or (proposal := data.group_proposal) is None:
        return []
    return fault("unnamed-groups", [
        say("{option}: {groups} of {images}", option=proposal.option,
            groups=say_count("{n} group", "{n} groups", len(proposal.sizes)), images=proposal.spread)
    ])  # fmt: skip


def describe(data: Dataset) -> str:
    """That no groups are known; empty where the data or the written split name some, or the file names tell of them."""
    written = read_split(data)
    named = has_groups(data) or (written is not None and written.settings.by)
    if named or data.group_proposal is not None:
        return ""
    return say_no_groups()


def read_split(data: Dataset) -> SplitFile | None:
    """The split that is used; None where there is none, or what lies there can't be read."""
    try:
        return find_matching_split(data, data.home)
    except PupilaError:  # evaluate and train refuse it and say why
        return None
