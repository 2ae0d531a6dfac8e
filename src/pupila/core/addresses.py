"""Addresses without what only their user may know: users, passwords and tokens."""

import re

HIDDEN = "***"
# User and password of an address; also a user alone, which is how tokens are given, but for a container of Azure's.
_USER = re.compile(
    r"(?<=://)(?:(?<!abfs://)(?<!abfss://)(?<!az://)[^/\s'\"]+|[^/\s'\":]*:[^/\s'\"]*)@"
)  # fmt: skip
# Each begins after a separator and ends before the next one, so that a text of any form takes linear time.
_NAME = re.compile(r"(?<=[?&;])([^=&;?\s'\"]+)=")
_VALUE = re.compile(r"[^&;\s'\"]+")
_SECRET = re.compile(r"key|token|secret|passw(?:or)?d|signature|credential|^(?:auth|pwd|sig)$", re.IGNORECASE)


def scrub_addresses(text: str) -> str:
    """The text without users, passwords and tokens of the addresses in it: `s3://***@host/a?token=***`."""
    if "://" not in text:  # nearly every text
        return text
    return _scrub_parameters(_USER.sub(f"{HIDDEN}@", text))


def _scrub_parameters(text: str) -> str:
    parts, end = [], 0
    for name in _NAME.finditer(text):
        if name.start() < end or not _SECRET.search(name[1]):
            continue
        if value := _VALUE.match(text, name.end()):
            parts += [text[end : name.end()], HIDDEN]
            end = value.end()
    return "".join([*parts, text[end:]])
