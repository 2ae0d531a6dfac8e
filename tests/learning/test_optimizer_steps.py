"""The optimizers: the arithmetic of torch's own, without its compiler."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from pupila.learning.optimizers import LBFGS, OPTIMIZERS

THEIRS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 0.01, weight_decay=0.1),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, 0.01, weight_decay=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, 0.01, momentum=0.9, weight_decay=0.1),
}


def train(make: Callable[..., torch.optim.Optimizer]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    optimizer = make(list(module.parameters()))
    for _ in range(4):
        optimizer.zero_grad()
        module(torch.randn(8, 5)).square().sum().backward()
        optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    return [parameter.detach() for parameter in module.parameters()]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_steps_are_those_of_torch_bit_for_bit(name: str) -> None:
    ours = train(lambda parameters: OPTIMIZERS[name](parameters, 0.01, 0.1))
    assert all(a.equal(b) for a, b in zip(ours, train(THEIRS[name]), strict=True))


def test_the_optimum_is_that_of_torch_bit_for_bit() -> None:
    def find(make: Callable[..., torch.optim.Optimizer]) -> torch.Tensor:
        weight = torch.zeros(3, requires_grad=True)
        optimizer = make([weight], max_iter=20, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = (weight - torch.tensor([1.0, 2.0, 3.0])).square().sum() + weight.exp().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]
        return weight.detach()

    assert find(LBFGS).equal(find(torch.optim.LBFGS)) and find(LBFGS).abs().sum() > 0


@pytest.mark.slow
def test_a_step_does_not_import_the_compiler() -> None:
    script = (
        "import sys, torch\nfrom pupila.learning.optimizers import OPTIMIZERS\n"
        "for make in OPTIMIZERS.values():\n"
        "    weight = torch.ones(2, requires_grad=True)\n    optimizer = make([weight], 0.1, 0.1)\n"
        "    weight.sum().backward()\n    optimizer.step()\n    optimizer.load_state_dict(optimizer.state_dict())\n"
        "assert not {'torch._dynamo', 'timm', 'torchvision'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
