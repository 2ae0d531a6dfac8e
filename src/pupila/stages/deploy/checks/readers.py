"""The properties of a resource as the API of its service has them, by the names that CloudFormation gives them."""

from collections.abc import Callable, Mapping
from typing import Any

from pupila.stages.deploy.checks.cloud import Cloud
from pupila.stages.deploy.checks.readers_access import ACCESS_READERS
from pupila.stages.deploy.checks.readers_network import NETWORK_READERS
from pupila.stages.deploy.checks.readers_storage import STORAGE_READERS

Reader = Callable[[Cloud, str], Mapping[str, Any]]  # of a physical id

READERS: dict[str, Reader] = {**ACCESS_READERS, **NETWORK_READERS, **STORAGE_READERS}
