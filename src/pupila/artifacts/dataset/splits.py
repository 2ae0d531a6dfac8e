"""`splits.json`: which image is in which split, whether anything leaks, and the hashes that it was made from."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import SCHEMA_VERSION, SPLITS, SPLITS_FILE

CLEAN = "clean"
LEAKING = "leaking"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where one image belongs."""

    image: str  # path as in the manifest
    sha256: str
    split: str  # train, validation or test
    fold: int | None  # 0..K-1 where folds were made and the image is not in the test split
    component: int  # equal for images that must stay together


@dataclass(frozen=True, slots=True)
class Leak:
    """Two images that should not be parted and are."""

    first: str
    second: str
    splits: tuple[str, str]  # of the first and of the second; "fold 0" and the like between folds
    kind: str  # exact, near, mirrored or group
    similarity: float | None  # None for a group


@dataclass(frozen=True)
class SplitFile:
    """The content of `splits.json`."""

    data_hash: str  # Dataset.hash
    settings: dict[str, Any]
    origin: str  # how the splits came about, in words
    verdict: str  # "clean" or "leaking"
    leaks: list[Leak]
    balance: dict[str, Any]  # split -> images, groups, classes; and the largest deviation
    images: list[Assignment]
    schema: int = SCHEMA_VERSION
    made_by: str = field(default="")

    @property
    def hash(self) -> str:
        """SHA-256 over the assignments alone."""
        lines = [json.dumps([a.image, a.sha256, a.split, a.fold]) for a in self.images]
        return files.sha256("\n".join(lines).encode())

    def of(self, split: str) -> list[Assignment]:
        """The images of one split."""
        return [a for a in self.images if a.split == split]

    def write(self, home: str) -> str:
        """Write the file, one image a line, and return its path."""
        head = {"schema": self.schema, "made_by": self.made_by, "hash": self.hash, "data_hash": self.data_hash,
                "settings": self.settings, "origin": self.origin, "verdict": self.verdict,
                "balance": self.balance}  # fmt: skip
        text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
        for name, rows in (("leaks", self.leaks), ("images", self.images)):
            lines = ",\n".join("  " + json.dumps(asdict(row), ensure_ascii=False) for row in rows)
            text += f',\n "{name}": [\n{lines}\n ]' if rows else f',\n "{name}": []'
        uri = files.join(home, SPLITS_FILE)
        files.write_bytes(uri, (text + "\n}\n").encode())
        return uri

    @classmethod
    def read(cls, home: str) -> Self | None:
        """The splits beside the data, or None where there are none.

        Raises:
            PupilaError: the file is damaged, changed by hand, or of a later Pupila.
        """
        uri = files.join(home, SPLITS_FILE)
        if not files.exists(uri):
            return None
        content = files.read_json(uri)
        try:
            stored = content.pop("hash")
            content["leaks"] = [
                Leak(**{**leak, "splits": tuple(leak["splits"])}) for leak in content["leaks"]
            ]
            content["images"] = [Assignment(**row) for row in content["images"]]
            found = cls(**content)
        except (KeyError, TypeError, AttributeError) as fault:
            raise PupilaError(
                say("Can't read {path}", path=uri), found=str(fault), wanted=f"schema {SCHEMA_VERSION}",
                remedy="pupila split --replace",
            ) from fault  # fmt: skip
        odd = sorted({a.split for a in found.images} - set(SPLITS))
        if odd or stored != found.hash:
            raise PupilaError(
                say("{path} was changed by hand", path=uri),
                found=say("splits {names}", names=", ".join(odd)) if odd else say("another hash than the one stored"),
                wanted=say("the file as pupila split wrote it"), remedy="pupila split --replace",
            )  # fmt: skip
        return found


def fitting_split(data: Dataset, home: str) -> SplitFile | None:
    """The split beside the data, unless it was made from other images; labels may have been mended since.

    Args:
        data: is asked about.
        home: folder of the split; that of the data is looked into as well.

    Raises:
        PupilaError: see `SplitFile.read`.
    """
    for place in dict.fromkeys((home, data.home)):
        found = SplitFile.read(place)
        if found is not None and (found.data_hash == data.hash or _still_holds(found, data)):
            return found
    return None


def _still_holds(split: SplitFile, data: Dataset) -> bool:
    """Whether it is of these very images, and parts none that must stay together."""
    rows = list(data.images.select("image", "sha256").iter_rows())
    sides = {(a.image, a.sha256): (a.split, a.fold) for a in split.images}
    if set(rows) != set(sides):
        return False
    side_of: dict[int, tuple[str, int | None]] = {}
    parts = zip(data.components().tolist(), rows, strict=True)
    return all(side_of.setdefault(part, sides[row]) == sides[row] for part, row in parts)
