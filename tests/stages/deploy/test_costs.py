"""Costs of the stacks, by hand."""

import re

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.deploy.costs import Quantities, format_costs, hourly_costs, read_prices
from tests.stages.deploy.test_aws_train import rendered


def test_a_training_has_the_costs_computed_by_hand() -> None:
    rows = hourly_costs(
        "aws-train", Quantities("c7i.2xlarge", spot=True, disk_gb=73, image_gb=7.3, object_gb=0)
    )
    # 0.357 * 0.4 = 0.1428; 73 * 0.08 / 730 = 0.008; an address 0.005; an alarm 0.1 / 730; 7.3 * 0.1 / 730 = 0.001
    assert sum(row.cost for row in rows) == pytest.approx(0.1428 + 0.008 + 0.005 + 0.1 / 730 + 0.001)
    table = format_costs(rows)
    assert "| **sum** | | | **0.1569**, 114.56 a month |" in table and "not read from AWS" in table
    assert not any("load balancer" in row.item for row in rows)


def test_the_service_has_more_lines() -> None:
    rows = {row.item: row for row in hourly_costs("aws")}
    assert rows["load balancer"].cost == 0.0225
    assert rows["CloudWatch dashboard"].cost * 730 == pytest.approx(3)
    assert rows["logs, each GB written"].cost == 0


def test_offered_instance_types_have_prices_and_others_are_refused() -> None:
    offered = set(re.findall(r"[cgmt]\d\w*\.\d*(?:small|medium|x?large)", rendered()))
    assert len(offered) == 4 and offered <= read_prices()["instances"].keys()
    with pytest.raises(PupilaError, match="No price of the instance type"):
        hourly_costs("aws", Quantities("x9.large"))
