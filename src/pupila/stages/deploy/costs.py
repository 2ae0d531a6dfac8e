"""What the stacks cost by the hour, from list prices in `costs.json`."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as resources
from typing import Any, Literal

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say

Stack = Literal["aws", "aws-train"]
HOURS_A_MONTH = 730


@dataclass(frozen=True, slots=True)
class CostRow:
    """A line of the bill."""

    item: str
    quantity: float
    price: float  # USD of one for an hour; of one GB where it is not charged by the hour
    by_the_hour: bool = True  # False: for each GB that is written or sent

    @property
    def cost(self) -> float:
        """USD an hour, 0 of what is charged by use."""
        return self.quantity * self.price if self.by_the_hour else 0.0


@dataclass(frozen=True, slots=True)
class Quantities:
    """What a stack has."""

    instance_type: str
    instances: int = 1
    spot: bool = False
    addresses: int = 1  # public IPv4
    nat_gateways: int = 0
    disk_gb: float = 20  # of each instance
    image_gb: float = 0.5  # in ECR
    object_gb: float = 1.0  # in S3
    alarms: int = 1
    metrics: int = 0  # custom ones
    dashboards: int = 0
    secrets: int = 0
    keys: int = 0  # of KMS
    load_balancers: int = 0


USUAL: dict[Stack, Quantities] = {
    "aws": Quantities("c7i.large", instances=2, addresses=4, alarms=7, metrics=12, dashboards=1, secrets=1,
                      keys=1, load_balancers=1),
    "aws-train": Quantities("c7i.2xlarge", spot=True, disk_gb=60, image_gb=3, object_gb=5, keys=1),
}  # fmt: skip


@cache
def read_prices() -> dict[str, Any]:
    """The content of `costs.json`."""
    path = resources("pupila") / "stages" / "deploy" / "costs.json"
    prices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prices


def hourly_costs(stack: Stack, quantities: Quantities | None = None) -> list[CostRow]:
    """The lines of the bill of a stack while it runs, and what is charged by use.

    Args:
        stack: its target.
        quantities: what it has; None: what its template creates with the defaults.

    Raises:
        PupilaError: an instance type without a price.
    """
    prices, has = read_prices(), quantities or USUAL[stack]
    if has.instance_type not in prices["instances"]:
        raise PupilaError(
            say("No price of the instance type"), actual=has.instance_type,
            expected=listing(sorted(prices["instances"]), 20), remedy="https://calculator.aws",
        )  # fmt: skip
    machine = prices["instances"][has.instance_type]
    hour, month, once = prices["hour"], prices["month"], prices["once"]
    kind = say("spot, about {n} of the list price", n=prices["spot_share"]) if has.spot else say("on demand")
    rows = [
        CostRow(say("EC2 {type}, {kind}", type=has.instance_type, kind=kind), has.instances,
                machine * prices["spot_share"] if has.spot else machine),
        CostRow(say("EBS gp3, GB"), has.instances * has.disk_gb, month["disk_gb"] / HOURS_A_MONTH),
        CostRow(say("public IPv4 address"), has.addresses, hour["public_address"]),
        CostRow(say("NAT gateway"), has.nat_gateways, hour["nat_gateway"]),
        CostRow(say("load balancer"), has.load_balancers, hour["load_balancer"]),
        CostRow(say("capacity unit of the load balancer"), has.load_balancers, hour["load_balancer_capacity_unit"]),
        CostRow(say("CloudWatch alarm"), has.alarms, month["alarm"] / HOURS_A_MONTH),
        CostRow(say("CloudWatch metric"), has.metrics, month["metric"] / HOURS_A_MONTH),
        CostRow(say("CloudWatch dashboard"), has.dashboards, month["dashboard"] / HOURS_A_MONTH),
        CostRow(say("secret"), has.secrets, month["secret"] / HOURS_A_MONTH),
        CostRow(say("KMS key"), has.keys, month["key"] / HOURS_A_MONTH),
        CostRow(say("ECR image, GB"), has.image_gb, month["image_gb"] / HOURS_A_MONTH),
        CostRow(say("S3 objects, GB"), has.object_gb, month["object_gb"] / HOURS_A_MONTH),
        CostRow(say("logs, each GB written"), 1, once["log_gb"], by_the_hour=False),
        CostRow(say("traffic to the internet, each GB"), 1, once["transfer_gb"], by_the_hour=False),
        CostRow(say("NAT gateway, each GB"), has.nat_gateways, once["nat_gb"], by_the_hour=False),
    ]  # fmt: skip
    return [row for row in rows if row.quantity]


def format_costs(rows: list[CostRow]) -> str:
    """The rows as a Markdown table with their sum, and where the prices are from."""
    prices = read_prices()
    total = sum(row.cost for row in rows)
    lines = [
        say("| what | quantity | USD each | USD an hour |"), "|---|---|---|---|",
        *(f"| {row.item} | {number(row.quantity, 1)} | {number(row.price, 5)} | {_cost(row)} |" for row in rows),
        say("| **sum** | | | **{total}**, {month} a month |",
            total=number(total, 4), month=number(total * HOURS_A_MONTH, 2)), "",
        say("Prices of {region}, {date}; {source}.", region=prices["region"], date=prices["as_of"],
            source=prices["source"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cost(row: CostRow) -> str:
    return number(row.cost, 5) if row.by_the_hour else say("by use")
