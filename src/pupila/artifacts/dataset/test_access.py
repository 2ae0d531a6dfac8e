"""`openings.jsonl`: every look at the sealed test split, so that a second one is said."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pupila.core import files
from pupila.core.vocabulary import OPENINGS_FILE, SPLITS_FILE


@dataclass(frozen=True, slots=True)
class Opening:
    """One look."""

    time: str  # ISO 8601, UTC
    model: str  # hash of the bundle, or of the table of answers
    command: str


def openings(home: str) -> list[Opening]:
    """The looks so far, the first one first; a damaged line counts as a look at nothing known."""
    uri = files.join(home, OPENINGS_FILE)
    if not files.exists(uri):
        return []
    found = []
    for line in files.read_bytes(uri).decode(errors="replace").splitlines():
        try:
            told = json.loads(line)
            found.append(Opening(str(told["time"]), str(told["model"]), str(told["command"])))
        except (ValueError, KeyError, TypeError):
            found.append(Opening("", "", line[:80]))
    return found


def record(home: str, models: list[str], command: str) -> None:
    """Note a look of some models at the test split."""
    now = datetime.now(UTC).isoformat()
    lines = [json.dumps(asdict(Opening(now, model, command)), ensure_ascii=False) for model in models]
    uri = files.join(home, OPENINGS_FILE)
    before = files.read_bytes(uri) if files.exists(uri) else b""
    files.write_bytes(uri, before + ("\n".join(lines) + "\n").encode())


def set_aside(home: str, split: str) -> None:
    """Keep the split of this hash, and the looks at its test images, beside the one that is to come."""
    for name in (SPLITS_FILE, OPENINGS_FILE):
        uri = files.join(home, name)
        if files.exists(uri):
            files.write_bytes(_beside(home, name, split), files.read_bytes(uri))
    files.remove(files.join(home, OPENINGS_FILE))


def bring_back(home: str, split: str) -> None:
    """Take the looks at a split that was there before: it has been looked at before."""
    aside, seal = _beside(home, OPENINGS_FILE, split), files.join(home, OPENINGS_FILE)
    if files.exists(aside) and not files.exists(seal):
        files.write_bytes(seal, files.read_bytes(aside))


def _beside(home: str, name: str, split: str) -> str:
    stem, _, suffix = name.partition(".")
    return files.join(home, f"{stem}-{split[:12]}.{suffix}")
