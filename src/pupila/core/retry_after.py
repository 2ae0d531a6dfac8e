"""How long a server asks its clients to wait: the header Retry-After, in seconds or as a date (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def read_retry_after(value: str) -> float | None:
    """Seconds from now, 0 for a date in the past; None for an absent or malformed header.

    Args:
        value: of the header; empty where it is absent.
    """
    if _SECONDS.fullmatch(value := value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        # A date without a zone is one of GMT.
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
