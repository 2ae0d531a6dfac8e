"""How the settings expose a service to the network, checked before anything is loaded."""

import logging
from dataclasses import dataclass

from pupila.artifacts.web.access import AccessPolicy
from pupila.artifacts.web.exposure import (
    Certificate,
    Exposure,
    check_origins,
    check_proxies,
    pair_certificate,
)
from pupila.artifacts.web.listening import is_loopback
from pupila.artifacts.web.logs import ServiceLogs
from pupila.artifacts.web.rates import parse_rate
from pupila.artifacts.web.token_file import TokenFile
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.serve.settings import ServeSettings

LOCAL = "127.0.0.1"
_log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands between the network and a service."""

    exposure: Exposure
    logs: ServiceLogs
    certificate: Certificate | None  # None: plain http

    @property
    def scheme(self) -> str:
        """Of the addresses of the service."""
        return "http" if self.certificate is None else "https"


def open_gate(settings: ServeSettings, host: str) -> Gate:
    """The gate of a service that will listen on the host.

    Raises:
        PupilaError: other machines could use the service without a token and `open` is not set, settings that
            contradict each other, or files that can't be read.
    """
    _check_tokens(settings, host)
    rate = parse_rate(settings.address_rate)
    check_origins(settings.cors)
    check_proxies(settings.trusted_proxy)
    certificate = pair_certificate(settings.certificate, settings.key)
    if (
        settings.tokens is not None
        and certificate is None
        and not is_loopback(host)
        and not settings.trusted_proxy
    ):
        _log.warning(
            say(
                "Tokens and images are sent unencrypted: give the service a certificate, or a proxy with TLS."
            )
        )
    logs = ServiceLogs(settings.log_folder, settings.log_bytes, metrics=settings.emf is not None)
    try:
        tokens = None if settings.tokens is None else TokenFile(settings.tokens, logs.report)
    except PupilaError:
        logs.close()
        raise
    policy = AccessPolicy(tokens, rate, logs.report)
    exposure = Exposure(policy, (logs.record,), tuple(settings.cors), tuple(settings.trusted_proxy))
    return Gate(exposure, logs, certificate)


def _check_tokens(settings: ServeSettings, host: str) -> None:
    if settings.tokens is not None and settings.open:
        raise PupilaError(
            say("A service is open, or it has tokens"),
            actual="open, tokens",
            expected=say("one of the two settings"),
        )
    if settings.tokens is None and not settings.open and not is_loopback(host):
        raise PupilaError(
            say("Other machines reach {host}, and the service has no tokens", host=host or "0.0.0.0"),
            expected=say("tokens, or the word that it is open to everyone"),
            remedy="pupila token new --scopes predict --tokens tokens.json; pupila serve ... --tokens tokens.json "
            f"({say('or --open')})",
        )  # fmt: skip
