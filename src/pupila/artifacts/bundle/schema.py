"""The content of `bundle.json`: everything that inference and rebuilding need, and the validation results."""

from typing import Literal

from pydantic import Field

from pupila.artifacts.bundle.architecture import Architecture, Compression, Head, Member, Precision, Weights
from pupila.artifacts.bundle.runtime import Runtime
from pupila.artifacts.bundle.validation import DriftReference, Parity, ValidationSummary
from pupila.core.records import Record
from pupila.imaging.images.flips import TestTimeFlips
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.task import PostProcessing

BUNDLE_SCHEMA: Literal[3] = 3  # of bundle.json; 2 had `model` and `prompts`, and no hash of its own


class BundleInfo(Record):
    """`bundle.json`."""

    schema_version: Literal[3] = Field(default=BUNDLE_SCHEMA, alias="schema")
    hash: str = ""  # SHA-256 of this file with this field empty; all other files' hashes are in it
    made_by: str
    created: str  # ISO 8601
    parent: str | None = None  # hash of the bundle that it was made from
    # What a prediction needs.
    task: str
    classes: list[str] = Field(min_length=1)  # in the order of the logits
    preprocessing: Preprocessing
    temperature: float = Field(
        default=1.0, gt=0, allow_inf_nan=False
    )  # logits are divided by it before the softmax or the sigmoid
    post_processing: PostProcessing = PostProcessing()
    prompt_format: Literal["", "sam", "sam2"] = ""  # encoding of prompts for the decoder; empty: no prompts
    # What the network is.
    architecture: Architecture
    head: Head | None = None  # None: the architecture has its own
    weights: Weights
    parameters: int
    precision: Precision = Precision()
    compression: Compression | None = None  # None: the bundle is as it was trained
    test_time_flips: TestTimeFlips = (
        "none"  # over which the model averages its outputs; maps are flipped back
    )
    members: list[Member] = Field(default_factory=list)  # of an ensemble; empty: a single model
    # What was measured.
    validation: ValidationSummary | None = None  # None: nothing was validated
    parity: Parity | None = None
    drift: DriftReference | None = None
    runtime: Runtime | None = None  # that the golden predictions were made with
    # Image -> class -> expected digest of its logits; without the classes in bundles with prompts, and in older ones.
    golden: dict[str, dict[str, list[float]] | list[float]] = Field(default_factory=dict)
    golden_tolerance: float = 1e-3  # of a logit, over the largest absolute logit
    # What it was made from.
    data_hash: str = ""
    splits_hash: str = ""
    data_version: str = ""  # of the data set with its labels and split; empty in older bundles
    leaking: bool = False  # whether it was trained on a split that leaks
    files: dict[str, str] = Field(default_factory=dict)  # path -> SHA-256
