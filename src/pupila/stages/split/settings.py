"""What a user may wish of a split."""

from typing import Self

from pydantic import Field, NonNegativeInt, model_validator

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings


class SplitSettings(Settings):
    """The wish."""

    by: str | None = Field(
        default=None,
        description="a column, or a regular expression searched in the file name (in the path "
        "where it has a slash), that names the group "
        "(one capture group, or (?P<group>...)) or the split that the data came with ((?P<split>...))",
    )
    val: float | None = Field(
        default=None, ge=0, le=0.5, description="share of the images for validation; null: 0.15, or folds"
    )
    test: float = Field(
        default=0.15, ge=0, le=0.5, description="share of the images for the sealed test split"
    )
    seed: NonNegativeInt = Field(default=23, description="decides every draw")
    folds: int | None = Field(
        default=None, ge=2, le=50, description="folds for cross-validation instead of one validation split"
    )
    ignore_given: bool = Field(default=False, description="draw anew although the data came with a split")

    @model_validator(mode="after")
    def _shares_leave_something(self) -> Self:
        if self.folds is not None and self.val is not None:
            raise PupilaError(
                say("--val and --folds exclude each other"),
                found=f"val={self.val}, folds={self.folds}",
                wanted=say("one of them: each fold is the validation split once"),
            )
        if self.validation_share + self.test > 0.9:
            raise PupilaError(
                say("Nothing is left to train on"),
                found=f"val={self.validation_share}, test={self.test}",
                wanted=say("at least a tenth for train"),
            )
        return self

    @property
    def validation_share(self) -> float:
        """The share that is cut for validation."""
        if self.folds is not None:
            return 0.0
        return 0.15 if self.val is None else self.val
