"""`splits.json`: the split of every image, the leaks between splits, and the hashes of the data it was made from."""

import json
import shlex
from dataclasses import asdict, dataclass, field
from typing import Literal, Self

from pydantic import Field

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.split_settings import SplitSettings
from pupila.core import checksums, files
from pupila.core.display import Displayed, Summary, count_classes
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, say, say_count, say_images
from pupila.core.records import Record, check_record_seal, read_record
from pupila.core.vocabulary import REDRAW, SPLITS, SPLITS_FILE, TEST, TRAIN, UNUSED, VALIDATION

SPLITS_SCHEMA: Literal[1] = 1  # of splits.json
CLEAN = "clean"
LEAKING = "leaking"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The split of one image."""

    image: str  # path as in the manifest
    sha256: str
    split: str  # train, validation or test; or unused
    fold: int | None  # 0..K-1 where folds were made and the image is not in the test split
    component: int  # equal for images that must stay together


@dataclass(frozen=True, slots=True)
class Leak:
    """Two images that belong together and are in different splits."""

    first: str
    second: str
    splits: tuple[str, str]  # of the first and of the second; "fold 0" and the like between folds
    kind: str  # exact, near, mirrored or group
    similarity: float | None  # None for a group


def count_images(images: int, groups: int) -> str:
    """Images and the groups of related images that they form: "20 images in 19 groups"."""
    return say(
        "{images} in {groups}",
        images=say_images(images),
        groups=say_count("{n} group", "{n} groups", groups),
    )


class SplitBalance(Record):
    """What one split holds."""

    images: int
    groups: int  # of related images
    classes: dict[str, int]  # images with each class
    class_groups: dict[str, int]  # groups with each class

    def describe(self) -> str:
        """How large it is."""
        return count_images(self.images, self.groups)


class Deviation(Record):
    """The class share that differs most from that in the whole data; empty names where nothing differs."""

    share: float  # absolute difference, 0..1
    class_name: str = Field(alias="class")
    split: str


class MissingClass(Record):
    """A class that is not in every split, or not in every fold."""

    class_name: str = Field(alias="class")
    groups: int  # of related images, with the class
    missing_from: list[str]  # splits; "fold 0" and the like

    def describe(self) -> str:
        """Where the class is missing, and what to do."""
        values = {"name": self.class_name, "splits": listing(self.missing_from)}
        if not self.groups:
            return say("Class '{name}' is missing from {splits}: no image has it.", **values)
        return say_count(
            "Class '{name}' is missing from {splits}: {n} group of related images has it. Collect it in further "
            "groups, or leave it out.",
            "Class '{name}' is missing from {splits}: {n} groups of related images have it. Collect it in further "
            "groups, or leave it out.", self.groups, **values,
        )  # fmt: skip


class Balance(Record):
    """How the splits share the images and the classes."""

    train: SplitBalance
    validation: SplitBalance
    test: SplitBalance
    largest_deviation: Deviation
    missing_classes: list[MissingClass] = Field(default_factory=list)  # the fewest groups first

    def by_split(self) -> dict[str, SplitBalance]:
        """Every split, in the order in which they are shown."""
        return {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}

    def describe_unlabelled(self) -> list[str]:
        """A sentence for each split that has images and no labels, where the training images have some."""
        if not any(self.train.classes.values()):
            return []
        return [
            say("No image of the {split} split has a label: nothing can be evaluated on it. {command} draws another.",
                split=name, command=REDRAW)
            for name, row in self.by_split().items() if row.images and not any(row.classes.values())
        ]  # fmt: skip


FOLD = "fold"  # in the place of a split, of images that are validated in turn


def say_no_groups() -> str:
    """That neither the data nor the file names tell of groups, and what to do where there are some."""
    return say(
        "No groups are known: neither the data nor the file names tell which images belong together. Where several "
        "show one object, person or place, name it with pupila split --by."
    )


class LikelyGroups(Record):
    """What the file names tell of groups, where none are known."""

    by: str = ""  # the expression that names likely groups; empty: none are likely
    groups: int = 0
    evaluated: int = (
        0  # images of the test split; where none of them counts below, of validation, else of the folds
    )
    divided: int = 0  # of them, images with a member of their group in train, or in another fold
    part: str = ""  # "test", "validation" or "fold"
    is_given: bool = False  # whether the split came with the data
    evidence: str = ""  # how alike the images of a group are, in words

    def describe(self) -> str:
        """Whether groups are likely, and what they do to the split."""
        if not self.by:
            return say_no_groups()
        option = f"--by {shlex.quote(self.by)}"
        if not self.divided:
            return say("Groups are likely in the file names ({option}), and none of them has images both in train and "
                       "among those that are evaluated.", option=option)  # fmt: skip
        command = f"pupila split DATA --by auto {'--ignore-given ' if self.is_given else ''}--replace"
        values = {"option": option, "groups": self.groups, "total": self.evaluated, "part": self.part}
        divided = say_count(
            "Groups are likely in the file names ({option}, {groups} groups): {n} of {total} images has a member of "
            "its group in another fold, which biases the metrics upwards.",
            "Groups are likely in the file names ({option}, {groups} groups): {n} of {total} images have a member of "
            "their group in another fold, which biases the metrics upwards.", self.divided, **values,
        ) if self.part == FOLD else say_count(
            "Groups are likely in the file names ({option}, {groups} groups): {n} of {total} {part} images has a "
            "member of its group in train, which biases the metrics upwards.",
            "Groups are likely in the file names ({option}, {groups} groups): {n} of {total} {part} images have a "
            "member of their group in train, which biases the metrics upwards.", self.divided, **values,
        )  # fmt: skip
        return " ".join((divided, self.evidence, say("{command} keeps groups together.", command=command)))


class StoredSplit(Record):
    """`splits.json` as it is stored; `hash` is that of the assignments, and tells whether they were edited."""

    schema_version: Literal[1] = Field(default=SPLITS_SCHEMA, alias="schema")
    checksum: str = Field(
        default=checksums.BLANK, pattern=checksums.PATTERN
    )  # of the file; a file without is older
    made_by: str = ""
    hash: str
    data_hash: str
    settings: SplitSettings
    origin: str
    verdict: str
    balance: Balance
    likely_groups: LikelyGroups | None = None
    leaks: list[Leak]
    images: list[Assignment]


@dataclass(frozen=True, repr=False)
class SplitFile(Displayed):
    """The content of `splits.json`."""

    data_hash: str  # Dataset.hash
    settings: SplitSettings
    origin: str  # how the splits were made, in words
    verdict: str  # "clean" or "leaking"
    leaks: list[Leak]
    balance: Balance
    images: list[Assignment]
    schema: int = SPLITS_SCHEMA
    made_by: str = field(default="")
    likely_groups: LikelyGroups | None = None  # None: groups are known, or were not looked for

    @property
    def hash(self) -> str:
        """SHA-256 over the assignments alone."""
        lines = [json.dumps([a.image, a.sha256, a.split, a.fold]) for a in self.images]
        return files.sha256("\n".join(lines).encode())

    @property
    def redraw_command(self) -> str:
        """What draws a clean split of the same settings, whatever came with the data."""
        own = self.settings.model_dump(exclude_defaults=True, exclude={"ignore_given"})
        return " ".join([REDRAW, *(f"--{name} {shlex.quote(str(value))}" for name, value in own.items())])

    def summary(self) -> Summary:
        """Images of each split and the verdict; on a card with the classes."""
        sizes = {name: len(self.in_split(name)) for name in (*SPLITS, UNUSED)}
        parts = [f"{name} {size}" for name, size in sizes.items() if size]
        folds = {row.fold for row in self.images} - {None}
        parts += [say_count("{n} fold", "{n} folds", len(folds))] if folds else []
        leaks = [say_count("{n} leak", "{n} leaks", len(self.leaks))] if self.leaks else []
        facts = {
            name: count_classes(row.classes) for name, row in self.balance.by_split().items() if row.images
        }
        facts |= {say("origin"): self.origin}
        facts |= {say("groups"): self.likely_groups.describe()} if self.likely_groups else {}
        return Summary("SplitFile", ", ".join([*parts, self.verdict, *leaks]), facts)

    def in_split(self, split: str) -> list[Assignment]:
        """The images of one split."""
        return [a for a in self.images if a.split == split]

    def write(self, home: str) -> str:
        """Write the file, one image a line, and return its path."""
        head = {"schema": self.schema, "checksum": checksums.BLANK, "made_by": self.made_by, "hash": self.hash,
                "data_hash": self.data_hash, "settings": self.settings.model_dump(), "origin": self.origin,
                "verdict": self.verdict, "balance": self.balance.model_dump(by_alias=True)}  # fmt: skip
        if self.likely_groups is not None:
            head["likely_groups"] = self.likely_groups.model_dump()
        text = dump_json(head, indent=1)[:-2]
        for name, rows in (("leaks", self.leaks), ("images", self.images)):
            lines = ",\n".join("  " + dump_json(asdict(row)) for row in rows)
            text += f',\n "{name}": [\n{lines}\n ]' if rows else f',\n "{name}": []'
        uri = files.join(home, SPLITS_FILE)
        files.write_bytes(uri, checksums.seal((text + "\n}\n").encode()))
        return uri

    @classmethod
    def read(cls, home: str) -> Self | None:
        """The splits beside the data, or None where there are none.

        Raises:
            PupilaError: the file is damaged, was edited by hand, or has another schema.
        """
        uri = files.join(home, SPLITS_FILE)
        if not files.exists(uri):
            return None
        remedy = say(
            "restore a copy of the file, for a new test split after an evaluation biases the results; without a copy: "
            "{command}, which keeps this file under another name", command="pupila split DATA --replace",
        )  # fmt: skip
        stored = read_record(StoredSplit, uri, say("Can't read {path}", path=uri), remedy)
        content = {name: getattr(stored, name) for name in StoredSplit.model_fields}
        content["schema"] = content.pop("schema_version")
        written_hash = content.pop("hash")
        content.pop("checksum")
        split = cls(**content)
        unknown = sorted({str(a.split) for a in split.images} - {*SPLITS, UNUSED})
        if unknown or written_hash != split.hash:
            names = say("splits {names}", names=", ".join(unknown))
            raise PupilaError(
                say("{path} was edited by hand, or is damaged", path=uri),
                actual=names if unknown else say("a hash that does not match the assignments"),
                expected=say("the file as pupila split wrote it"), remedy=remedy,
            )  # fmt: skip
        check_record_seal(uri, remedy)
        return split


def find_matching_split(data: Dataset, home: str) -> SplitFile | None:
    """The split beside the data, unless it was made from other images; labels may have been corrected since.

    Args:
        data: whose images the split must cover.
        home: folder of the split; the data's own folder is searched as well.

    Raises:
        PupilaError: see `SplitFile.read`.
    """
    for folder in dict.fromkeys((home, data.home)):
        split = SplitFile.read(folder)
        if split is not None and (split.data_hash == data.hash or _is_still_valid(split, data)):
            return split
    return None


def describe_changed_images(split: SplitFile, data: Dataset) -> str:
    """Which images are gone, have changed or are new since the split was made; empty where none are."""
    now = dict(data.images.select("image", "sha256").iter_rows())
    then = {a.image: a.sha256 for a in split.images}
    gone = [image for image in then if image not in now]
    changed = [image for image in then if now.get(image, then[image]) != then[image]]
    new = [image for image in now if image not in then]
    return "; ".join(
        sentence for sentence in (
            say_count("{n} image is gone or unreadable: {names}", "{n} images are gone or unreadable: {names}",
                      len(gone), names=listing(gone, 3)) if gone else "",
            say_count("{n} image has changed: {names}", "{n} images have changed: {names}", len(changed),
                      names=listing(changed, 3)) if changed else "",
            say_count("{n} image is new: {names}", "{n} images are new: {names}", len(new),
                      names=listing(new, 3)) if new else "",
        ) if sentence
    )  # fmt: skip


def _is_still_valid(split: SplitFile, data: Dataset) -> bool:
    """Whether the split covers exactly these images and keeps all components together, but for unused images."""
    rows = list(data.images.select("image", "sha256").iter_rows())
    assigned = {(a.image, a.sha256): (a.split, a.fold) for a in split.images}
    if set(rows) != set(assigned):
        return False
    by_component: dict[int, tuple[str, int | None]] = {}
    pairs = zip(data.components().tolist(), rows, strict=True)
    used = ((part, assigned[row]) for part, row in pairs if assigned[row][0] != UNUSED)
    return all(by_component.setdefault(part, place) == place for part, place in used)
