"""The dashboard and the alert rules: every metric in them exists, and promtool accepts and tries them."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

import pupila
from tests.artifacts.web.scrapes import Samples
from tests.colours import write_pointing
from tests.conftest import REPOSITORY
from tests.promtool import run_promtool
from tests.stages.serve.monitoring import (
    FOLDER,
    fill_in,
    list_metrics,
    list_queries,
    read_alerts,
    read_dashboard,
)
from tests.stages.serve.referenced import write_referenced
from tests.stages.serve.test_metrics import RED, scrape, send

PAGE = REPOSITORY / "docs/reference/operate.md"
WIDTH = 24  # columns of Grafana's grid


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """What a service with and one without prompts expose."""
    root, samples = tmp_path_factory.mktemp("monitored"), {}
    for bundle, route in (
        (write_referenced(root / "a"), "/predict/single"),
        (write_pointing(root / "b"), "/segment"),
    ):
        with pupila.serve(bundle.folder, log_predictions=str(root / "log")) as service:
            address = service.url.removeprefix("http://")
            assert (
                send(address, RED, route=route, fields=[("points", "[[3,3]]")] * (route == "/segment")) == 200
            )
            samples.update(scrape(address))
    return samples


def test_every_metric_of_the_dashboard_and_of_the_alerts_is_exposed(samples: Samples) -> None:
    expressions = [query.expression for query in list_queries()] + list(read_alerts().values())
    used = set.union(*map(list_metrics, expressions))
    assert used <= {name for name, _ in samples}
    assert len(used) >= 20
    print(f"monitoring: {len(expressions)} expressions of {len(used)} metrics")


def test_the_page_lists_every_metric_stage_and_alert(samples: Samples) -> None:
    page = PAGE.read_text()
    metrics = {re.sub("_(bucket|count|sum)$", "", name) for name, _ in samples if name.startswith("pupila_")}
    assert set(re.findall(r"`(pupila_\w+)`", page)) == metrics
    stages = {labels[0] for name, labels in samples if name == "pupila_stage_duration_seconds_count"}
    assert stages <= set(re.findall(r"`(\w+)`", page))
    assert set(re.findall(r"`(Pupila\w+)`", page)) == set(read_alerts())


def test_promtool_accepts_the_page_s_configuration(tmp_path: Path) -> None:
    (configuration,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(configuration)
    (tmp_path / "metrics.token").write_text("secret")
    shutil.copy(str(FOLDER / "alerts.yml"), tmp_path)
    run_promtool("check", "config", "prometheus.yml", folder=tmp_path)


def test_the_dashboard_can_be_imported() -> None:
    board = read_dashboard()
    source, *others = board["templating"]["list"]
    assert (source["type"], source["query"], source["name"]) == ("datasource", "prometheus", "datasource")
    panels = board["panels"]
    targets = [target for panel in panels for target in panel["targets"]]
    for part in (*panels, *targets, *others, *board["annotations"]["list"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(
        panel["title"] and panel["fieldConfig"]["defaults"].get("unit", panel["type"]) for panel in panels
    )
    assert board["schemaVersion"] >= 41 and "id" not in board


def test_no_panel_overlaps_another() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in read_dashboard()["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < WIDTH


def test_promtool_accepts_the_alerts_and_the_queries(tmp_path: Path) -> None:
    shutil.copy(str(FOLDER / "alerts.yml"), tmp_path)
    rules = [
        {"record": f"panel:{n}", "expr": fill_in(query.expression, "pupila", "1m")}
        for n, query in enumerate(list_queries())
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    printed = run_promtool("check", "rules", "alerts.yml", "panels.yml", folder=tmp_path)
    assert f"{len(read_alerts())} rules" in printed and f"{len(rules)} rules" in printed


def test_each_alert_fires_on_its_own_series_and_on_no_look_alike(tmp_path: Path) -> None:
    shutil.copy(str(FOLDER / "alerts.yml"), tmp_path)
    scenarios = sorted(Path(__file__).parent.glob("*.test.yml"))
    for scenario in scenarios:
        shutil.copy(scenario, tmp_path)
    run_promtool("test", "rules", *(scenario.name for scenario in scenarios), folder=tmp_path)
    tests = [test for scenario in scenarios for test in yaml.safe_load(scenario.read_text())["tests"]]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == set(read_alerts())
