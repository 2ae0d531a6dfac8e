"""What differs between two versions: typed, and what follows for class shares, splits and leaks."""

from typing import Literal

from pydantic import Field

from pupila.core.records import Record

Reason = Literal["same file", "group", "related"]
DIFF_SCHEMA: Literal[1] = 1  # of data-diff.json


class VersionSide(Record):
    """One of the two versions."""

    name: str  # as the user named it
    version: str
    images: int
    splits: dict[str, int]  # images of each split
    verdict: str = ""  # of the split: "clean" or "leaking"; empty: no split
    leaks: int = 0  # pairs of related images in different splits, as splits.json lists them


class MovedImage(Record):
    """The same bytes under another path."""

    before: str
    after: str


class ChangedValue(Record):
    """An image of both versions with another label, split or group."""

    image: str  # path in the later version
    before: str | None
    after: str | None


class ClassChange(Record):
    """A class in both versions."""

    name: str
    images_before: int  # that show it
    images_after: int
    # Part ("all", "train", "validation", "test") -> share of the labels, or of the labelled area.
    shares_before: dict[str, float | None]
    shares_after: dict[str, float | None]


class SharedContent(Record):
    """Images that belong together and stand in different splits of the later version."""

    reason: Reason  # the same bytes; the same name of a group; found when splitting
    name: str  # of the group, or the path of the first image
    images: dict[str, str]  # path -> split


class VersionDiff(Record):
    """`data-diff.json`."""

    schema_version: Literal[1] = Field(default=DIFF_SCHEMA, alias="schema")
    before: VersionSide
    after: VersionSide
    identical: bool  # the same version
    added: list[str]  # paths, in the later version
    removed: list[str]  # paths, in the earlier version
    moved: list[MovedImage]
    replaced: list[str]  # the same path with other bytes
    labels: list[ChangedValue]
    masks: list[str]  # images whose mask has other bytes
    splits: list[ChangedValue]
    folds: list[ChangedValue]
    groups: list[ChangedValue]
    given_splits: list[ChangedValue]
    changed_settings: list[str]  # of "task", "classes", "mask_classes" and "bands"
    classes: list[ClassChange]
    leaks: list[SharedContent]  # of the later version
    leaks_before: int  # as many of the earlier version
    test_to_train: list[str]  # images of the earlier test split that are trained on in the later version
    test_added: list[str]  # images of the later test split that were not in the earlier one
    test_removed: list[str]  # images of the earlier test split that are not in the later one
    test_relabelled: list[str]  # images of both test splits with another label or mask

    @property
    def test_is_comparable(self) -> bool:
        """Whether test figures of models of both versions are about the same test images, and none was trained on."""
        return not (self.test_to_train or self.test_added or self.test_removed or self.test_relabelled)
