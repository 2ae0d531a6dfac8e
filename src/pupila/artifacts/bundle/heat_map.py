"""Heat maps without torch: Grad-CAM in closed form, from the last feature map and the weights of the head.

A head that reads the average of a map has the same gradient in each of its cells. Grad-CAM (Selvaraju et al. 2017,
doi:10.1109/ICCV.2017.74) and HiResCAM (Draelos and Carin 2020, arXiv:2011.08891) are the same map then: the
head's gradient times the features of the cell, over the number of cells. With one linear layer the map sums to the
logit minus its bias.
"""

import re
from dataclasses import dataclass

import numpy as np
from safetensors.numpy import load

from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle
from pupila.imaging.images.decode import Array

_HEAD = re.compile(r"head\.(?:(\d+)\.)?weight")  # of a linear layer, alone or in a sequence
_TOLERANCE = (
    1e-5  # between the logits of the model and those of the head, over the sum of their absolute terms
)


@dataclass(frozen=True, slots=True)
class PooledHead:
    """Linear layers with ReLU between two of them, from the average of a feature map to logits."""

    layers: tuple[tuple[Array, Array], ...]  # weight (outputs, inputs) and bias (outputs,) of each

    @property
    def size(self) -> int:
        """Number of features that it reads."""
        return int(self.layers[0][0].shape[1])

    def logits(self, features: Array) -> Array:
        """(size,) to (C,)."""
        return self._run(features)[-1]

    def magnitude(self, features: Array) -> float:
        """The largest sum of the absolute terms of a logit, which its rounding errors are in proportion to."""
        *hidden, _ = self._run(features)
        weight, bias = self.layers[-1]
        last = np.maximum(hidden[-1], 0) if hidden else features
        return float((np.abs(weight) @ np.abs(last) + np.abs(bias)).max())

    def gradients(self, features: Array, classes: list[int]) -> Array:
        """(K, size): those of K logits by the features (size,)."""
        *hidden, _ = self._run(features)
        gradients = self.layers[-1][0][classes]
        for values, (weight, _) in zip(reversed(hidden), reversed(self.layers[:-1]), strict=True):
            gradients = (gradients * (values > 0)) @ weight
        return np.asarray(gradients)

    def _run(self, features: Array) -> list[Array]:
        """The outputs of each layer, before ReLU."""
        outputs: list[Array] = []
        for weight, bias in self.layers:
            features = weight @ (np.maximum(features, 0) if outputs else features) + bias
            outputs.append(features)
        return outputs


def read_heads(bundle: Bundle) -> list[PooledHead]:
    """The heads of a bundle: of an ensemble with encoders of their own one for each member.

    Returns:
        None of them where a network has a head of its own architecture, where the bundle has no weights, or where the
        mean over flips is not the head of the mean.
    """
    members = {member.weights_file: member.head for member in bundle.info.members}
    heads = members if len(members) > 1 else {WEIGHTS_FILE: bundle.info.head}
    if None in heads.values() or any(name not in bundle.info.files for name in heads):
        return []
    read = [_read_head(bundle.read(name)) for name in heads]
    is_exact = bundle.info.test_time_flips == "none" or all(len(head.layers) == 1 for head in read)
    return read if is_exact else []


def _read_head(content: bytes) -> PooledHead:
    tensors = load(content)
    names = {int(match[1] or 0): name for name in tensors if (match := _HEAD.fullmatch(name))}
    return PooledHead(
        tuple(
            (tensors[name], tensors[f"{name.removesuffix('weight')}bias"])
            for _, name in sorted(names.items())
        )
    )


def draw_heat_maps(
    feature_map: Array, logits: Array, heads: list[PooledHead], classes: list[int]
) -> Array | None:
    """The evidence for classes in each cell of a feature map, in units of the logit.

    Args:
        feature_map: (F, h, w) of one input; of an ensemble the maps of its members, one after the other.
        logits: (C,) of the same input.
        heads: from `read_heads`.
        classes: numbers of K classes.

    Returns:
        (K, h, w) float32, negative where it speaks against the class. None where the logits are not those of the heads
        on the averages of the map: then the model does something else before or after them.
    """
    if sum(head.size for head in heads) != len(feature_map) or not heads:
        return None
    cells = feature_map.shape[1] * feature_map.shape[2]
    pooled = np.split(feature_map.mean(axis=(1, 2)), np.cumsum([head.size for head in heads])[:-1])
    ours = np.mean([head.logits(features) for head, features in zip(heads, pooled, strict=True)], axis=0)
    scale = max(head.magnitude(features) for head, features in zip(heads, pooled, strict=True))
    if ours.shape != logits.shape or not np.abs(ours - logits).max() <= _TOLERANCE * scale:
        return None
    gradients = [head.gradients(features, classes) for head, features in zip(heads, pooled, strict=True)]
    shares = np.concatenate(gradients, axis=1) / (cells * len(heads))
    return np.asarray(np.tensordot(shares, feature_map, axes=1), dtype=np.float32)
