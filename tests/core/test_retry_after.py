"""Retry-After in both of its forms."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pupila.core.retry_after import read_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
    ],
)
def test_seconds_and_dates_of_the_past(value: str, seconds: float) -> None:
    assert read_retry_after(value) == seconds


def test_a_date_of_the_future() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    seconds = read_retry_after(soon)
    assert seconds is not None
    assert 290 < seconds <= 300


@pytest.mark.parametrize(
    "value", ["", "soon", "-3", "inf", "nan", "1e3", "٣", "Wed, 99 Oct 2015 07:28:00 GMT", "9" * 20 + " Oct"]
)
def test_what_is_neither_is_absent(value: str) -> None:
    assert read_retry_after(value) is None
