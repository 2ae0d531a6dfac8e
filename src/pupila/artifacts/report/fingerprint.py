"""`fingerprint.json`: a data set in numbers, the source of every sentence and chart of the explore page."""

from typing import Annotated, Literal

from pydantic import Field

from pupila.artifacts.dataset.splits import Deviation, MissingClass, SplitBalance
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.tasks.task import Target

FINGERPRINT_SCHEMA: Literal[3] = 3  # of fingerprint.json; 2 had intervals and area shares under other keys


class Quantiles(Record):
    """The range of a number."""

    min: float
    median: float
    max: float


class SizeCount(Record):
    """Images of one size."""

    width: int  # pixels
    height: int
    images: int


class Histogram(Record):
    """Images by a number."""

    edges: list[float]  # of K bins, K + 1
    counts: list[int]
    mean: float
    std: float


class ClassFacts(Record):
    """One class."""

    images: int  # that have it, or in which it occurs
    share: float  # of all labels, of the labelled area, or of the images where it is known
    groups: int


class Fault(Record):
    """One fault of a data set, as the doctor found it."""

    code: str
    severity: str  # "error" would spoil training; "warning"; "info"
    count: int  # occurrences
    examples: list[str]  # the first few
    fix: str  # what to do, one line


class DuplicateCounts(Record):
    """Pairs of copies of one photograph by their similarity, and the sequences of alike images that are none."""

    exact: int
    near: int
    mirrored: int
    sequences: int = 0
    sequence_images: int = 0


class SplitFacts(Record):
    """The split that the data have."""

    hash: str
    by: str | None
    origin: str  # how it was made, in words
    verdict: str
    leaks: int
    table: dict[str, SplitBalance]
    shares: dict[str, dict[str, float]]  # split with labels -> class -> its share, as in `ClassFacts`
    largest_deviation: Deviation
    folds: dict[str, int]  # fold -> images
    missing_classes: list[MissingClass] = Field(default_factory=list)  # from a split or a fold


class ColourMeans(Record):
    """Means over images, 0..255."""

    brightness: float
    saturation: float
    red: float
    green: float
    blue: float


class ClassColours(ColourMeans):
    """The colours of one class."""

    brightness_counts: list[int]  # images by mean brightness, 16 bins
    saturation_counts: list[int]


class Channels(Record):
    """Pixels at each level of a channel."""

    red: list[int]
    green: list[int]
    blue: list[int]


class ExplainedVariance(Record):
    """The share of the variance between images that the class explains; None where there are too few groups."""

    brightness: float | None
    saturation: float | None


class ColourFacts(Record):
    """Colours of all images and of each class."""

    edges: list[int]  # of the levels of the channels
    channels: Channels
    mean: ColourMeans
    classes: dict[str, ClassColours]
    explained_variance: ExplainedVariance
    saturation: list[int]  # images by mean saturation, 16 bins
    grey: int  # images without colour
    dark: int  # almost black
    bright: int  # almost white


class ClassAgreement(Record):
    """How often the nearest neighbour of an image of one class has the same class."""

    images: int
    agreement: float


class MapFacts(Record):
    """How often the nearest neighbour on the map has the same class."""

    images: int
    groups: int
    agreement: Estimate
    chance: float
    classes: dict[str, ClassAgreement]
    outliers: int  # images among other classes

    @property
    def above_chance(self) -> bool:
        """Whether neighbours share their class more often than by chance."""
        return self.agreement.low is not None and self.agreement.low > self.chance


class LabelSources(Record):
    """Images by the source of their current label."""

    annotator: int
    machine: int
    given: int
    abstained: int
    unlabelled: int


class LabellerFacts(Record):
    """The labels of one labeller."""

    annotator: bool
    annotations: int
    images: int
    current: int  # labels in force
    abstained: int
    confidence: list[int] | None  # labels by confidence, 20 bins of 0..1
    mean_confidence: float | None
    cost: float | None  # US dollars
    seconds: float | None


class LabellerPair(Record):
    """Two labellers of the same images."""

    first: str
    second: str
    images: int  # labelled by both
    agree: int


class AuditFacts(Record):
    """The accuracy of the machine labels from an audit."""

    accuracy: Estimate
    reviewed: int
    labels: int
    more_to_halve: int | None  # further labels to review for half the interval
    outdated: bool  # machine labels were added since


class LabelFacts(Record):
    """The label history."""

    sources: LabelSources
    annotations: int
    cost: float | None  # US dollars
    labellers: dict[str, LabellerFacts]
    more_labellers: int  # not listed
    pairs: list[LabellerPair]
    audit: AuditFacts | None


class NumericClass(Record):
    """A numeric column in one class."""

    images: int
    counts: list[int]
    median: float | None


class NumericColumn(Record):
    """A column of numbers, such as prices."""

    type: Literal["numeric"] = "numeric"
    missing: int
    edges: list[float]
    quantiles: list[float]  # 0, 0.25, 0.5, 0.75 and 1
    classes: dict[str, NumericClass]  # "" for all images, where there are no classes
    explained_variance: float | None


class CategoricalColumn(Record):
    """A column of categories, such as brands."""

    type: Literal["categorical"] = "categorical"
    missing: int
    values: dict[str, dict[str, int]]  # value -> class -> images; "" for images without a class
    distinct: int


class LabelCounts(Record):
    """One class of several on an image."""

    present: int  # images
    absent: int
    unknown: int  # images that have other labels


class ExplainedByLabel(Record):
    """A number that depends on whether an image shows a class."""

    measure: str  # "brightness", "saturation", or a column of the user's
    class_name: str = Field(alias="class")
    share: float  # of the variance between images
    present: float  # mean where the class is present
    absent: float


class SeveralLabels(Record):
    """Several labels per image; the classes are in the order of `classes`."""

    classes: dict[str, LabelCounts]
    labels_per_image: list[int]  # images that show 0, 1, 2, ... classes, of those with a label
    together: list[list[int]]  # images that show the class of the row and that of the column
    known: list[list[int]]  # images that show the class of the row, and where that of the column is known
    phi: list[list[float | None]]  # correlation of two classes, -1..1; None where either is constant
    explained: list[ExplainedByLabel]  # the class that explains most of each number, where it explains much

    def conditional(self, row: int, column: int) -> float | None:
        """The share of the images of one class that show the other; None where that is never known."""
        return self.together[row][column] / n if (n := self.known[row][column]) else None


Column = Annotated[NumericColumn | CategoricalColumn, Field(discriminator="type")]


class Fingerprint(Record):
    """`fingerprint.json`."""

    schema_version: Literal[3] = Field(default=FINGERPRINT_SCHEMA, alias="schema")
    data_hash: str
    layout: str
    task: str | None
    target: Target | None  # what is true of one image; None: no labels
    images: int
    skipped: int  # files that can't be used
    groups: int  # of related images
    grouped: bool  # whether the data name groups
    classes: dict[str, ClassFacts]  # the largest share first
    unlabelled: int
    width: Quantiles  # pixels
    height: Quantiles
    aspect: Quantiles  # width / height
    sizes: list[SizeCount]  # the 200 most frequent, the most frequent first
    modes: dict[str, int]
    formats: dict[str, int]
    brightness: Histogram
    aspect_histogram: Histogram  # of log2 of width / height
    duplicates: DuplicateCounts
    faults: list[Fault]
    splits: SplitFacts | None
    given_splits: dict[str, int] = Field(default_factory=dict)  # images of each split that came with the data
    colour: ColourFacts
    map: MapFacts | None
    bundle: str  # hash of the bundle whose embeddings make the map; "": colours do
    labels: LabelFacts | None
    columns: dict[str, Column]  # the user's own
    several_labels: SeveralLabels | None = None  # None: at most one class on an image
