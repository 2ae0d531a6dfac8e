"""Change a bundle's `bundle.json` and seal it again, as whoever owns the folder can."""

import hashlib
import json
from pathlib import Path
from typing import Any


def read_fields(home: Path) -> dict[str, Any]:
    """The fields of `bundle.json`."""
    fields = json.loads((home / "bundle.json").read_text())
    assert isinstance(fields, dict)
    return fields


def edit_info(home: Path, **values: object) -> Path:
    """Change fields of `bundle.json`, and seal it again."""
    return seal_text(home, json.dumps(read_fields(home) | values | {"hash": ""}))


def edit_text(home: Path, old: str, new: str) -> Path:
    """Replace text in `bundle.json` as it stands there, and seal it again."""
    text = (home / "bundle.json").read_text()
    unsealed = text.replace(str(read_fields(home)["hash"]), "", 1)
    assert old in unsealed
    return seal_text(home, unsealed.replace(old, new, 1))


def edit_file(home: Path, name: str, content: bytes) -> Path:
    """Replace or add a listed file, with its hash renewed."""
    (home / name).parent.mkdir(exist_ok=True)
    (home / name).write_bytes(content)
    return edit_info(home, files={**read_fields(home)["files"], name: hashlib.sha256(content).hexdigest()})


def seal_text(home: Path, unsealed: str) -> Path:
    """Write `bundle.json` with the hash of its text."""
    data = unsealed.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).hexdigest()
    (home / "bundle.json").write_bytes(data.replace(b'"hash": ""', f'"hash": "{digest}"'.encode(), 1))
    return home
