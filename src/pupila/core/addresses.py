"""Addresses without what only their user may know: users, passwords and tokens."""

import re

HIDDEN = "***"
# User and password of an address; also a user alone, which is how tokens are given, but for a container of Azure's.
_USER = re.compile(
    r"(?<=://)(?:(?<!abfs://)(?<!abfss://)(?<!az://)[^/\s'\"]+|[^/\s'\":]*:[^/\s'\"]*)@"
)  # fmt: skip
_PARAMETER = re.compile(
    r"(?<=[?&;])([^=&;\s'\"]*(?:key|token|secret|passw(?:or)?d|signature|credential)[^=&;\s'\"]*|auth|pwd|sig)"
    r"=[^&;\s'\"]+", re.IGNORECASE,
)  # fmt: skip


def scrub_addresses(text: str) -> str:
    """The text without users, passwords and tokens of the addresses in it: `s3://***@host/a?token=***`."""
    if "://" not in text:  # nearly every text
        return text
    return _PARAMETER.sub(rf"\1={HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
