"""What is hidden in addresses, and what is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.core.addresses import scrub_addresses
from pupila.core.errors import PupilaError
from pupila.core.messages import say


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg2://ann:pa%24s@db:5432/x", "postgresql+psycopg2://***@db:5432/x"),
        ("https://ghp_token@example.org/a", "https://***@example.org/a"),
        ("ftp://ann:p@ss@host/x@y", "ftp://***@host/x@y"),
        ("abfs://ann:pass@account/x", "abfs://***@account/x"),
        ("s3://KEY:SECRET@bucket/data", "s3://***@bucket/data"),
        ("see 'http://a:b@c/d' and http://e:f@g", "see 'http://***@c/d' and http://***@g"),
        ("http://x/a?api_key=1&page=2;Token=3", "http://x/a?api_key=***&page=2;Token=***"),
        ("https://s3/x?X-Amz-Signature=ab&X-Amz-Credential=cd&sig=ef", "https://s3/x?X-Amz-Signature=***&X-Amz-Credential=***&sig=***"),
    ],
)  # fmt: skip
def test_users_passwords_and_tokens_are_hidden(text: str, shown: str) -> None:
    assert scrub_addresses(text) == shown
    assert scrub_addresses(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "abfs://container@account.dfs.core.windows.net/x", "https://medium.com/@ann/post", "ann@example.org",
        "http://x/a?page=2&design=3", "C:\\data\\a@b", "s3://bucket/a@b.jpg",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub_addresses(text) == text


def test_every_sentence_and_every_error_hides_them() -> None:
    address = "ftp://ann:pass-word@host/x"
    assert say("{path} is empty", path=address) == "ftp://***@host/x is empty"
    assert "pass-word" not in str(PupilaError("Can't read it", address, address, f"open {address}"))


LONG = 65_536  # characters, as many as a service takes in headers


@pytest.mark.parametrize(
    ("start", "part", "end", "hidden"),
    [
        ("a://", "?key", "", None), ("a://?", "key", "", None), ("a://", "?key", "=1 b", "=*** b"),
        ("a://?", "token", "=1", "=***"), ("a://", "?a=b", "", None), ("a://?", "=", "", None), ("a://", "&", "", None),
        ("", "a://", "", None), ("", "abfs://", "", None), ("a://", "a:", "", None), ("a://", "@", "x", "://***@x"),
        ("", "a://b:c@", "x", "://***@x"), ("a://", "@/", "x", None), ("a://?key=", "?key=1", "", "?key=***"),
        ("abfs://", "a:", "@x", "://***@x"), ("a://", "'?key=1", "'", "'?key=***'"),
    ],
)  # fmt: skip
def test_long_hostile_texts_are_scrubbed_and_nothing_hangs(
    start: str, part: str, end: str, hidden: str | None
) -> None:
    text = start + part * (LONG // len(part)) + end
    shown = scrub_addresses(text)
    assert shown == text if hidden is None else shown.endswith(hidden) and shown != text


@given(
    st.lists(
        st.sampled_from(["a://", "?", "&", ";", "key", "Token", "=", "@", ":", "/", "'", " ", "sig", "x"])
    ),
    st.text(),
)
def test_repeated_texts_of_any_parts_are_scrubbed_and_what_is_hidden_stays_so(
    parts: list[str], rest: str
) -> None:
    unit = "".join(parts) + rest
    shown = scrub_addresses("a://" + unit * (LONG // max(len(unit), 1)))
    assert shown == scrub_addresses(shown)


def test_the_parameters_of_a_value_with_an_address_are_hidden_too() -> None:
    assert scrub_addresses("a://b?next=/c?key=1") == "a://b?next=/c?key=***"
    assert scrub_addresses("a://b?key=1?token=2&x=3") == "a://b?key=***&x=3"
