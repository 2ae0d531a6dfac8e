"""`explain.json`: the heat maps of some images, on one scale, and what they were checked against."""

from typing import Literal, get_args

from pydantic import Field

from pupila.core.records import Record
from pupila.statistics.estimate import Difference, Estimate

EXPLAIN_SCHEMA: Literal[1] = 1
SanityVerdict = Literal["follows the model", "follows the image", "undecided"]
AgreementVerdict = Literal["same places", "different places", "undecided"]
ClickPlace = Literal["inside", "around", "elsewhere"]
CLICK_PLACES: tuple[ClickPlace, ...] = get_args(ClickPlace)
ClickVerdict = Literal["whole image", "ignored", "hardly", "in part", "depends"]


class MapFile(Record):
    """One heat map."""

    layer: str = Field(
        description="of the network, where the evidence was read; empty: of the model's output alone"
    )
    file: str = Field(
        description="grey PNG of 16 bits: 0 is minus the limit of the layer, 65,535 is the limit"
    )
    low: float = Field(description="least evidence of a cell, in the report's unit")
    high: float = Field(description="most evidence of a cell")
    total: float = Field(description="sum over the cells")


class MovedClick(Record):
    """Another click than the given one."""

    x: float = Field(description="pixels of the image as the model sees it, without padding")
    y: float
    place: ClickPlace = Field(
        description="inside the mask of the given click, around it, or elsewhere in the image"
    )
    iou: float = Field(description="of its mask with that of the given click")


class ImageClicks(Record):
    """How the mask of an image changes as the click moves."""

    share: float = Field(
        description="of the clicks inside the mask, whose mask has an IoU of at least 0.8 with that of the given click"
    )
    iou: dict[ClickPlace, float] = Field(description="mean over the clicks of each place that there are")
    step: float = Field(description="between two clicks, pixels")
    clicks: list[MovedClick]


class ExplainedImage(Record):
    """One image and why it was predicted as it was."""

    image: str = Field(description="path or name")
    prediction: str = Field(default="", description="in words")
    label: str = Field(default="", description="class that is explained; empty: nothing was predicted")
    maps: list[MapFile] = Field(default_factory=list)
    fault: str = Field(default="", description="why it has no map")
    clicks: ImageClicks | None = Field(default=None, description="of a prompt with one foreground point")


class Localisation(Record):
    """How the evidence lies on the known regions of the class."""

    layer: str = Field(description="of the network; empty: the model's output alone")
    images: int = Field(description="images with a region of the class")
    groups: int
    energy: Estimate = Field(description="share of the positive evidence inside the region, mean over images")
    area: float = Field(description="share of the area that the region has, mean over images")
    pointing: Estimate = Field(description="share of images whose strongest cell lies in the region")
    centre: Difference = Field(description="energy of the maps, and of a bump in the middle of each image")


class ClickStability(Record):
    """How the mask changes as the click moves: means over images."""

    images: int
    groups: int
    inside: int = Field(description="clicks inside the masks, of all images together")
    share: Estimate = Field(description="of the clicks inside the mask, with an IoU of at least 0.8")
    iou: dict[ClickPlace, Estimate] = Field(
        description="with the mask of the given click: of clicks inside it, around it, and elsewhere in the image"
    )
    verdict: ClickVerdict = Field(description="whether the mask depends on where the click lies")


class Faithfulness(Record):
    """What uncovering and covering an image in the order of its map does to the probability of the class."""

    images: int
    groups: int
    measure: Literal["probability", "overlap"] = Field(
        default="probability", description="of the class, or the soft IoU with the predicted mask"
    )
    insertion: Difference = Field(description="area under the curve, and its mean over random smooth maps")
    deletion: Difference = Field(
        description="the same where the strongest cells are hidden first: lower is better"
    )
    centre: Difference = Field(description="insertion of the maps, and of a bump in the middle of the image")


class Shortcut(Record):
    """A place that decides a class in nearly every image, and is no place of objects."""

    label: str
    place: str = Field(description="in words")
    box: tuple[float, float, float, float] = Field(
        description="left, top, right, bottom, as shares of the sides"
    )
    area: float = Field(description="share of the image")
    evidence: float = Field(description="share of the positive evidence of the maps, mean over images")
    taken: Estimate = Field(
        description="share of the model's evidence that hiding the place takes, mean over images"
    )
    elsewhere: Difference = Field(description="the same, and where the mirrored place is hidden instead")
    likeness: float = Field(description="mean correlation of the place between images")
    images: int
    groups: int


class SanityStep(Record):
    """One step of a cascade that draws the weights of the network again, from the head on."""

    part: str
    correlation: Estimate = Field(
        description="rank correlation with the map of the trained network, mean over images"
    )


class Sanity(Record):
    """Whether the maps follow the model, or only the image (Adebayo et al. 2018, arXiv:1810.03292)."""

    images: int
    groups: int
    steps: list[SanityStep]
    verdict: SanityVerdict


class Agreement(Record):
    """Whether the fold models of an ensemble find their evidence at the same places."""

    members: int
    images: int
    groups: int
    correlation: Estimate = Field(
        description="rank correlation between the maps of two members, mean over pairs and images; 0 is chance"
    )
    verdict: AgreementVerdict


class ExplainReport(Record):
    """`explain.json`."""

    schema_version: Literal[1] = Field(default=EXPLAIN_SCHEMA, alias="schema")
    model: str
    version: str = Field(description="hash of the bundle")
    task: str
    method: str
    split: str = Field(default="", description="of the data set; empty: images without one")
    unit: Literal["logit", "overlap"] = Field(
        default="logit",
        description="of the evidence: logit of the class, or soft IoU with the predicted mask",
    )
    prompt: str = Field(default="", description="of every image, as options; empty: none was taken")
    limits: dict[str, float] = Field(
        description="end of the colour scale of all maps of a layer, in the report's unit"
    )
    left_out: int = Field(default=0, description="further images that were not explained")
    skipped: str = Field(default="", description="sentences on the files of folders that are no images")
    images: list[ExplainedImage]
    localisation: list[Localisation] = Field(
        default_factory=list, description="of each layer, where regions are known"
    )
    faithfulness: Faithfulness | None = None
    sanity: Sanity | None = None
    agreement: Agreement | None = Field(default=None, description="null: not checked, or no ensemble")
    shortcuts: list[Shortcut] = Field(default_factory=list)
    searched: list[str] | None = Field(
        default=None, description="classes with enough images to look for shortcuts; null: not checked"
    )
    grid: tuple[int, int] | None = Field(
        default=None, description="rows and columns of the coarsest map; null: no map has cells of a network"
    )
    clicks: ClickStability | None = Field(
        default=None, description="null: the prompt has not one foreground point"
    )
