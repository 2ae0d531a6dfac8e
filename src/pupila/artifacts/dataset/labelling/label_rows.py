"""The labels of a layout, row by row, before it is decided what the targets are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL

CLASSIFY_FLAG, MULTILABEL_FLAG = f"--task {CLASSIFY.name}", f"--task {MULTILABEL.name}"
Known = Mapping[str, bool]  # class name -> whether the image shows it; a class without a name is unknown


@dataclass(frozen=True, slots=True)
class LabelRows:
    """The known classes of each row."""

    rows: Sequence[Known | None]  # None: no label
    classes: list[str]  # all names
    closed: bool  # whether a row names what is present, so that everything else is absent
    notes: list[str] = field(default_factory=list)  # how they were read, for the user
    columns: tuple[str, ...] = ()  # of the table, which were the classes
    unreadable: Mapping[int, str] = field(
        default_factory=dict
    )  # row without a label, since it can't be read: why

    @property
    def exclude_each_other(self) -> bool:
        """Whether every labelled row shows exactly one of several classes, and none is unknown."""
        labelled = [labels for labels in self.rows if labels is not None]
        return len(self.classes) > 1 and all(
            len(labels) == len(self.classes) and sum(labels.values()) == 1 for labels in labelled
        )

    def unite(self, images: Sequence[str]) -> tuple["LabelRows", dict[str, list[str]]]:
        """One row for each image, in the order in which they first occur, and the classes that its rows contradict.

        Rows that name what is present are added up; of others a known cell fills in an unknown one, and a class that
        is present in one and absent in another is unknown.

        Args:
            images: of the rows.
        """
        by_image: dict[str, list[Known]] = {}
        for image, labels in zip(images, self.rows, strict=True):
            by_image.setdefault(image, []).extend([] if labels is None else [labels])
        united: list[Known | None] = []
        contradictions: dict[str, list[str]] = {}
        for image, several in by_image.items():
            names = dict.fromkeys(name for labels in several for name in labels)
            cells = {name: {labels[name] for labels in several if name in labels} for name in names}
            odd = [] if self.closed else [name for name, values in cells.items() if len(values) > 1]
            known = {name: True in values for name, values in cells.items() if name not in odd}
            united.append(known if several and (known or not odd) else None)
            contradictions |= {image: sorted(odd)} if odd else {}
        return replace(self, rows=united), contradictions


def name_present(
    rows: Sequence[Sequence[str] | None],
    notes: Sequence[str] = (),
    classes: Sequence[str] = (),
    unreadable: Mapping[int, str] | None = None,
) -> LabelRows:
    """The labels of rows that name what is present: every other class is absent.

    Args:
        rows: names of the classes; None: no label.
        notes: how they were read, for the user.
        classes: that a row is about, besides those that it names; none: those of all rows.
        unreadable: rows whose label can't be read, and why.
    """
    names = sorted({*classes, *(name for row in rows if row is not None for name in row)})
    about = classes or names
    by_content: dict[tuple[str, ...], Known] = {}
    labels: list[Known | None] = []
    for row in rows:
        if row is None:
            labels.append(None)
            continue
        content = tuple(row)
        if content not in by_content:
            by_content[content] = {name: name in content for name in sorted({*about, *content})}
        labels.append(by_content[content])
    return LabelRows(labels, names, True, list(notes), unreadable=unreadable or {})
