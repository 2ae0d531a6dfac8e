"""The rendered compose.yaml and what its Prometheus and Grafana read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pupila.stages.deploy import compose, docker
from tests.promtool import run_promtool
from tests.stages.deploy.deployments import HASH, deployment

ALIAS = "registry:s3://shop/models#octagons@production"


def read(model: str = "") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(compose.render(deployment(model))["compose.yaml"])
    return loaded


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = read()["services"]
    return services


def write(folder: Path, model: str = "") -> Path:
    for name, content in compose.render(deployment(model)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / "compose.yaml"


@pytest.mark.parametrize("model", ["", ALIAS, "s3://shop/octagons"])
def test_it_has_the_schema_of_compose(model: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(write(tmp_path, model))]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("model", "served", "options"), [
    ("", "/bundle", {f"--sha256={HASH}"}),
    ("s3://shop/octagons", "s3://shop/octagons", {f"--sha256={HASH}"}),
    (ALIAS, ALIAS, set()),
    ("s3://shop/a$b", "s3://shop/a$$b", {f"--sha256={HASH}"}),  # Compose takes $b for a variable
])  # fmt: skip
def test_a_model_is_mounted_or_fetched_and_its_hash_checked_but_for_an_alias(
    model: str, served: str, options: set[str]
) -> None:
    service = read(model)["services"]["api"]
    assert service["command"][0] == served
    assert {each for each in service["command"] if each.startswith("--sha256")} == options
    mounted = {each["target"] for each in service["volumes"]}
    assert mounted == {"/run/secrets", "/var/lib/pupila", *(["/bundle"] if not model else [])}


def test_each_container_is_closed_up(services: dict[str, dict[str, Any]]) -> None:
    assert list(services) == ["api", "page", "prometheus", "grafana"]
    for name, service in services.items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), "only this machine"
        bound = [each for each in service["volumes"] if each["type"] == "bind"]
        assert all(each["read_only"] and not each["bind"]["create_host_path"] for each in bound)
        assert f"./secrets/{name}" in {each["source"] for each in bound}
        assert "healthcheck" in service or name in docker.IMAGES, "the images of Pupila bring theirs"
        assert "privileged" not in service and "network_mode" not in service and service.get("user") != "0"
    assert services["prometheus"]["networks"] == ["inside"] and read()["networks"]["inside"] == {
        "internal": True
    }


def test_the_service_and_the_page_ask_who_it_is(services: dict[str, dict[str, Any]]) -> None:
    assert "--tokens=/run/secrets/tokens.json" in services["api"]["command"]
    assert {"--token-file=/run/secrets/token", "--login=/run/secrets/login.json"} < set(
        services["page"]["command"]
    )


def test_the_service_has_time_to_drain(services: dict[str, dict[str, Any]]) -> None:
    (drain,) = (
        each.partition("=")[2] for each in services["api"]["command"] if each.startswith("--drain-seconds")
    )
    assert int(services["api"]["stop_grace_period"].removesuffix("s")) > int(drain) + 30


def test_prometheus_takes_its_files(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "prometheus" / "token").write_text("x")
    config = tmp_path / "prometheus" / "prometheus.yml"
    config.write_text(
        config.read_text().replace("/run/secrets/token", str(tmp_path / "prometheus" / "token"))
    )
    run_promtool("check", "config", "prometheus.yml", folder=tmp_path / "prometheus")


def test_grafana_finds_the_dashboard_and_its_data(services: dict[str, dict[str, Any]]) -> None:
    files = compose.render(deployment())
    (provider,) = yaml.safe_load(files["grafana/dashboards/pupila.yml"])["providers"]
    (mounted,) = (each for each in services["grafana"]["volumes"] if each["source"] == "./grafana")
    assert provider["options"]["path"] == f"{mounted['target']}/dashboards"
    (source,) = yaml.safe_load(files["grafana/datasources/prometheus.yml"])["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert json.loads(files["grafana/dashboards/pupila.json"])["title"] == "Pupila"
