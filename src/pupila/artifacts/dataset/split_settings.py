"""The settings of a split."""

from typing import Self

from pydantic import Field, NonNegativeInt, model_validator

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings


class SplitSettings(Settings):
    """Shares, groups and folds of a split."""

    by: str | None = Field(
        default=None,
        description="a column, or a regular expression searched in the file name (in the path if it contains a "
        "slash), that names the group (one capture group, or (?P<group>...); a running number: (?P<number>...) with "
        "(?P<cycle>...)) or the given split ((?P<split>...)); auto: the groups that are likely in the file names",
    )
    val: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="share of the images for validation; null: 0.15, or none with folds",
    )
    test: float = Field(
        default=0.15, ge=0, le=0.5, description="share of the images for the sealed test split"
    )
    seed: NonNegativeInt = Field(default=23, description="random seed")
    folds: int | None = Field(
        default=None,
        ge=2,
        le=50,
        description="number of cross-validation folds, instead of one validation split",
    )
    ignore_given: bool = Field(default=False, description="draw a new split even if the data came with one")

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.folds is not None and self.val is not None:
            raise PupilaError(
                say("--val and --folds are mutually exclusive"),
                actual=f"--val {self.val} --folds {self.folds}",
                expected=say("only one of them: each fold is the validation split once"),
            )
        if self.validation_share + self.test > 0.9:
            raise PupilaError(
                say("No images left for training"),
                actual=f"--val {self.validation_share} --test {self.test}",
                expected=say("at least a tenth of the images for train"),
            )
        return self

    @property
    def validation_share(self) -> float:
        """The share that is drawn for validation."""
        if self.folds is not None:
            return 0.0
        return 0.15 if self.val is None else self.val
