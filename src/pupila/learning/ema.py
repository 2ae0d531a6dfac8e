"""The exponential moving average of a module's weights, which is validated and exported in their place."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_PREFIX, _STEPS = "ema/", "ema_steps"


class AveragedWeights:
    """Averages of everything that training changes: trained parameters and floating-point buffers.

    After step t, from 0, an average a becomes d * a + (1 - d) * weight with d = min(decay, (1 + t) / (10 + t)), so that
    a short phase is not dominated by the weights that it began with.

    Args:
        module: whose weights are the first averages.
        decay: 0..1; 0: nothing is averaged, and the weights themselves take the place of their averages.

    Source: TensorFlow's ExponentialMovingAverage, for the rising decay.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        changed = {name for name, p in module.named_parameters() if p.requires_grad}
        changed |= {name for name, buffer in module.named_buffers() if buffer.is_floating_point()}
        own = {name: tensor for name, tensor in module.state_dict().items() if name in changed}
        self._averages = {name: tensor.detach().clone() for name, tensor in own.items()} if decay else {}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Follow the weights after a step."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        weights = module.state_dict() if self._averages else {}
        for name, average in self._averages.items():
            average.lerp_(weights[name], 1 - decay)

    @contextmanager
    def apply_to(self, module: nn.Module) -> Iterator[None]:
        """Within it the module has the averages in place of its weights."""
        weights = module.state_dict()
        before = {name: weights[name].clone() for name in self._averages}
        _copy(self._averages, weights)
        try:
            yield
        finally:
            _copy(before, weights)

    def to_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint stores."""
        if not self._averages:
            return {}
        averages = {f"{_PREFIX}{name}": average for name, average in self._averages.items()}
        return {**averages, _STEPS: torch.tensor(self._steps)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue with what a checkpoint stores.

        Raises:
            KeyError: it stores no averages, or those of another module.
        """
        if self._averages:
            _copy({name: tensors[f"{_PREFIX}{name}"] for name in self._averages}, self._averages)
            self._steps = int(tensors[_STEPS])


@torch.no_grad()
def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)
