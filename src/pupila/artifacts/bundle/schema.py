"""The content of `bundle.json`: everything that inference needs, and the validation results."""

from typing import Any, Literal

from pydantic import Field

from pupila.core.records import Record
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.task import PostProcessing

BUNDLE_SCHEMA: Literal[2] = 2  # of bundle.json; 1 had `preparation` and `decision`, and learned.txt beside it


class Parity(Record):
    """The difference between the trained and the exported model, from bytes to logits."""

    images: int
    largest_difference: float  # of a logit, over the largest absolute logit
    label_agreement: float  # share of images with the same prediction
    tolerance: float


class BundleInfo(Record):
    """`bundle.json`."""

    schema_version: Literal[2] = Field(default=BUNDLE_SCHEMA, alias="schema")
    made_by: str
    created: str  # ISO 8601
    task: str
    classes: list[str]  # in the order of the logits
    preprocessing: Preprocessing
    temperature: float = 1.0  # logits are divided by it before the softmax
    post_processing: PostProcessing = PostProcessing()
    prompts: Literal["", "sam", "sam2"] = ""  # encoding of prompts for the decoder; empty: no prompts
    model: dict[str, Any]  # name, source, parameters
    validation: dict[str, Any]  # n, groups, metrics with intervals; empty where nothing was validated
    parity: Parity | None = None
    data_hash: str = ""
    splits_hash: str = ""
    leaking: bool = False  # whether it was trained on a split that leaks
    golden: dict[str, list[float]] = Field(
        default_factory=dict
    )  # golden image -> expected digest of the logits
    golden_tolerance: float = 1e-3  # of a logit, over the largest absolute logit
    files: dict[str, str] = Field(default_factory=dict)  # path -> SHA-256
