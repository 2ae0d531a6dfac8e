"""The optimizers, their default learning rates, and the share of the rate that each parameter gets."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

_GUARDED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")  # against torch's compiler


def _eager(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same arithmetic without torch's compiler, which guards that nobody uses would import: it takes seconds."""
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in _GUARDED}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


_ADAM, _ADAMW, _SGD = map(_eager, (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD))
LBFGS = _eager(torch.optim.LBFGS)  # of what has one optimum
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters, lr, decay: _ADAM(parameters, lr, weight_decay=decay),
    "adamw": lambda parameters, lr, decay: _ADAMW(parameters, lr, weight_decay=decay),
    "sgd": lambda parameters, lr, decay: _SGD(parameters, lr, momentum=0.9, weight_decay=decay),
}
DEFAULT_RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2}  # learning rate that "auto" takes


def group_parameters(module: nn.Module, encoder_share: float, layer_decay: float) -> list[dict[str, Any]]:
    """Groups of the trained parameters, each with its `share` of the learning rate.

    Args:
        module: its encoder is called `encoder`; the encoder's parts from input to output are in its list `blocks`.
        encoder_share: of the rate, for the encoder.
        layer_decay: factor from each block to the one before it; the last block has it once, the head never.

    Source: Howard and Ruder 2018, arXiv:1801.06146, section 3.2, for rates by layer.
    """
    blocks = getattr(module, "blocks", [])
    depths = {id(p): len(blocks) - place for place, block in enumerate(blocks) for p in block.parameters()}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            inside = name.startswith("encoder.")
            depth = depths.get(id(parameter), len(blocks)) if inside else 0
            share = (encoder_share if inside else 1.0) * layer_decay**depth
            groups.setdefault(share, []).append(parameter)
    shares = sorted(groups, key=lambda share: (share != 1.0, -share))  # the log shows the rate of the head
    return [{"params": groups[share], "share": share} for share in shares]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """What a checkpoint stores of an optimizer, by name."""
    for number, slots in optimizer.state_dict()["state"].items():
        for slot, value in slots.items():
            if value is not None:
                yield f"optimizer/{number}/{slot}", torch.as_tensor(value)


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Continue with what a checkpoint stores."""
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, number, slot = name.split("/")
            slots.setdefault(int(number), {})[slot] = tensor
    whole = optimizer.state_dict()
    optimizer.load_state_dict({**whole, "state": slots})
