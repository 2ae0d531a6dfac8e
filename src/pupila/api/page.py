"""A page for a service, in a browser."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pupila.artifacts.web.client_errors import ServiceError
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.api.client import Client
    from pupila.artifacts.web.sessions import Guard
    from pupila.stages.page.settings import PageSettings

_log = logging.getLogger("uvicorn.error")
_GRACE = 2  # seconds after SIGTERM: every visitor's browser keeps one connection open
_RETRIES, _DEADLINE = 1, 60.0  # of a request to the service: a person waits


@public
def serve_page(
    url: str, token_file: str | None, host: str, port: int, ready: Callable[[str, int], None],
    settings: Mapping[str, Any],
) -> None:  # fmt: skip
    """Serve the page until Ctrl-C or SIGTERM, from the main thread of a process of its own.

    Args:
        url: of the service, such as http://127.0.0.1:8000.
        token_file: with the service's token alone; None: PUPILA_TOKEN, or none.
        host: to listen on; other machines need a login.
        port: to listen on; 0 picks a free one.
        ready: called with the scheme and the port once it accepts connections.
        settings: login, certificate, proxies and limits.

    Raises:
        PupilaError: no address of a service or of a proxy, no login, files that can't be read, or the port is in use.
    """
    from pupila.api.client import Client
    from pupila.artifacts.web.exposure import check_proxies, pair_certificate
    from pupila.artifacts.web.limits import ConnectionLimits
    from pupila.artifacts.web.run import run
    from pupila.core.secrets import read_secret_file
    from pupila.stages.page.app import make_page_app
    from pupila.stages.page.folder import upload_folder
    from pupila.stages.page.settings import PageSettings

    parsed = PageSettings.parse(dict(settings), "page")
    certificate = pair_certificate(parsed.certificate, parsed.key)
    check_proxies(parsed.trusted_proxy)
    guard = _make_guard(parsed, host)
    token = (
        None if token_file is None else read_secret_file(token_file, say("a text file with the token alone"))
    )
    with Client(url, token, retries=_RETRIES, deadline=_DEADLINE) as client, upload_folder() as folder:
        _warn_of_service(client)
        app = make_page_app(client, parsed, folder, guard)
        scheme = "http" if certificate is None else "https"
        limits = ConnectionLimits(grace_seconds=_GRACE)
        run(app, host, port, lambda taken: ready(scheme, taken), limits, certificate)


def _warn_of_service(client: "Client") -> None:
    """Say before the start that the service can't be reached, or refuses the token."""
    try:
        client.info()
    except PupilaError as fault:
        text = ": ".join(filter(None, (fault.problem, fault.actual)))
        refused = isinstance(fault, ServiceError) and fault.reason == "unauthenticated"
        remedy = say("--token-file FILE") if refused else fault.remedy
        _log.warning(
            say("The page starts, without a service so far. {text}. Try: {remedy}", text=text, remedy=remedy)
        )


def set_login(path: str, name: str, password: str) -> bool:
    """Add a name to a page's file of logins, or replace its password.

    Returns:
        Whether the name is new.

    Raises:
        PupilaError: no name, a password that is too short or too long, or a file that can't be written.
    """
    from pupila.artifacts.web import login

    return login.set_login(path, name, password)


def _make_guard(settings: "PageSettings", host: str) -> "Guard":
    """Who may use the page.

    Raises:
        PupilaError: other machines reach it, and there is no login.
    """
    from pupila.artifacts.web.listening import is_loopback
    from pupila.artifacts.web.login import LoginFile
    from pupila.artifacts.web.sessions import Guard

    if settings.login is None and not is_loopback(host):
        raise PupilaError(
            say("Other machines reach {host}, and the page has no login", host=host or "0.0.0.0"),
            expected=say("a file of logins"),
            remedy="pupila page login NAME --login logins.txt; pupila page ... --login logins.txt",
        )
    if settings.certificate is None and not is_loopback(host) and not settings.trusted_proxy:
        _log.warning(
            say(
                "Passwords and images are sent unencrypted: give the page a certificate, or a proxy with TLS."
            )
        )
    logins = None if settings.login is None else LoginFile(settings.login)
    return Guard(logins, settings.certificate is not None)
