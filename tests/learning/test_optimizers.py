"""The share of the learning rate that each parameter gets, by hand."""

from torch import nn

from pupila.learning.optimizers import group_parameters


class Net(nn.Module):
    """An encoder of three blocks and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(3)))
        self.head = nn.Linear(1, 1, bias=False)
        self.blocks = list(self.encoder)

    def shares(self, encoder_share: float, layer_decay: float) -> dict[str, float]:
        names = {id(p): name for name, p in self.named_parameters()}
        groups = group_parameters(self, encoder_share, layer_decay)
        return {names[id(p)]: group["share"] for group in groups for p in group["params"]}


def test_rates_by_layer_of_three_blocks_by_hand() -> None:
    own = {"encoder.0.weight": 0.125, "encoder.1.weight": 0.25, "encoder.2.weight": 0.5, "head.weight": 1.0}
    assert Net().shares(1.0, 0.5) == own
    slower = {name: share if name == "head.weight" else share / 10 for name, share in own.items()}
    assert Net().shares(0.1, 0.5) == slower


def test_one_rate_is_one_group_in_the_order_of_the_module() -> None:
    net = Net()
    (group,) = group_parameters(net, 1.0, 1.0)
    assert [id(p) for p in group["params"]] == [id(p) for p in net.parameters()]


def test_the_head_comes_first_and_frozen_blocks_are_left_out() -> None:
    net = Net()
    net.blocks[0].requires_grad_(False)
    groups = group_parameters(net, 0.1, 0.5)
    assert [len(group["params"]) for group in groups] == [1, 1, 1]
    assert groups[0]["params"][0] is net.head.weight
    assert set(net.shares(0.1, 0.5)) == {"head.weight", "encoder.1.weight", "encoder.2.weight"}


def test_a_module_without_blocks_has_one_rate() -> None:
    groups = group_parameters(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), 0.1, 0.5)
    assert [group["share"] for group in groups] == [1.0]
