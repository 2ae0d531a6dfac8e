"""Variables that hold a secret, by their name or by their value."""

import re

_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_KEY|ACCESS_KEY_ID|PRIVATE_KEY)(_ID)?$",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|-----BEGIN [A-Z ]*PRIVATE KEY")


def is_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret; the path of a file with one is none."""
    return bool(_VALUE.search(value)) or (bool(_NAME.search(name)) and not value.startswith("/"))
