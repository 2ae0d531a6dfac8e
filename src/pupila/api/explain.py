"""Explain predictions with heat maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from pupila.api.data import open_labelled, parse_split, require_split
from pupila.api.inputs import Data, Images, ModelInput, Path, path_text
from pupila.api.load import list_sources
from pupila.api.options import ExplainOptions
from pupila.api.predict import check_prompt_given
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say
from pupila.core.vocabulary import TEST

if TYPE_CHECKING:
    from pupila.artifacts.report.explanation import ExplainReport
    from pupila.artifacts.run.source import PredictingSource
    from pupila.imaging.images.decode import Array
    from pupila.stages.explain.explanation import Explanation, ImagesToExplain
    from pupila.tasks.prompt import Prompt

Item = TypeVar("Item")
_ON_CARD = 8  # maps


@dataclass(frozen=True, slots=True, repr=False)
class ExplainedPrediction(Displayed):
    """The heat maps of one image; `maps` has the evidence as arrays."""

    explanation: "Explanation"
    limits: dict[str, float]  # end of the colour scale of each layer, the same for all images

    @property
    def image(self) -> str:
        """Path or name."""
        return self.explanation.image

    @property
    def label(self) -> str:
        """The class that is explained; empty where nothing was predicted."""
        return self.explanation.label

    @property
    def maps(self) -> "dict[str, Array]":
        """(h, w) float32 evidence of each cell by layer, in units of the logit; of tiles (K, h, w)."""
        return {
            each.layer: each.cells[0] if len(each.cells) == 1 else each.cells
            for each in self.explanation.maps
        }

    def plot(self, side: int = 360) -> Any:
        """The image as the model sees it, and each map over it: a Pillow image, which a notebook shows.

        Args:
            side: of the longer side, pixels.

        Raises:
            PupilaError: the image could not be read.
        """
        from pupila.imaging.images.memory import contact_sheet

        view = self.explanation.view
        if view is None:
            raise PupilaError(
                say("{image} has no prediction", image=self.image), actual=str(self.explanation.fault)
            )
        shown = self.explanation.draw_over(view)
        drawn = [
            (self.explanation.draw(each, self.limits[each.layer]), self.label)
            for each in self.explanation.maps
        ]
        return contact_sheet([(shown, str(self.explanation.prediction)), *drawn], 1 + len(drawn), side)

    def summary(self) -> Summary:
        """The image, and the class that is explained."""
        return Summary(
            "ExplainedPrediction", f"{self.image}: {self.label}", pictures=tuple(_thumbnails([self]))
        )


class Explanations(Displayed, Sequence[ExplainedPrediction]):
    """The heat maps of some images, on one scale."""

    __slots__ = ("_items", "folder", "report")

    def __init__(self, items: Sequence[ExplainedPrediction], report: "ExplainReport", folder: str) -> None:
        self._items = tuple(items)
        self.report = report  # what explain.json holds
        self.folder = folder  # of explain.html; empty: nothing was written

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> ExplainedPrediction: ...
    @overload
    def __getitem__(self, at: slice) -> "Explanations": ...
    def __getitem__(self, at: int | slice) -> "ExplainedPrediction | Explanations":
        return (
            Explanations(self._items[at], self.report, self.folder)
            if isinstance(at, slice)
            else self._items[at]
        )

    def __iter__(self) -> Iterator[ExplainedPrediction]:
        return iter(self._items)

    def summary(self) -> Summary:
        """The verdict; on a card with the first maps."""
        from pupila.stages.explain.sentences import sentences

        verdict, *others = sentences(self.report)
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        if self.folder:
            facts[say("Report")] = files.join(self.folder, "explain.html")
        return Summary("Explanations", verdict, facts, tuple(_thumbnails(self._items[:_ON_CARD])))


def _thumbnails(items: Sequence[ExplainedPrediction]) -> Iterator[tuple[str, str]]:
    from pupila.imaging.images.encode import to_data_uri

    for each in items:
        for heat_map in each.explanation.maps:
            drawn = each.explanation.draw(heat_map, each.limits[heat_map.layer])
            yield to_data_uri(drawn), f"{each.image}: {each.label}"


@public
def explain(
    model: ModelInput,
    images: Images | Data,
    *,
    split: str | None = None,
    regions: Data | None = None,
    prompt: "Prompt | None" = None,
    out: Path | None = None,
    **settings: Unpack[ExplainOptions],
) -> Explanations:
    """Show where in images a model found evidence for what it predicts.

    Args:
        model: a bundle or a run, its folder, or what `pupila.load` gives.
        images: what `pupila.predict` takes; with `split` a data set as `pupila.open` takes it.
        split: of a data set: train, validation or test, which is sealed: the access is recorded.
        regions: a data set with masks of the same images: how much of the evidence lies in the regions of the class, or
            of all classes where none has its name. Data with masks have their own.
        prompt: of a promptable model, in pixels of the upright image; the same for every image.
        out: folder of `explain.html`, `explain.json` and the maps; None: nothing is written.
        settings: the method, the class to explain, how many images, and whether the maps are checked.

    Returns:
        The maps, on one scale.

    Raises:
        PupilaError: no bundle, a path that names nothing, an unknown class, or a method that the model does not take.
    """
    from pupila.artifacts.report.page import render
    from pupila.artifacts.run.source import parse_predicting
    from pupila.stages.explain.page import explanation_page
    from pupila.stages.explain.regions import match_regions
    from pupila.stages.explain.run import explain_images, write_explanations
    from pupila.stages.explain.settings import ExplainSettings

    parsed = ExplainSettings.parse(dict(settings), "explain")
    source = parse_predicting(model)
    spec = source.bundle.info.preprocessing
    check_prompt_given(source, prompt)
    _check_data_options(source, split, regions)
    if split is None:
        chosen = _choose_images(images, parsed.most)  # type: ignore[arg-type]
    else:
        chosen = _choose_rows(source, images, parse_split(split), parsed.most)  # type: ignore[arg-type]
    if regions is not None:
        chosen = replace(chosen, region=match_regions(open_labelled(regions, {}), chosen.sources, spec))
    chosen = replace(chosen, prompt=prompt or chosen.prompt)
    folder = "" if out is None else path_text(out)
    result = explain_images(source.bundle, source.name, chosen, parsed)
    if folder:
        write_explanations(result, render(explanation_page(result.report, result.explanations)), folder)
    items = [ExplainedPrediction(each, result.report.limits) for each in result.explanations]
    return Explanations(items, result.report, folder)


def _check_data_options(source: "PredictingSource", split: str | None, regions: Data | None) -> None:
    """Refuse a data set with a promptable model: its prompts would be needed."""
    given = {"--split": split, "--regions": regions}
    names = ", ".join(name for name, value in given.items() if value is not None)
    if names and source.task.takes_prompts:
        raise PupilaError(
            say("{names} can't be used with a promptable model", names=names), actual=source.path,
            expected=say("images, and a prompt for them"), remedy="pupila explain BUNDLE IMAGE --point X,Y",
        )  # fmt: skip


def default_folder(model: ModelInput) -> str:
    """Where the command line writes explanations: beside the bundle."""
    from pupila.artifacts.dataset.home import find_home
    from pupila.artifacts.run.source import parse_predicting

    return files.join(find_home(parse_predicting(model).results_folder), "explanations")


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many items, evenly from first to last."""
    count = min(most, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _choose_images(images: Images, most: int) -> "ImagesToExplain":
    import numpy as np

    from pupila.stages.explain.explanation import ImagesToExplain

    sources, skipped = list_sources(images)
    chosen = _spread(sources, most)
    return ImagesToExplain(
        chosen, np.arange(len(chosen)), left_out=len(sources) - len(chosen), skipped=skipped
    )


def _choose_rows(source: "PredictingSource", data: Data, split: str, most: int) -> "ImagesToExplain":
    """Images of a split, evenly over its targets; an access to the test split is recorded."""
    import numpy as np

    from pupila.artifacts.dataset.test_access import record_test_access
    from pupila.stages.explain.explanation import ImagesToExplain
    from pupila.stages.explain.regions import read_regions

    opened = open_labelled(data, {})
    splits = require_split(opened)
    targets = opened.images["target"].to_list()
    rows = [row for row, each in enumerate(splits.images) if each.split == split and targets[row] is not None]
    if not rows:
        raise PupilaError(
            say("No labelled image in the {split} split", split=split), actual="splits.json",
            expected=say("labelled images to explain"), remedy="--split train",
        )  # fmt: skip
    if split == TEST:
        record_test_access(opened.home, [source.bundle.hash], f"pupila explain {source.path}")
    if opened.target != "mask":
        rows.sort(key=lambda row: str(targets[row]))
    chosen = _spread(rows, most)
    images = ImagesToExplain(
        [opened.path(row) for row in chosen], np.array([splits.images[row].component for row in chosen]), split,
        len(rows) - len(chosen),
    )  # fmt: skip
    if opened.target != "mask":
        return images
    return replace(images, region=read_regions(opened, chosen, source.bundle.info.preprocessing))
