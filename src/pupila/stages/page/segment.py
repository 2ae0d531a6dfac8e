"""How the classes of an image's pixels are shown."""

from pupila.core.messages import mark
from pupila.imaging.masks.label_map import css_colours
from pupila.stages.page.view import Figure, TaskView, sort_shares
from pupila.tasks.segment import MaskPrediction, foreground_classes


def _figures(value: MaskPrediction) -> list[Figure]:
    colours = dict(zip(value.shares, css_colours(len(value.shares)), strict=False))
    drawn = {name for index, name in enumerate(value.shares) if index or len(value.shares) != 2}
    return [
        Figure(name, share, colour=colours[name] if name in drawn else "")
        for name, share in sort_shares(value.shares)
    ]


def _list_classes(value: MaskPrediction) -> tuple[str, ...]:
    names = foreground_classes(list(value.shares)).values()
    return tuple(name for name in names if value.shares[name] > 0)


SEGMENT_VIEW = TaskView(
    mark("Share of the pixels of each class"), _figures, _list_classes,
    mask=lambda value: (value.mask, len(value.shares)),
    explains=False,
)  # fmt: skip
