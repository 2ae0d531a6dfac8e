"""Logins: the file of hashes, and the guard of a page."""

import asyncio
import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from pupila.artifacts.web import login as login_module
from pupila.artifacts.web.login import LoginFile, read_logins, set_login
from pupila.artifacts.web.sessions import Guard, PageGuard
from pupila.core.errors import PupilaError

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_module, "_COST", 2)


def test_a_login_is_stored_as_a_salted_hash_for_its_owner_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "logins.txt")
    assert set_login(path, "ana", PASSWORD) and set_login(path, "bob", PASSWORD)
    assert not set_login(path, "ana", PASSWORD)
    text = Path(path).read_text()
    assert PASSWORD not in text and len(set(read_logins(path).values())) == 2
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    logins = LoginFile(path)
    assert logins.check("ana", PASSWORD) and logins.check("bob", PASSWORD)
    assert not any(logins.check(name, word) for name, word in (("ana", "other"), ("eve", PASSWORD), ("", "")))


def test_the_hash_is_that_of_scrypt() -> None:
    salt = b"0" * 16
    own = login_module._hash(PASSWORD, salt)
    assert own == hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2, r=8, p=1, dklen=32)


def test_a_changed_file_is_read_again_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "logins.txt"
    set_login(str(path), "ana", PASSWORD)
    logins = LoginFile(str(path))
    set_login(str(path), "bob", PASSWORD)
    assert logins.check("bob", PASSWORD)
    path.write_text("ana:" + PASSWORD)
    assert logins.check("ana", PASSWORD)
    with pytest.raises(PupilaError, match="Damaged") as fault:
        read_logins(str(path))
    assert PASSWORD not in str(fault.value)


@pytest.mark.parametrize(("name", "password"), [("a:b", PASSWORD), ("", PASSWORD), ("ana", "short")])
def test_what_is_no_name_or_password_is_refused(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(PupilaError):
        set_login(str(tmp_path / "logins.txt"), name, password)
    with pytest.raises(PupilaError, match="No file of logins"):
        LoginFile(str(tmp_path / "logins.txt"))


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(Request(scope).scope.get("state", {}).get("visitor", "nobody"))(
        scope, receive, send
    )


def call(
    guard: PageGuard,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    address: str = "10.0.0.1",
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a response."""
    sent: list[Any] = []
    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "client": (address, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], received, b"".join(each.get("body", b"") for each in sent[1:]).decode()


LOCAL, OWN = {"host": "127.0.0.1:80"}, {"host": "page.example", "origin": "https://page.example"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[PageGuard, str]]:
    path = str(tmp_path / "logins.txt")
    set_login(path, "ana", PASSWORD)
    yield PageGuard(_inner, Guard(LoginFile(path)), lambda path: path == "/"), path


def log_in(
    guard: PageGuard, password: str = PASSWORD, name: str = "ana", address: str = "10.0.0.1", **headers: str
) -> tuple[int, dict[str, str], str]:
    form = f"name={name}&password={password.replace(' ', '+')}".encode()
    return call(guard, "POST", "/login", {**OWN, **headers}, form, address)


def test_without_a_login_only_this_machine_under_its_own_name_is_served() -> None:
    guard = PageGuard(_inner, Guard(), lambda path: path == "/")
    assert call(guard, "GET", "/", LOCAL)[0] == 200
    assert call(guard, "GET", "/", {"host": "[::1]:80"})[0] == 200
    foreign = [{**LOCAL, "origin": origin} for origin in ("http://evil.example", "http://[x", "127.0.0.1:80")]
    for headers in ({"host": "evil.example"}, {}, *foreign):
        assert call(guard, "GET", "/", headers)[0] == 403
    assert call(guard, "POST", "/", LOCAL)[0] == 403
    assert call(guard, "POST", "/", {**LOCAL, "origin": "http://127.0.0.1:80"})[0] == 200
    assert call(guard, "GET", "/config", LOCAL)[0] == 404


def test_a_session_opens_the_page_until_its_password_changes(guarded: tuple[PageGuard, str]) -> None:
    guard, path = guarded
    assert call(guard, "GET", "/", OWN)[:1] == (303,)
    assert call(guard, "GET", "/config", OWN)[0] == 401
    assert log_in(guard, "wrong")[0] == 401
    status, headers, _ = log_in(guard)
    cookie = headers["set-cookie"]
    assert status == 303 and cookie.startswith("__Host-pupila_session=")
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in cookie
    shown = {**OWN, "cookie": cookie.partition(";")[0]}
    assert call(guard, "GET", "/", shown)[::2] == (200, "ana")
    assert call(guard, "GET", "/", {**shown, "cookie": shown["cookie"] + "x"})[0] == 303
    assert call(guard, "GET", "/config", shown)[0] == 404
    set_login(path, "ana", PASSWORD)
    assert call(guard, "GET", "/", shown)[0] == 303


def test_another_sites_form_logs_nobody_in_or_out(guarded: tuple[PageGuard, str]) -> None:
    guard, _ = guarded
    assert log_in(guard, origin="https://evil.example")[0] == 403
    assert log_in(guard, origin="null")[0] == 403
    plain = log_in(guard, origin="http://page.example")[1]["set-cookie"]
    assert "Secure" not in plain and plain.startswith("pupila_session=")
    shown = {**OWN, "cookie": plain.partition(";")[0]}
    assert call(guard, "GET", "/logout", shown)[0] == 404
    assert call(guard, "POST", "/logout", shown)[0] == 303
    assert call(guard, "GET", "/", shown)[0] == 303


def test_attempts_are_limited_and_long_forms_refused(guarded: tuple[PageGuard, str]) -> None:
    guard, _ = guarded
    assert call(guard, "POST", "/login", OWN, b"name=" + b"a" * 10_000)[0] == 413
    many = b"&".join(b"a=1" for _ in range(9))
    assert call(guard, "POST", "/login", OWN, many)[0] == 413
    assert [log_in(guard, "wrong")[0] for _ in range(11)] == [401] * 10 + [429]
    assert log_in(guard)[0] == 429


def test_only_failures_of_one_client_with_one_name_count(guarded: tuple[PageGuard, str]) -> None:
    guard, path = guarded
    set_login(path, "bob", PASSWORD)
    assert [log_in(guard)[0] for _ in range(12)] == [303] * 12
    for address in range(2, 20):
        statuses = [log_in(guard, "wrong", address=f"10.0.0.{address}")[0] for _ in range(11)]
        assert statuses == [401] * 10 + [429]
    assert log_in(guard)[0] == 303
    assert log_in(guard, name="bob", address="10.0.0.2")[0] == 303
    statuses = [log_in(guard, name=f"name{n}", address="10.0.0.2")[0] for n in range(51)]
    assert statuses == [401] * 50 + [429]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"])
def test_the_form_takes_no_other_method(guarded: tuple[PageGuard, str], method: str) -> None:
    status, headers, _ = call(guarded[0], method, "/login", OWN)
    assert (status, headers["allow"]) == (405, "GET, HEAD, POST")
