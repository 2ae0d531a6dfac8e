"""How a service meets the network: who may use it, who stands between, and what is recorded."""

import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pupila.artifacts.web.access import AccessPolicy
from pupila.artifacts.web.observing import Listener
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_ORIGIN = re.compile(r"https?://[^/\s?#@*]+", re.ASCII | re.IGNORECASE)
ANY_ORIGIN = "*"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of TLS.

    Args:
        chain: PEM file of the certificate, with those between it and a known authority.
        key: PEM file of its private key.

    Raises:
        PupilaError: a file can't be read, or they do not fit.
    """

    chain: str
    key: str

    def __post_init__(self) -> None:
        for path in (self.chain, self.key):
            if not Path(path).is_file():
                raise PupilaError(say("No such file: {path}", path=path), expected=say("a PEM file"))
        try:
            # Without a password: else OpenSSL asks for it on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.chain, self.key, password="")
        except (ssl.SSLError, OSError, ValueError) as fault:
            raise PupilaError(
                say("Can't use the certificate {chain} with the key {key}", chain=self.chain, key=self.key),
                str(fault), say("a certificate and its private key, both PEM, without a password"),
            ) from fault  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a service is to the network.

    Args:
        policy: who may use which route; None: whoever reaches the app, as with pages that are served to this machine
            only.
        listeners: called at the end of every request.
        origins: of the pages that may call the service from browsers.
        proxies: addresses or networks whose X-Forwarded-For is believed.
    """

    policy: AccessPolicy | None = None
    listeners: Sequence[Listener] = ()
    origins: Sequence[str] = ()
    proxies: Sequence[str] = ()


def check_origins(origins: Sequence[str]) -> None:
    """Refuse what is no origin of a page.

    Raises:
        PupilaError: such as one with a path.
    """
    for origin in origins:
        if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
            raise PupilaError(
                say("Invalid origin"),
                repr(origin),
                say("scheme and host, such as https://shop.example, or *"),
            )


def check_proxies(proxies: Sequence[str]) -> None:
    """Refuse what is no address and no network.

    Raises:
        PupilaError: such as a host's name.
    """
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as fault:
            raise PupilaError(
                say("Invalid trusted proxy"), repr(proxy), say("an address or a network, such as 10.0.0.0/8")
            ) from fault


def pair_certificate(chain: str | None, key: str | None) -> Certificate | None:
    """The files of TLS as settings name them; None: plain HTTP.

    Raises:
        PupilaError: one of them is missing, can't be read, or they do not fit.
    """
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise PupilaError(
            say("TLS needs a certificate and its key"),
            say("only the setting {name}", name="key" if chain is None else "certificate"),
            remedy="--certificate chain.pem --key key.pem",
        )
    return Certificate(chain, key)
