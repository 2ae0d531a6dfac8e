"""What YOLO's label files hold: boxes, outlines or key points, and the classes of each image."""

from collections.abc import Iterable
from dataclasses import dataclass

from pupila.core import files
from pupila.core.messages import say
from pupila.tasks.label_text import write_labels

_BOX = 5  # words of a line: class, centre, width and height
_SCORED_BOX = 6  # with a detector's confidence
_FOUR_POINTS = 9  # an outline of four points, or an oriented box
_ENOUGH = 64  # files of nothing but four points


@dataclass(frozen=True, slots=True)
class LabelContent:
    """What the lines of some label files are."""

    boxes: bool = False  # whether there are boxes, and nothing but these
    four_points: bool = False  # whether every outline has four points
    is_yolo: bool = True  # whether all are numbers, with the class first


def inspect_labels(root: str, labels: Iterable[str], keypoints: bool) -> LabelContent:
    """What the label files hold; reading stops as soon as that is certain.

    Args:
        root: folder that their paths are relative to.
        labels: paths of the label files.
        keypoints: whether lines are known to be boxes with key points.
    """
    boxes, rings, is_yolo = False, 0, True
    for label in labels:
        for words in read_lines(root, label):
            if not _are_numbers(words):
                is_yolo = False
            elif len(words) in (_BOX, _SCORED_BOX) or keypoints:
                boxes = True
            elif len(words) != _FOUR_POINTS:
                return LabelContent(is_yolo=is_yolo)
            else:
                rings += 1
        if rings > _ENOUGH:
            break
    return LabelContent(boxes and not rings, bool(rings), is_yolo)


def read_lines(root: str, label: str) -> list[list[bytes]]:
    """The words of the lines of a label file; none where it can't be read, which is reported with its image."""
    try:
        content = files.read_bytes(files.join(root, label)).removeprefix(b"\xef\xbb\xbf")
    except OSError:
        return []
    return [words for line in content.splitlines() if (words := line.split())]


def _are_numbers(words: list[bytes]) -> bool:
    try:
        return len(words) >= _BOX and all(float(word) == float(word) for word in words) and words[0].isdigit()
    except ValueError:
        return False


def read_classes(root: str, label: str, names: dict[int, str]) -> tuple[str | None, str]:
    """The labels of an image as text, None where they can't be read, and why.

    Args:
        root: folder that the path is relative to.
        label: path of the label file; a missing one shows no object.
        names: class index -> name.
    """
    classes = set()
    for number, words in enumerate(read_lines(root, label), start=1):
        if not words[0].isdigit() or int(words[0]) not in names:
            return None, say(
                "line {n} has class {index}, which has no name",
                n=number,
                index=words[0].decode(errors="replace"),
            )
        classes.add(names[int(words[0])])
    return write_labels({name: name in classes for name in names.values()}), ""


def count_classes(root: str, labels: Iterable[str]) -> int:
    """One more than the highest class index in the label files."""
    indices = [int(words[0]) for label in labels for words in read_lines(root, label) if words[0].isdigit()]
    return max(indices, default=0) + 1
