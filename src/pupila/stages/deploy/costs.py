"""What the stacks cost by the hour with their defaults, from list prices in `costs.json`."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as resources
from typing import Any, Literal

Stack = Literal["aws", "aws-train"]
HOURS_A_MONTH = 730
_TRACKING = 2  # policies of the service's group
_ALARMS_OF_TRACKING = 2  # that AWS makes for each: one to grow, one to shrink


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


@cache
def read_prices() -> dict[str, Any]:
    """The content of `costs.json`."""
    path = resources("pupila") / "stages" / "deploy" / "costs.json"
    prices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prices


def service_costs(alarms: int, metrics: int) -> list[CostRow]:
    """The bill of the service: two instances in two zones, whose metrics are read every minute.

    Args:
        alarms: of the stack, without those of target tracking.
        metrics: that the service writes.
    """
    prices = read_prices()
    hour, month = prices["hour"], prices["month"]
    type_, instances = "c7i.large", 2
    return [
        CostRow(f"EC2 {type_}, on demand", instances, prices["instances"][type_]),
        _monthly("detailed monitoring of an instance", instances, month["detailed_monitoring"]),
        _monthly("EBS gp3, GB", instances * 20, month["disk_gb"]),
        CostRow("public IPv4 address", instances + 2, hour["public_address"]),
        CostRow("load balancer", 1, hour["load_balancer"]),
        CostRow("capacity unit of the load balancer", 1, hour["load_balancer_capacity_unit"]),
        _monthly("CloudWatch alarm", alarms + _TRACKING * _ALARMS_OF_TRACKING, month["alarm"]),
        _monthly("CloudWatch metric", metrics, month["metric"]),
        _monthly("CloudWatch dashboard", 1, month["dashboard"]),
        _monthly("secret", 1, month["secret"]),
        *_common_costs(image_gb=0.5, object_gb=5),
    ]


def training_costs() -> list[CostRow]:
    """The bill of a training while it runs, on a spot instance."""
    prices = read_prices()
    type_, share = "c7i.2xlarge", prices["spot_share"]
    return [
        CostRow(
            f"EC2 {type_}, spot at about {share:.0%} of the list price", 1, prices["instances"][type_] * share
        ),
        _monthly("EBS gp3, GB", 100, prices["month"]["disk_gb"]),
        CostRow("public IPv4 address", 1, prices["hour"]["public_address"]),
        _monthly("CloudWatch alarm", 1, prices["month"]["alarm"]),
        *_common_costs(image_gb=3, object_gb=5),
    ]


def _common_costs(image_gb: float, object_gb: float) -> list[CostRow]:
    """What both stacks have."""
    prices = read_prices()
    month, use = prices["month"], prices["use"]
    return [
        _monthly("KMS key", 1, month["key"]),
        _monthly("ECR image, GB", image_gb, month["image_gb"]),
        _monthly("S3 objects, GB", object_gb, month["object_gb"]),
        CostRow("logs, each GB written", 1, use["log_gb"], by_the_hour=False),
        CostRow("traffic to the internet, each GB", 1, use["transfer_gb"], by_the_hour=False),
    ]


def _monthly(item: str, quantity: float, price: float) -> CostRow:
    return CostRow(item, quantity, price / HOURS_A_MONTH)


def format_costs(rows: list[CostRow]) -> str:
    """The rows as a Markdown table with their sum, and where the prices are from."""
    prices = read_prices()
    total = sum(row.cost for row in rows)
    lines = [
        "| item | quantity | USD each | USD an hour |", "|---|---|---|---|",
        *(f"| {row.item} | {row.quantity:g} | {row.price:.5f} | {_format_cost(row)} |" for row in rows),
        f"| **sum** | | | **{total:.2f}** |", "",
        f"Prices of {prices['region']}; {prices['source']}.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _format_cost(row: CostRow) -> str:
    return f"{row.cost:.5f}" if row.by_the_hour else "by use"
