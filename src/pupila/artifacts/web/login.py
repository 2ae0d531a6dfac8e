"""Who may open a page: a file of names and salted password hashes, which is read again when it changes."""

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from pathlib import Path

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_log = logging.getLogger("uvicorn.error")
_COST, _BLOCK, _SALT, _KEY = 2**15, 8, 16, 32  # of scrypt: 32 MiB a hash; bytes of salt and hash
_MEMORY = 2 * 128 * _COST * _BLOCK  # bytes that it may take
_SHORTEST, _LONGEST = 8, 1024  # characters of a password
_MOST_BYTES = 1_000_000  # of the file
_RETRY = 1.0  # seconds until a file that can't be read is tried again
_NAME = re.compile(r"[\w.@+-]{1,64}")
_LINE = re.compile(r"(?P<name>[\w.@+-]{1,64}):(?P<salt>[A-Za-z0-9+/]{22}==)\$(?P<key>[A-Za-z0-9+/]{43}=)")
_NOBODY = "$".join((base64.b64encode(bytes(_SALT)).decode(), base64.b64encode(bytes(_KEY)).decode()))


class LoginFile:
    """The names and hashes of a file with lines `name:salt$hash`.

    A changed file that can't be read is reported, and what was read before stays in force.

    Args:
        path: of the file.

    Raises:
        PupilaError: the file can't be read, or has no name.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp = self._read_stamp()
        self._next = 0.0  # when it is read again after a failure, monotonic
        self._hashes = read_logins(path)

    def find(self, name: str) -> str | None:
        """The salt and hash of a name; None: the file has no such name."""
        self._refresh()
        return self._hashes.get(name)

    def check(self, name: str, password: str) -> bool:
        """Whether the password is that of the name; takes as long where there is no such name."""
        known = self.find(name)
        salt, key = (known or _NOBODY).split("$")
        given = _hash(password[:_LONGEST], base64.b64decode(salt))
        return hmac.compare_digest(given, base64.b64decode(key)) and known is not None

    def _refresh(self) -> None:
        stamp = self._read_stamp()
        if stamp == self._stamp or time.monotonic() < self._next:
            return
        try:
            self._hashes = read_logins(self.path)
        except PupilaError as fault:
            self._next = time.monotonic() + _RETRY
            problem = " ".join(str(fault).split())
            _log.error(say("{problem} The earlier logins stay in force.", problem=problem))
            return
        self._stamp = stamp

    def _read_stamp(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 -- at each request
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def read_logins(path: str) -> dict[str, str]:
    """Name -> salt and hash; empty lines and lines with # are skipped.

    Raises:
        PupilaError: the file can't be read, a line is damaged, or no name is left.
    """
    remedy = f"pupila page login NAME --login {path}"
    try:
        if not Path(path).is_file() or Path(path).stat().st_size > _MOST_BYTES:
            raise PupilaError(say("No file of logins: {path}", path=path), remedy=remedy)
        content = Path(path).read_bytes()
    except OSError as fault:
        raise PupilaError(
            say("Can't read {path}", path=path), fault.strerror or str(fault), remedy=remedy
        ) from None
    hashes = _parse(path, content)
    if not hashes:
        raise PupilaError(say("No names in the file of logins: {path}", path=path), remedy=remedy)
    return hashes


def _parse(path: str, content: bytes) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:  # it may be a password: it is not shown
            raise PupilaError(
                say("Damaged file of logins: {path}", path=path), say("line {n}", n=number),
                say("name:salt$hash"), f"pupila page login NAME --login {path}",
            )  # fmt: skip
        hashes[match["name"]] = f"{match['salt']}${match['key']}"
    return hashes


def set_login(path: str, name: str, password: str) -> bool:
    """Add a name with its password, or replace the password of a name; only the owner may read a new file.

    Returns:
        Whether the name is new.

    Raises:
        PupilaError: no name, a password that is too short or too long, or a file that can't be written.
    """
    if not _NAME.fullmatch(name):
        raise PupilaError(say("Invalid name"), repr(name), say("letters, digits and . @ + - _, at most 64"))
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise PupilaError(
            say("Invalid password"), say("{n} characters", n=len(password)),
            say("from {least} to {most} characters", least=_SHORTEST, most=_LONGEST),
        )  # fmt: skip
    salt = secrets.token_bytes(_SALT)
    parts = (base64.b64encode(part).decode() for part in (salt, _hash(password, salt)))
    text, is_new = "$".join(parts), True

    def replace(content: bytes) -> bytes:
        nonlocal is_new
        hashes = _parse(path, content)
        is_new = name not in hashes
        return "".join(f"{other}:{known}\n" for other, known in {**hashes, name: text}.items()).encode()

    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        files.update(path, replace)
    except OSError as fault:
        raise PupilaError(
            say("Can't write {path}", path=path), fault.strerror or str(fault), say("a writable folder")
        ) from fault
    return is_new


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "replace"), salt=salt, n=_COST, r=_BLOCK, p=1, maxmem=_MEMORY, dklen=_KEY
    )
