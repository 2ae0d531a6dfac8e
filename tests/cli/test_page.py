"""`pupila page` and `pupila page login`, without a browser."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from pupila.api.client import Client
from pupila.api.page import serve_page
from pupila.artifacts.web.client_errors import RefusedRequest, ServiceError, ServiceUnreachable
from pupila.artifacts.web.login import LoginFile, set_login
from pupila.cli.run import run
from pupila.core.errors import PupilaError


def test_a_login_is_read_from_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "logins.txt")
    for line, message in (
        ("correct horse", "ana can log in."),
        ("battery staple", "The password of ana is changed."),
    ):
        monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))
        assert run(["page", "login", "ana", "--login", path]) == 0
        assert message in capsys.readouterr().out
    logins = LoginFile(path)
    assert logins.check("ana", "battery staple") and not logins.check("ana", "correct horse")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("http://127.0.0.1:1", "--host", "0.0.0.0"), "the page has no login"),
        (("nonsense",), "Not the address of a service"),
        (("127.0.0.1:8963",), "Try: put http:// or https:// before it"),
        (("http://127.0.0.1:1", "--token-file", "none.txt"), "found no such file"),
        (("http://127.0.0.1:1", "--token-file", "none.txt"), "Try: correct the path"),
        (("http://127.0.0.1:1", "--login", "none.txt"), "No file of logins"),
        (("http://127.0.0.1:1", "--token-file", "none.txt"), "Can't read none.txt"),
        (("http://127.0.0.1:1", "--key", "none.pem"), "TLS needs a certificate"),
        (("http://127.0.0.1:1", "--trusted-proxy", "proxy"), "Invalid trusted proxy"),
    ],
)
def test_what_can_not_be_served_is_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["page", *arguments]) != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "proxies", "warns"),
    [("0.0.0.0", [], True), ("0.0.0.0", ["10.0.0.1"], False), ("127.0.0.1", [], False)],
)
def test_passwords_over_plain_http_are_warned_of(
    host: str, proxies: list[str], warns: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "logins.txt")
    set_login(path, "ana", "correct horse")
    with pytest.raises(PupilaError, match="Not the address of a service"):
        serve_page("nonsense", None, host, 0, lambda *_: None, {"login": path, "trusted_proxy": proxies})
    assert ("unencrypted" in caplog.text) == warns


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            ServiceUnreachable("Can't reach it", "refused"),
            "Can't reach it: refused. Try: start it with pupila serve",
        ),
        (
            ServiceError("No token", "", "", "curl", RefusedRequest(401, "r", "unauthenticated")),
            "--token-file FILE",
        ),
    ],
)
def test_a_service_that_can_not_be_used_is_warned_of_at_the_start(
    fault: PupilaError, message: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise fault

    monkeypatch.setattr(Client, "info", fail)
    monkeypatch.setattr("pupila.stages.page.app.make_page_app", lambda *_: None)
    monkeypatch.setattr("pupila.artifacts.web.run.run", lambda *_: None)
    serve_page("http://127.0.0.1:1", None, "127.0.0.1", 0, lambda *_: None, {})
    assert message in caplog.text and "curl" not in caplog.text


def test_the_help_does_not_load_gradio() -> None:
    code = "import sys; from pupila.cli.run import run; run(['page', '--help']); sys.exit('gradio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
