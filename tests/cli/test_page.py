"""`pupila page` and `pupila page login`, without a browser."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from pupila.api.page import serve_page
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


def test_the_help_does_not_load_gradio() -> None:
    code = "import sys; from pupila.cli.run import run; run(['page', '--help']); sys.exit('gradio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
