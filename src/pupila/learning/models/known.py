"""Encoders that were built before: with cached features, neither training nor export builds them again."""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load, save
from torch import Tensor

from pupila.artifacts.bundle.architecture import Weights
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.version import __version__

_FACTS = "encoder"  # key of the metadata


class EncoderFacts(BaseModel):
    """What is known of an encoder once it is built."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    options: dict[str, Any]  # that it was built with
    size: int  # length of the embedding
    input_config: dict[str, Any]  # timm's, of the input that the weights were trained on
    weights: Weights
    weights_hash: str
    parameters: int
    depth: int  # number of its blocks


class KnownEncoder:
    """The place of one encoder in the cache.

    Args:
        parts: everything that the encoder depends on, besides the versions of the libraries.
    """

    def __init__(self, parts: list[Any]) -> None:
        versions = [metadata.version("timm"), torch.__version__, __version__]
        self.key = files.sha256(dump_json([*parts, *versions], default=str).encode())[:24]
        self._path: Path = files.cache_folder() / "encoders" / f"{self.key}.safetensors"

    def facts(self) -> EncoderFacts | None:
        """What was stored of it; None where nothing was, or what can't be read."""
        content = files.read_from_cache(self._path) or b""
        try:
            head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            return EncoderFacts.model_validate_json(head["__metadata__"][_FACTS])
        except (ValueError, KeyError, TypeError, ValidationError):
            return None

    def tensors(self) -> dict[str, Tensor] | None:
        """Its weights by their names; None where the cache was cleaned meanwhile."""
        content = files.read_from_cache(self._path)
        return None if content is None else load(content)

    def store(self, facts: EncoderFacts, tensors: dict[str, Tensor]) -> None:
        """Store it for the next training."""
        whole = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        files.write_to_cache(self._path, save(whole, {_FACTS: facts.model_dump_json()}))
