"""`learning-curve.json`: trainings by size, the power law through them, and its chart."""

from typing import Literal

from markupsafe import Markup
from pydantic import Field, NonNegativeInt

from pupila.artifacts.report.figure import COLOURS, draw_figure
from pupila.core.messages import integer, say
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate

CURVE_FILE, CURVE_PAGE = "learning-curve.json", "learning-curve.html"


class CurvePoint(Record):
    """One training."""

    share: float = Field(description="requested share of the training split")
    repeat: NonNegativeInt = Field(description="number of the draw")
    images: NonNegativeInt = Field(description="training images with a label")
    score: float = Field(description="metric on validation")
    cell: str = Field(description="id of the cell")
    collapsed: bool = Field(default=False, description="whether all images get the same prediction")


class SizeSummary(Record):
    """The trainings of one size."""

    images: NonNegativeInt = Field(description="training images with a label")
    trainings: NonNegativeInt = Field(description="number of trainings")
    score: Estimate = Field(description="their mean on validation, with the interval over draws and seeds")


class LearningCurve(Record):
    """The learning curve of a sweep; error = a + b (n / full)^-c, where full is the largest size."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file")
    metric: str = Field(description="id of the metric on validation; the error is 1 minus it")
    points: list[CurvePoint] = Field(description="the trainings, the smallest first")
    failed: NonNegativeInt = Field(default=0, description="trainings that ended without a score")
    waiting: NonNegativeInt = Field(default=0, description="trainings that have not ended")
    validation_images: NonNegativeInt = Field(default=0, description="images of validation")
    validation_groups: NonNegativeInt = Field(default=0, description="groups of related images among them")
    data_hash: str = Field(description="hash of the data set")
    splits_hash: str = Field(description="hash of splits.json")
    a: float | None = Field(default=None, description="error that no number of images removes; null: no fit")
    b: float | None = Field(default=None, description="error above it with all images; null: no fit")
    c: float | None = Field(default=None, description="exponent; null: no fit")
    sizes: list[SizeSummary] = Field(default_factory=list, description="by size; empty: no fit")
    now: Estimate | None = Field(default=None, description="the curve's score with all images; null: no fit")
    twice: Estimate | None = Field(default=None, description="with twice the images; null: no fit")
    curve: list[tuple[float, float, float, float]] = Field(
        default_factory=list, description="images, score, and the ends of its interval; empty: no fit"
    )
    widest: float = Field(default=0.1, description="width of the interval up to which an answer is given")

    @property
    def is_predictable(self) -> bool:
        """Whether the interval of twice the images is narrow enough for an answer."""
        if self.twice is None or self.twice.low is None or self.twice.high is None:
            return False
        return self.twice.high - self.twice.low <= self.widest

    @property
    def full(self) -> int:
        """The largest number of training images."""
        return max((point.images for point in self.points), default=0)


def draw_learning_curve(curve: LearningCurve, title: str) -> Markup:
    """Trainings, the mean of each size with its interval, the curve with its band, and twice the images.

    Args:
        curve: fitted.
        title: of the metric.
    """
    assert curve.twice is not None
    sizes, values, lows, highs = (list(column) for column in zip(*curve.curve, strict=True))
    with draw_figure(say("{metric} by number of training images", metric=title), 7.2, 4.2) as (axes, out):
        axes.fill_between(sizes, lows, highs, color=COLOURS[0], alpha=0.15, linewidth=0)
        inside = [place for place, size in enumerate(sizes) if size <= curve.full * 1.0001]
        beyond = range(inside[-1], len(sizes))
        axes.plot([sizes[p] for p in inside], [values[p] for p in inside], color=COLOURS[0], linewidth=1.8,
                  label=say("fitted"))  # fmt: skip
        axes.plot([sizes[p] for p in beyond], [values[p] for p in beyond], color=COLOURS[0], linewidth=1.8,
                  linestyle="--", label=say("extrapolated"))  # fmt: skip
        axes.axvspan(curve.full, sizes[-1], color=COLOURS[8], alpha=0.07, linewidth=0)
        axes.plot([p.images for p in curve.points], [p.score for p in curve.points], ".", color=COLOURS[8], alpha=0.7,
                  label=say("one training"))  # fmt: skip
        for size in curve.sizes:
            axes.plot([size.images] * 2, [size.score.low, size.score.high], color=COLOURS[1], linewidth=2)
            axes.plot([size.images], [size.score.value], "o", color=COLOURS[1], markersize=5)
        axes.plot([sizes[-1]] * 2, [curve.twice.low, curve.twice.high], color=COLOURS[3], linewidth=2)
        axes.plot([sizes[-1]], [curve.twice.value], "D", color=COLOURS[3], label=say("twice the images"))
        axes.annotate(f"{curve.twice.value_text(2)} ", (sizes[-1], curve.twice.value), (-8, 6),
                      textcoords="offset points", ha="right", fontsize=9)  # fmt: skip
        axes.set_xscale("log")
        ticks = sorted({size.images for size in curve.sizes} | {2 * curve.full})
        axes.set_xticks(ticks, [integer(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(say("Training images"))
        axes.set_ylabel(title)
        axes.legend(frameon=False, fontsize=8, loc="best")
    return out[0]
