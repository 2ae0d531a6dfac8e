"""Downloads from the hub: given up within seconds where there is no connection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies

from pupila.core.errors import PupilaError
from pupila.core.messages import say

_PATIENCE = 3.0  # seconds to look up the hub's host and to connect to it
_PORTS = {"http": 80, "https": 443}
# Errors of the hub's client, of the libraries below it, and of offline mode, that all mean: no connection.
_NO_CONNECTION = (
    "ConnectError", "ConnectTimeout", "ConnectionError", "LocalEntryNotFoundError", "OfflineModeIsEnabled",
    "ReadTimeout", "TimeoutException", "gaierror",
)  # fmt: skip


@contextmanager
def hub_access() -> Iterator[None]:
    """Try to connect to the hub once; without a connection only its local cache is read, and nothing is retried."""
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or not _can_connect(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline


def _can_connect(address: str) -> bool:
    """Whether the host of the address, or the proxy before it, accepts a connection in time."""
    scheme = urlsplit(address).scheme
    proxy = getproxies().get(scheme)
    parts = urlsplit(address if proxy is None else proxy if "://" in proxy else f"http://{proxy}")
    connected = threading.Event()

    def connect() -> None:
        try:
            place = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443))
            socket.create_connection(place, timeout=_PATIENCE).close()
            connected.set()
        except (OSError, UnicodeError):
            pass

    thread = threading.Thread(target=connect, daemon=True)  # a look-up of a name takes no time limit
    thread.start()
    thread.join(_PATIENCE)
    return connected.is_set()


def hub_error(model: str, fault: Exception) -> PupilaError:
    """The error for weights that can't be downloaded."""
    remedy = "--weights FILE.safetensors, or --weights none"
    if _is_no_connection(fault):
        problem = say("Can't download the weights of {model}: no connection to the hub", model=model)
        return PupilaError(problem, remedy=remedy)
    problem = say("Can't download the weights of {model} from the hub", model=model)
    return PupilaError(problem, actual=str(fault).splitlines()[0], remedy=remedy)


def _is_no_connection(fault: BaseException | None) -> bool:
    """Whether the error, or one that led to it, means that there is no connection."""
    while fault is not None:
        if {kind.__name__ for kind in type(fault).__mro__} & set(_NO_CONNECTION):
            return True
        fault = fault.__cause__ or fault.__context__
    return False
