import pytest

from pupila.core.durations import parse_seconds
from pupila.core.errors import PupilaError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1.5h", 5400), (" 2 m ", 120), ("30d", 2_592_000)]
)
def test_a_time_has_a_unit(text: str, seconds: float) -> None:
    assert parse_seconds(text, "Invalid budget") == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "-1m", "0s", "1w", "1m30s", "\u0663m", "1e3s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(PupilaError, match="Invalid budget"):
        parse_seconds(text, "Invalid budget")
