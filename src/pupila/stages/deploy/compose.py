"""compose.yaml: the service, its page, Prometheus and Grafana on one machine."""

import json
from importlib.resources import files as resources

from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill

MOUNTED = "/bundle"  # where the service has a bundle that lies beside compose.yaml
_BUNDLE = (
    "# The bundle: a folder on this machine.\n"
    "- {type: bind, source: ./bundle, target: /bundle, read_only: true, bind: {create_host_path: false}}"
)
_TMP = "1g"  # a bundle from a store is copied to it


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    is_mounted = not deployment.model
    monitoring = resources("pupila") / "artifacts" / "web" / "monitoring"
    compose = fill(
        "compose.yaml", name=deployment.name, version=deployment.version,
        model=json.dumps(deployment.model.replace("$", "$$") or MOUNTED),  # $ is a variable of Compose
        hash="# What the alias names is followed." if deployment.follows else f"- --sha256={deployment.sha256}",
        bundle=_BUNDLE if is_mounted else "# The bundle is copied to /tmp.", tmp=_TMP,
    )  # fmt: skip
    return {
        "compose.yaml": compose.encode(),
        "prometheus/prometheus.yml": fill("prometheus.yml").encode(),
        "prometheus/alerts.yml": (monitoring / "alerts.yml").read_bytes(),
        "grafana/datasources/prometheus.yml": fill("grafana-source.yml").encode(),
        "grafana/dashboards/pupila.yml": fill("grafana-dashboards.yml").encode(),
        "grafana/dashboards/pupila.json": (monitoring / "dashboard.json").read_bytes(),
    }
