"""How the mask for a prompt is shown."""

from pupila.core.messages import mark, say
from pupila.imaging.masks.label_map import css_colours
from pupila.stages.page.view import Figure, TaskView
from pupila.tasks.prompt import PromptPrediction

_CLASSES = 2  # background and foreground


def _figures(value: PromptPrediction) -> list[Figure]:
    return [
        Figure(say("predicted IoU"), value.predicted_iou),
        Figure(say("confidence"), value.confidence),
        Figure(say("share of the pixels"), value.share, colour=css_colours(_CLASSES)[1]),
    ]


PROMPT_VIEW = TaskView(
    mark("Mask"),
    _figures,
    lambda value: value.class_names(),
    mask=lambda value: (value.mask, _CLASSES),
    explains=False,
)
