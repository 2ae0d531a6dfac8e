"""Costs of the stacks, by hand."""

import re

import pytest

from pupila.stages.deploy.costs import format_costs, read_prices, service_costs, training_costs
from tests.stages.deploy.test_aws_train import rendered


def test_a_training_has_the_costs_computed_by_hand() -> None:
    rows = training_costs()
    # 0.357 * 0.4; 100 GB of disk, an alarm, a key, 3 GB of images and 5 GB of objects a month of 730 hours; an address
    monthly = 100 * 0.08 + 0.1 + 1 + 3 * 0.1 + 5 * 0.023
    assert sum(row.cost for row in rows) == pytest.approx(0.1428 + monthly / 730 + 0.005)
    table = format_costs(rows)
    assert "| **sum** | | | **0.16** |" in table and "not read from AWS" in table
    assert not any("load balancer" in row.item for row in rows)


def test_a_service_has_more_lines() -> None:
    rows = {row.item: row for row in service_costs(alarms=7, metrics=12)}
    assert rows["load balancer"].cost == 0.0225
    assert rows["CloudWatch alarm"].cost * 730 == pytest.approx(
        1.1
    )  # and two for each of two tracking policies
    assert rows["CloudWatch metric"].cost * 730 == pytest.approx(3.6)
    assert rows["logs, each GB written"].cost == 0


def test_the_default_instance_types_have_prices() -> None:
    (default,) = re.findall(r"Default: (c\d\w*\.\d*x?large)", rendered())
    assert default in read_prices()["instances"]
