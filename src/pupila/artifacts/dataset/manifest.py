"""The data set in memory, and its manifest on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.manifest import MANIFEST_SCHEMA, describe_reading
from pupila.artifacts.dataset.formats.masks.mask_files import describe_target
from pupila.artifacts.dataset.masks import COLUMNS as MASK_COLUMNS
from pupila.artifacts.dataset.masks import PIXELS, MaskRow, read_mask
from pupila.artifacts.dataset.name_groups.comparison import Source, name_classes, number_class_sets
from pupila.artifacts.dataset.name_groups.proposal import GroupProposal, find_proposal
from pupila.artifacts.dataset.read_cache import PART, ROW, ReadCache
from pupila.artifacts.dataset.reading import FACTS, LayoutSettings
from pupila.artifacts.dataset.sample import Sample, draw_sheet, find_samples, summarize
from pupila.artifacts.dataset.targets import TARGETS
from pupila.artifacts.dataset.targets.reader import TargetReader
from pupila.artifacts.dataset.understood import describe
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.vocabulary import MANIFEST_FILE
from pupila.imaging.duplicates.compare import SAME
from pupila.imaging.duplicates.pairs import METHOD, Pair, components, find_pairs
from pupila.imaging.duplicates.search import RADIUS
from pupila.imaging.duplicates.sequences import AlikeImages, divide_pairs
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import DECODER, ImageFault, ImageLimits
from pupila.imaging.masks.label_map import LabelMap
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.label_text import label_matrix
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Target, Task

# Columns of every manifest, in order; the facts of the reading and the user's own columns follow.
MANIFEST = ("image", "sha256", "phash", "width", "height", "bands", "target", "group", "given_split")
INTERNAL = ("phash_mirrored", PART, ROW, "fault", "reason", "modified", "saved_sha256", "given_target",
            "mask_overlap", "mask_places", "mask_pages")  # fmt: skip


@dataclass(frozen=True, repr=False)
class Dataset(Displayed):
    """The images of a data set, in place, with their targets, groups and facts.

    Rows of `images` are the usable images, sorted by path; `skipped` lists all other files and oddities.
    """

    root: str  # folder or URI that image paths are relative to
    home: str  # folder where the data set's own files lie
    layout: str  # in words
    task: Task | None  # None: no labels yet
    images: pl.DataFrame  # MANIFEST columns, facts, the user's columns, INTERNAL
    skipped: pl.DataFrame  # subject, code, reason
    notes: list[str]
    read_cache: ReadCache
    label_map: LabelMap | None = None  # of masks: the classes, and what stored values mean
    bands: BandSettings | None = None  # how the bands of TIFFs become colours; None: by each file alone
    limits: ImageLimits = field(default_factory=ImageLimits)  # that the images and masks were read under
    requested: Task | None = None  # that the user named; the first labels of unlabelled data are for it
    layout_settings: LayoutSettings = field(default_factory=LayoutSettings)  # that the user gave
    doubt: str = ""  # what speaks against the reading of its layout, a sentence; empty where nothing does
    source: str = ""  # path that the user opened; empty: data from memory

    def __len__(self) -> int:
        return self.images.height

    @overload
    def __getitem__(self, row: int) -> Sample: ...
    @overload
    def __getitem__(self, row: slice) -> list[Sample]: ...
    def __getitem__(self, row: int | slice) -> Sample | list[Sample]:
        return find_samples(self, row)

    def __iter__(self) -> Iterator[Sample]:
        return (Sample(self, row) for row in range(len(self)))

    def show(self, count: int = 24) -> Any:
        """A contact sheet of some images with their classes or masks: a Pillow image, which a notebook shows."""
        return draw_sheet(self, count)

    def summary(self) -> Summary:
        """Images, task and classes, for a console's line and a notebook's card."""
        return summarize(self)

    def __str__(self) -> str:
        return "\n".join(describe(self))

    @property
    def target(self) -> Target | None:
        """What is true of one image, or will be; None: nothing yet."""
        if self.label_map is not None:
            return SEGMENT.target
        task = self.task or self.requested
        return task.target if task else None

    @cached_property
    def folder(self) -> str:
        """The folder that the user named, or that of the file that was named: sentences and reports call it that.

        The images may lie below it, or in the cache where a table holds them.
        """
        if not self.source:
            return self.root
        return self.source if files.is_folder(self.source) else files.parent(self.source)

    @property
    def name(self) -> str:
        """The name of that folder, for titles."""
        return files.absolute(self.folder).rstrip("/").rpartition("/")[2] or self.folder

    def require_label_map(self) -> LabelMap:
        """What the stored values of the masks mean.

        Raises:
            PupilaError: the data set has no masks.
        """
        if self.label_map is None:
            raise PupilaError(
                say("The data set has no masks"), actual=self.layout, expected=say("images with masks")
            )
        return self.label_map

    @property
    def _reader(self) -> TargetReader:
        """How its targets are counted; data without labels count as without classes."""
        return TARGETS[self.target or CLASSIFY.target]

    @cached_property
    def classes(self) -> list[str]:
        """Class names in order."""
        return self._reader.classes(self)

    def class_counts(self) -> dict[str, int]:
        """Images with each class, in the order of the names; with masks, images in which the class occurs."""
        return dict(zip(self.classes, (self.shares > 0).sum(axis=0).tolist(), strict=True))

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """(N, C) share of each image that belongs to each class: 1 for its label; of its labelled pixels with masks."""
        return self._reader.shares(self)

    def class_shares(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """(C,) share of each class in some of the rows; NaN where none of their labels tells.

        Of their labels, or of their mean labelled area; with several labels per image, of the images where the class is
        known to be present or absent.

        Args:
            rows: (K,) row numbers, or (N,) bool.
        """
        return self._reader.class_shares(self, rows)

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """(N, C) labelled pixels of each class; zeros for an image without a mask. Only for data with masks."""
        blank = [0] * len(self.require_label_map().names)
        rows = [
            blank if target is None else counts
            for target, counts in zip(self.images["target"], self.images[PIXELS], strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(len(self), -1)

    @cached_property
    def label_matrix(self) -> NDArray[np.int8]:
        """(N, C) 1 for a class that the image shows, 0 for one that it lacks, -1 unknown. Only for several labels."""
        return label_matrix(self.images["target"].to_list(), self.classes)

    def known_labels(self, row: int) -> dict[str, bool]:
        """The known classes of the row's image, by name: whether the image shows it; see `Sample.labels`."""
        return self._reader.labels(self, row)

    def mask(self, row: int) -> NDArray[np.uint8]:
        """(H, W) uint8 class indices of the upright image, IGNORE for pixels without a label.

        Raises:
            PupilaError: the mask can no longer be read, or has changed.
        """
        columns = ("target", "mask_sha256", "height", "width", "orientation")
        mask_row = MaskRow(*(self.images[name][row] for name in columns))
        assert mask_row.target is not None, row
        try:
            return read_mask(self.root, mask_row, self.require_label_map(), self.limits)
        except (ImageFault, OSError) as fault:
            if mask_row.target and files.is_unpacked(path := files.join(self.root, mask_row.target)):
                files.remove(path)  # it is unpacked again
            raise PupilaError(
                say("The mask {path} can no longer be read", path=describe_target(mask_row.target)), actual=str(fault),
                expected=say("the mask as it was when the data set was opened"),
                remedy=say("run the command again"),
            ) from fault  # fmt: skip

    def pixels(self, row: int, at_least: int | None = None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB: the upright image, if its bytes have not changed since the data set was opened.

        Args:
            row: of the image.
            at_least: minimum shorter side in pixels after scaled decoding; None decodes at full size.

        Raises:
            PupilaError: it can't be read, or has changed.
        """
        content = self.content(row)
        try:
            return read_image(content, self.bands, self.limits, at_least).rgb
        except ImageFault as fault:
            raise self._unreadable(row, fault) from fault

    def content(self, row: int) -> bytes:
        """The bytes of the row's image, if they have not changed since the data set was opened.

        Raises:
            PupilaError: it can't be read, or has changed.
        """
        try:
            content = files.read_bytes(self.path(row))
        except OSError as fault:
            raise self._unreadable(row, fault) from fault
        if files.sha256(content) != self.images["sha256"][row]:
            raise self._unreadable(row, ImageFault("changed", say("the file has changed since then")))
        return content

    def _unreadable(self, row: int, fault: Exception) -> PupilaError:
        path = self.path(row)
        remedy = say("run the command again")
        changed = isinstance(fault, ImageFault) and fault.code == "changed"
        if changed and files.is_unpacked(path):
            files.remove(path)  # it is unpacked again
        elif changed and self._looks_unchanged(row):
            fault = ImageFault(
                "damaged", say("other bytes, while the file's size and time are the same: it is damaged")
            )
            remedy = say("restore it from a backup, or accept it: {command}", command=f"touch {path}")
        return PupilaError(
            say("{path} can no longer be read", path=path), actual=str(fault),
            expected=say("the image as it was when the data set was opened"), remedy=remedy,
        )  # fmt: skip

    def _looks_unchanged(self, row: int) -> bool:
        """Whether the row's image is there with the size and the time that it was read with."""
        if not {"bytes", "modified"} <= set(self.images.columns):
            return False
        image, *stored = self.images.select("image", "bytes", "modified").row(row)
        entry = files.stat_file(self.root, image)
        return entry is not None and [entry.size, entry.modified] == stored

    def path(self, row: int) -> str:
        """The path or URI of the row's image."""
        return files.join(self.root, self.images["image"][row])

    @cached_property
    def hash(self) -> str:
        """SHA-256 of every image's path, bytes, target, group and given split, the masks' bytes, and the bands."""
        columns, extra = self._reader.identity(self)
        if self.bands is not None:
            extra.append(self.bands.model_dump_json())
        rows = self.images.select("image", "sha256", "target", "group", "given_split", *columns).sort("image")
        lines = (json.dumps(line) for line in rows.iter_rows())
        return files.sha256("\n".join([*lines, *extra]).encode())

    @property
    def hash_parts(self) -> dict[str, str]:
        """Short hashes of the parts of `hash`, which tell what differs between two data sets."""
        columns, extra = self._reader.identity(self)
        rows = self.images.select("image", "sha256", "target", "group", "given_split", *columns).sort("image")
        own = [name for name in rows.columns if name not in MANIFEST]
        parts = {"images": ["image", "sha256"], "labels": ["image", "target"], "groups": ["image", "group"],
                 "given_splits": ["image", "given_split"], "masks": ["image", *own]}  # fmt: skip
        content = {name: json.dumps(rows.select(some).rows()) for name, some in parts.items()}
        content["bands"] = self.bands.model_dump_json() if self.bands else ""
        content["mask_classes"] = json.dumps(extra)
        return {name: files.sha256(text.encode())[:12] for name, text in content.items()}

    @cached_property
    def pairs(self) -> list[Pair]:
        """All alike images, exact, near and mirrored, by row number; searched for once, then cached."""
        digests = self.images["sha256"].to_list()
        bands = self.bands.model_dump_json() if self.bands else ""
        key = files.sha256(json.dumps([METHOD, DECODER, SAME, RADIUS, bands, digests]).encode())
        cached = files.cache_folder() / "pairs" / f"{key}.json"
        if (known := _load_cached_pairs(cached)) is not None:
            return known
        hashes = (self.images["phash"].to_list(), self.images["phash_mirrored"].to_list())
        with progress(say("searching for duplicates, percent"), 100) as advance:
            shown = 0

            def report(share: float) -> None:
                nonlocal shown
                now = int(100 * share)
                advance(now - shown)
                shown = now

            pairs = find_pairs(digests, hashes, self.thumbnails, report)
        rows = [[p.first, p.second, p.kind, p.similarity] for p in pairs]
        files.write_to_cache(cached, json.dumps(rows).encode())
        return pairs

    @cached_property
    def group_proposal(self) -> GroupProposal | None:
        """Groups that are likely in the file names; None where there are none, or where groups came with the data."""
        if len(self) == 0 or has_groups(self):
            return None
        labels, strata = name_classes(self.shares, self.classes), number_class_sets(self.shares)
        source = Source(self.images["image"].to_list(), labels, strata, self.thumbnails, self.miniatures)
        return find_proposal(source, self.hash)

    @cached_property
    def alike(self) -> AlikeImages:
        """Which of the pairs are copies of one photograph, and the sequences of images that are alike."""
        return divide_pairs(self.pairs, self.images["image"].to_list())

    def thumbnails(self, rows: list[int]) -> NDArray[np.uint8]:
        """(K, 64, 64) uint8 grey copies of the rows."""
        return self.read_cache.grey(*self._places(rows))

    def miniatures(self, rows: list[int]) -> NDArray[np.uint8]:
        """(K, 48, 48, 3) uint8 colour copies of the rows."""
        return self.read_cache.colour(*self._places(rows))

    def _places(self, rows: list[int]) -> tuple[list[str], list[int]]:
        places = self.images.select(PART, ROW)[rows]
        return places[PART].to_list(), places[ROW].to_list()

    @property
    def _relabelled(self) -> bool:
        """Whether the label history changes any target that came with the data."""
        return not self.images["target"].equals(self.images["given_target"], null_equal=True)

    @property
    def own_columns(self) -> list[str]:
        """The columns that the user brought, in order."""
        known = {*MANIFEST, *INTERNAL, *FACTS, *MASK_COLUMNS, "subfolder"}
        return [name for name in self.images.columns if name not in known]

    def components(self, groups: list[str | None] | None = None) -> NDArray[Any]:
        """(N,) int: images that must stay together have equal numbers (duplicates, and members of a group).

        Args:
            groups: N group names instead of the column `group`; None for an image of its own.
        """
        first: dict[str, int] = {}
        links = [(pair.first, pair.second) for pair in self.pairs]
        for row, group in enumerate(groups if groups is not None else self.images["group"].to_list()):
            if group is not None:
                links.append((first.setdefault(group, row), row))
        return components(len(self), links)

    def _lasting_layout(self) -> dict[str, str]:
        """What the user gave of the layout, for later commands; a task that changed nothing is not kept."""
        given = self.layout_settings.model_dump(exclude_defaults=True)
        return {name: value for name, value in given.items() if name != "task" or self.requested}

    def save(self, home: str) -> str:
        """Write the manifest into the folder and return its path; image paths become relative to it.

        Beside a label history, the targets that came with the data are stored as well: opening the data set applies
        the history again.
        """
        if not files.is_remote(home):
            files.remove_partial(Path(home))
        files.write_bytes(uri := files.join(home, MANIFEST_FILE), self.pack(home))
        return uri

    def pack(self, home: str) -> bytes:
        """What `save` writes."""
        beside = files.absolute(home) == files.absolute(self.home)
        internal = set(INTERNAL) - ({"given_target"} if beside and self._relabelled else set())
        return files.pack_parquet(
            self.images.drop(internal, strict=False),
            {"pupila.schema": str(MANIFEST_SCHEMA), "pupila.root": files.relative(self.root, home),
                    "pupila.task": self.task.name if self.task else "",
                    "pupila.layout": json.dumps(self._lasting_layout()),
                    **({"pupila.source": files.relative(self.source, home)} if self.source else {}),
                    "pupila.reading": describe_reading(self.layout, self.notes, self.doubt),
                    "pupila.label_map": self.label_map.as_json() if self.label_map else "",
                    "pupila.bands": self.bands.model_dump_json() if self.bands else ""},
        )  # fmt: skip


def _load_cached_pairs(path: Path) -> list[Pair] | None:
    if (content := files.read_from_cache(path)) is None:
        return None
    try:
        return [Pair(*row) for row in json.loads(content)]
    except (ValueError, TypeError):
        return None


def has_groups(data: Dataset) -> bool:
    """Whether groups came with the data."""
    return data.images["group"].null_count() < len(data)
