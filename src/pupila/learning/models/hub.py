"""Downloads from the hub: given up within seconds where it does not answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from pupila.core.errors import PupilaError
from pupila.core.messages import say

_PATIENCE = 3.0  # seconds for the hub's first response
# Errors of the hub's client, of the libraries below it, and of offline mode, that all mean: no connection.
_NO_CONNECTION = (
    "ConnectionError", "LocalEntryNotFoundError", "OfflineModeIsEnabled", "TimeoutException", "TransportError",
    "gaierror",
)  # fmt: skip


@contextmanager
def hub_access(model: str) -> Iterator[None]:
    """Ask the hub once; where it does not respond in time only its local cache is read, and nothing is retried.

    Args:
        model: whose weights are downloaded, for the error.

    Raises:
        PupilaError: the weights can't be downloaded.
    """
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or not _responds(constants.ENDPOINT)
    try:
        yield
    except PupilaError:
        raise
    except Exception as fault:
        if isinstance(fault, OSError | RuntimeError) or _is_no_connection(fault):
            raise hub_error(model, fault, constants.HF_HUB_OFFLINE) from fault
        raise
    finally:
        constants.HF_HUB_OFFLINE = offline


def _responds(address: str) -> bool:
    """Whether a server at the address, by way of the proxy before it, responds in time with whatever status."""
    responded = threading.Event()

    def ask() -> None:
        try:
            build_opener().open(Request(address, method="HEAD"), timeout=_PATIENCE).close()
        except HTTPError:
            responded.set()
        except URLError as fault:
            if isinstance(fault.reason, SSLError):  # a server with a certificate that only its client knows
                responded.set()
        except (OSError, ValueError):
            pass
        else:
            responded.set()

    thread = threading.Thread(target=ask, daemon=True)  # a look-up of a name takes no time limit
    thread.start()
    thread.join(_PATIENCE)
    return responded.is_set()


def hub_error(model: str, fault: Exception, offline: bool = False) -> PupilaError:
    """The error for weights that can't be downloaded.

    Args:
        model: whose weights.
        fault: of the download.
        offline: whether the hub did not respond.
    """
    remedy = "--weights FILE.safetensors, or --weights none"
    if (offline and not isinstance(fault, RuntimeError)) or _is_no_connection(fault):
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
