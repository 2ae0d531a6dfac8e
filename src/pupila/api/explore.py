"""Explore a data set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with, results_folder
from pupila.api.inputs import Data, ModelInput, Path
from pupila.api.options import ReadOptions
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.vocabulary import EXPLORE_FILE, FINGERPRINT_FILE

if TYPE_CHECKING:
    from pupila.artifacts.report.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True, repr=False)
class ExploreResult(Displayed):
    """The results of exploring, and where they are."""

    fingerprint: "Fingerprint"
    fingerprint_file: str
    page: str  # path of explore.html

    def sentences(self) -> list[str]:
        """What the data look like, and what follows for training."""
        from pupila.stages.explore.sentences import sentences

        return sentences(self.fingerprint)

    def summary(self) -> Summary:
        """Where the page is; on a card with the sentences."""
        lines = {f"{number}.": line for number, line in enumerate(self.sentences(), start=1)}
        return Summary("ExploreResult", self.page, lines)


@public
def explore(
    data: Data, *, out: Path | None = None, bundle: ModelInput | None = None, **read: Unpack[ReadOptions]
) -> ExploreResult:
    """Write `fingerprint.json` and `explore.html`: the doctor's findings and the splits are part of them.

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        bundle: a bundle or a run, or its folder, whose embeddings place the images on the map; None: their colours do.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: no such bundle, or a promptable one.
    """
    from pupila.artifacts.dataset.splits import find_matching_split
    from pupila.artifacts.report.page import render
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.doctor.examine import examine
    from pupila.stages.doctor.faults import title
    from pupila.stages.explore.colour import measure_colours
    from pupila.stages.explore.fingerprint import build_fingerprint
    from pupila.stages.explore.neighbours import build_map
    from pupila.stages.explore.page import build_page

    opened = open_with(data, read)
    home = results_folder(opened, out)
    colours = measure_colours(opened)
    around = build_map(opened, colours, None if bundle is None else parse_predicting(bundle).bundle)
    faults = examine(opened)
    splits = find_matching_split(opened, home)
    content = build_fingerprint(opened, faults, colours, around, splits)
    split_names = [a.split for a in splits.images] if splits else None
    page = build_page(
        opened, content, {fault.code: title(fault.code) for fault in faults}, around, split_names
    )
    fingerprint_file, page_file = files.join(home, FINGERPRINT_FILE), files.join(home, EXPLORE_FILE)
    files.write_json(fingerprint_file, content.model_dump(by_alias=True))
    files.write_bytes(page_file, render(page).encode())
    opened.save(home)
    return ExploreResult(content, fingerprint_file, page_file)
