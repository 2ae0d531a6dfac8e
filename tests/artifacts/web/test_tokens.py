"""The file of tokens: what it has, what it never has, and how tokens change."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pupila.artifacts.web import token_file
from pupila.artifacts.web.logs import SecurityEvent
from pupila.artifacts.web.token_file import TokenFile
from pupila.artifacts.web.tokens import add_token, hash_secret, read_tokens, revoke_token, rotate_token
from pupila.core.errors import PupilaError

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(**later: float) -> datetime:
    return START + timedelta(**later)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "tokens.json")


def test_the_file_has_the_hash_and_never_the_secret(path: str) -> None:
    token, secret = add_token(path, ["predict", "metrics"], 90 * 86_400, "60/min", "the shop", lambda: START)
    text = Path(path).read_text()
    assert secret not in text and secret.rpartition("_")[2] not in text
    assert json.loads(text) == {"schema": 1, "tokens": [{
        "id": token.id, "name": "the shop", "sha256": hash_secret(secret), "scopes": ["predict", "metrics"],
        "rate": "60/min", "not_before": "2026-01-01T00:00:00Z", "expires": "2026-04-01T00:00:00Z", "revoked": None,
        "replaced_by": None,
    }]}  # fmt: skip
    assert len(secret) >= 40 + len("pupila_") and secret.startswith(f"pupila_{token.id}_")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_only_the_owner_reads_the_file(path: str) -> None:
    for _ in range(2):
        add_token(path, ["predict"], None, None, "")
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "\x1b[2J", "x" * 101])
def test_names_stand_in_one_line(path: str, name: str) -> None:
    with pytest.raises(PupilaError, match="Invalid name"):
        add_token(path, ["predict"], None, None, name)


def test_scopes_stand_in_one_order_and_once(path: str) -> None:
    token, _ = add_token(path, ["admin", "predict", "admin"], None, None, "")
    assert token.scopes == ("predict", "admin")


@pytest.mark.parametrize(
    ("scopes", "rate", "match"),
    [([], None, "Invalid scopes: found none"), (["predict", "root"], None, "found root"), (["predict"], "60", "rate"),
     (["predict"], "0/min", "rate"), (["predict"], "5/week", "rate"), (["predict"], "9999999/s", "rate")],
)  # fmt: skip
def test_what_no_token_can_have_is_refused(
    path: str, scopes: list[str], rate: str | None, match: str
) -> None:
    with pytest.raises(PupilaError, match=match):
        add_token(path, scopes, None, rate, "")
    assert not Path(path).exists() or not read_tokens(path)


def test_a_token_is_valid_between_its_beginning_and_its_end(path: str) -> None:
    token, _ = add_token(path, ["predict"], 60, None, "", lambda: START)
    states = [token.find_state(at(seconds=seconds)) for seconds in (-1, 0, 59, 60)]
    assert states == ["early", "valid", "valid", "expired"]


def test_a_rotated_token_lives_for_the_overlap_and_the_new_one_as_long_as_it_did(path: str) -> None:
    old, _ = add_token(path, ["predict"], 30 * 86_400, "5/s", "shop", lambda: START)
    new, secret, ended = rotate_token(path, old.id, 3600, lambda: at(days=10))
    assert (ended.expires, ended.replaced_by) == (at(days=10, hours=1), new.id)
    with pytest.raises(PupilaError, match=f"rotate {new.id}"):  # else its new lifetime would be the overlap
        rotate_token(path, old.id, 3600, lambda: at(days=10))
    assert (new.scopes, new.rate, new.name, new.expires) == (old.scopes, old.rate, old.name, at(days=40))
    assert [token.id for token in read_tokens(path)] == [old.id, new.id]
    assert new.sha256 == hash_secret(secret)


def test_an_overlap_never_makes_a_token_live_longer(path: str) -> None:
    old, _ = add_token(path, ["predict"], 60, None, "", lambda: START)
    assert rotate_token(path, old.id, 86_400, lambda: START)[2].expires == old.expires


def test_a_token_that_is_valid_no_more_is_not_rotated(path: str) -> None:
    old, _ = add_token(path, ["predict"], None, None, "", lambda: START)
    revoked = revoke_token(path, old.id, lambda: at(days=1))
    assert revoked.find_state(at(days=1)) == "revoked"
    assert revoke_token(path, old.id, lambda: at(days=2)) == revoked
    with pytest.raises(PupilaError, match="revoked"):
        rotate_token(path, old.id, 60, lambda: at(days=2))


def test_an_unknown_token_is_refused_with_those_that_there_are(path: str) -> None:
    token, _ = add_token(path, ["predict"], None, None, "")
    _, other = add_token(path + "2", ["predict"], None, None, "")
    with pytest.raises(PupilaError, match=token.id) as fault:
        revoke_token(path, other)
    assert other not in str(fault.value)


def test_a_token_is_named_by_its_secret_too(path: str) -> None:
    token, secret = add_token(path, "predict, metrics", None, None, "")
    assert token.scopes == ("predict", "metrics")
    assert revoke_token(path, secret).id == token.id


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 2, "tokens": []}', '{"schema": 1}', '{"schema": 1, "tokens": [{}]}'],
)
def test_a_damaged_file_is_refused(path: str, content: str) -> None:
    Path(path).write_text(content)
    with pytest.raises(PupilaError):
        read_tokens(path)


def test_a_missing_file_names_the_command(path: str) -> None:
    with pytest.raises(PupilaError, match="pupila token new"):
        read_tokens(path)


class Service:
    """A file of tokens as a service reads it."""

    def __init__(self, path: str) -> None:
        self.events: list[SecurityEvent] = []
        self.file = TokenFile(path, self.events.append)

    def states(self, *secrets: str) -> list[str]:
        return [self.file.identify(secret).state for secret in secrets]


def test_a_service_reads_the_file_again_when_it_changes(path: str) -> None:
    first, old = add_token(path, ["predict"], None, None, "")
    service = Service(path)
    _, new = add_token(path, ["predict"], None, None, "")
    assert service.states(old, new, old[:-1], "", "pupila_") == [
        "valid",
        "valid",
        "unknown",
        "unknown",
        "unknown",
    ]
    revoke_token(path, first.id)
    assert service.states(old, new) == ["revoked", "valid"]
    assert [event.outcome for event in service.events] == ["tokens-read", "tokens-read"]


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), lambda path: path.unlink()])
def test_a_damaged_file_leaves_the_tokens_in_force(path: str, damage: object) -> None:
    _, secret = add_token(path, ["predict"], None, None, "")
    content = Path(path).read_bytes()
    service = Service(path)
    damage(Path(path))  # type: ignore[operator]
    assert service.states(secret, secret) == ["valid", "valid"]
    assert [event.outcome for event in service.events] == ["tokens-damaged"]
    Path(path).write_bytes(content)
    assert service.states(secret) == ["valid"]
    assert [event.outcome for event in service.events] == ["tokens-damaged", "tokens-read"]


def test_a_file_that_can_not_be_read_for_a_moment_is_tried_again(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, secret = add_token(path, ["predict"], None, None, "")
    service = Service(path)
    revoke_token(path, token.id)

    def fail(_: str) -> None:
        raise PupilaError("Can't read it: too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(token_file, "read_tokens", fail)
        assert service.states(secret) == ["valid"]
        assert service.states(secret) == ["valid"]
    monkeypatch.setattr(token_file, "_RETRY", 0.0)
    service.file._next = 0.0
    assert service.states(secret) == ["revoked"]
    assert [event.outcome for event in service.events] == ["tokens-damaged", "tokens-read"]


@pytest.mark.parametrize("remote", ["s3://bucket/tokens.json", "memory://tokens.json"])
def test_tokens_lie_on_the_machine_of_the_service(remote: str) -> None:
    for work in (read_tokens, lambda path: add_token(path, ["predict"], None, None, ""),
                 lambda path: revoke_token(path, "0" * 8)):  # fmt: skip
        with pytest.raises(PupilaError, match="its own machine"):
            work(remote)


def test_what_is_no_file_of_tokens_is_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(10_000_001)
    for name in ("pipe", "large", "."):
        with pytest.raises(PupilaError, match="Not a file of tokens"):
            read_tokens(str(tmp_path / name))


def test_only_a_new_token_makes_the_file(path: str) -> None:
    with pytest.raises(PupilaError, match="No file of tokens"):
        revoke_token(path, "0" * 8)
    assert not Path(path).exists()


def test_the_id_of_a_token_is_no_secret(path: str) -> None:
    token, secret = add_token(path, ["predict"], None, None, "")
    service = Service(path)
    assert (
        service.states(f"pupila_{token.id}_", f"pupila_{token.id}_{'A' * 43}", secret + "A", secret.upper())
        == ["unknown"] * 4
    )
