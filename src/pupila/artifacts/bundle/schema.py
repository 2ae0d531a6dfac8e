"""What `bundle.json` says: everything that answering needs to know, and how far the answers can be trusted."""

from typing import Any, Literal

from pydantic import Field

from pupila.imaging.images.prepare import Preparation
from pupila.tasks.task import Decision, Plain

SCHEMA_VERSION: Literal[1] = 1


class Parity(Plain):
    """How far the trained and the exported model are apart, from bytes to logits."""

    images: int
    largest_difference: float  # of a logit, over the largest absolute logit
    label_agreement: float  # share of images with the same answer
    tolerance: float


class BundleInfo(Plain):
    """`bundle.json`."""

    schema_version: Literal[1] = Field(default=SCHEMA_VERSION, alias="schema")
    made_by: str
    created: str  # ISO 8601
    task: str
    classes: list[str]  # in the order of the logits
    preparation: Preparation
    temperature: float = 1.0  # logits are divided by it before the softmax
    decision: Decision = Decision()
    prompts: Literal["", "sam", "sam2"] = ""  # how prompts are told to the decoder; empty: it takes none
    model: dict[str, Any]  # name, source, parameters
    validation: dict[str, Any]  # n, groups, metrics with intervals; empty where nothing was validated
    parity: Parity | None = None
    data_hash: str = ""
    splits_hash: str = ""
    leaking: bool = False  # whether it was trained on a split that leaks
    golden: dict[str, list[float]] = Field(
        default_factory=dict
    )  # picture -> digest of the logits that it must give
    golden_tolerance: float = 1e-3  # of a logit, over the largest absolute logit
    files: dict[str, str] = Field(default_factory=dict)  # path -> SHA-256
