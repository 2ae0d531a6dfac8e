"""Secrets come from the environment or from a file, and never appear."""

from pathlib import Path

import pytest

from pupila.core.errors import PupilaError
from pupila.core.secrets import Secret, read_secret, scrub_password

KEY = "open sesame/1"


def test_a_secret_is_read_from_the_environment_or_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_secret("SOME_KEY") == ""
    file = tmp_path / "key"
    file.write_text(f"\n\t{KEY} \r\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(file))
    assert read_secret("SOME_KEY") == KEY
    monkeypatch.setenv("SOME_KEY", " ")
    assert Secret("SOME_KEY").value == KEY
    monkeypatch.delenv("SOME_KEY_FILE")
    monkeypatch.setenv("SOME_KEY", f" {KEY}\n")
    assert read_secret("SOME_KEY") == KEY
    assert Secret("SOME_KEY", value="given").value == "given"


def test_both_at_once_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(
        PupilaError, match=r"Both SOME_KEY and SOME_KEY_FILE are set.*(?s:.)*unset SOME_KEY"
    ) as fault:
        read_secret("SOME_KEY")
    assert KEY not in str(fault.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "Can't read {path}: found no such file"), (b" \n", "No secret in {path}: found an empty file"),
     (b"open sesame\xff", "No secret in {path}: found bytes that are no text"),
     (b"a" * 65_537, "No secret in {path}: found more than 65536 bytes")],
)  # fmt: skip
def test_a_bad_file_is_named_and_never_shown(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SOME_KEY_FILE", str(file))
    with pytest.raises(PupilaError) as fault:
        read_secret("SOME_KEY")
    assert str(fault.value).startswith(message.format(path=file))
    assert "as SOME_KEY_FILE names it" in str(fault.value)
    assert "sesame" not in str(fault.value)
    assert "sesame" not in str(fault.value.__cause__)


def test_a_folder_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path))
    with pytest.raises(PupilaError, match="Can't read"):
        read_secret("SOME_KEY")


def test_the_key_itself_instead_of_its_variable_is_refused_without_showing_it() -> None:
    with pytest.raises(PupilaError, match="must be the name of an environment variable") as fault:
        Secret("sk-open-sesame")
    assert "sesame" not in str(fault.value)


def test_a_needed_secret_that_is_missing_names_both_variables() -> None:
    with pytest.raises(PupilaError, match=r"SOME_KEY is empty.(?s:.)*SOME_KEY_FILE=PATH"):
        Secret("SOME_KEY", needed=True).require()


def test_a_secret_is_removed_as_it_is_and_as_addresses_have_it() -> None:
    secret = Secret("SOME_KEY", value=KEY)
    assert secret.scrub(f"'{KEY}', open%20sesame/1 and open%20sesame%2F1") == "'***', *** and ***"
    assert "sesame" not in repr(secret)
    assert Secret(None).scrub("nothing") == Secret("SOME_KEY", value="n").scrub("nothing") == "nothing"


def test_the_password_of_an_address_is_removed_wherever_it_stands() -> None:
    shown = scrub_password("db://ann:pa%24s@host/x", "pa$s, pa%24s and db://bob:other@host")
    assert shown == "***, *** and db://***@host"
    assert scrub_password("http://[", "http://a:b@c") == "http://***@c"


def test_an_invalid_argument_is_not_blamed_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PupilaError, match=r"^The given token is invalid") as fault:
        Secret("SOME_KEY", value="tök")
    assert "SOME_KEY" not in str(fault.value) and "tök" not in str(fault.value)
    monkeypatch.setenv("SOME_KEY", "tök")
    with pytest.raises(PupilaError, match=r"^The key in SOME_KEY is invalid.*(?s:.)*export SOME_KEY"):
        Secret("SOME_KEY")
