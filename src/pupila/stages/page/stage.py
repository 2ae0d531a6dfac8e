"""The image with its layer, its slider and, for promptable models, the tools for points and a box."""

from pupila.core.messages import say
from pupila.stages.page.markup import escape
from pupila.stages.page.picture import Picture

_LEAST = 240  # CSS pixels of the longer side: a smaller image is enlarged


def draw_stage(picture: Picture, layer: str, key: str, caption: str = "") -> str:
    """The image with its layer.

    Args:
        picture: the image.
        layer: a `data:` URI, over the whole image; empty: none.
        key: that no other image of this page has.
        caption: what the layer shows.
    """
    label = say("Image with the prediction drawn over it") if layer else say("Image")
    canvas = (
        f"<div class='pp-canvas' role='img' aria-label='{escape(label)}'>{_draw_images(picture, layer)}</div>"
    )
    return _wrap(picture, key, canvas + (_draw_slider(caption) if layer else ""))


def draw_prompt_stage(picture: Picture, key: str) -> str:
    """The image on which points and a box are placed, with mouse, finger or keyboard."""
    words = {
        "start": say("No point and no box yet: click the object."),
        "point": say("Point at {x}, {y}", x="{0}", y="{1}"),
        "negative": say("Negative point at {x}, {y}", x="{0}", y="{1}"),
        "corner": say("First corner at {x}, {y}: move the cross, then Enter", x="{0}", y="{1}"),
        "box": say("Box from {x}, {y}", x="{0}", y="{1}"),
        "cross": say("Cross at {x}, {y}", x="{0}", y="{1}"),
        "undone": say("Undone"),
        "cleared": say("Cleared"),
        "lacking": say("A negative point alone selects nothing: add a point or a box."),
    }
    texts = "".join(f" data-word-{name}='{escape(text)}'" for name, text in words.items())
    usage = say(
        "Click: point. Shift and click, or right click: negative point. Drag: box. Keyboard: arrow keys move the "
        "cross (Shift: one pixel), Enter places, Backspace undoes, Escape clears."
    )
    canvas = (
        "<div class='pp-canvas pp-prompts' tabindex='0' role='application' aria-describedby='pp-usage' "
        f"aria-label='{escape(say('Image: place points and a box'))}'>{_draw_images(picture, '')}"
        "<div class='pp-marks' aria-hidden='true'></div></div>"
    )
    return _wrap(
        picture, key,
        f"{_draw_tools()}{canvas}<p class='pp-announce' role='status'></p>{_draw_slider('')}"
        f"<p id='pp-usage' class='pp-note'>{escape(usage)}</p>",
        texts,
    )  # fmt: skip


def _wrap(picture: Picture, key: str, content: str, more: str = "") -> str:
    return (
        f"<div class='pp-stage' data-key='{escape(key)}' data-width='{picture.width}' data-height='{picture.height}'"
        f"{more}>{content}</div>"
    )


def _draw_images(picture: Picture, layer: str) -> str:
    shown = f" src='{escape(layer)}'" if layer else " hidden"
    longest = max(picture.height, picture.width)
    enlarged = f" style='width:{picture.width * _LEAST / longest:.0f}px'" if longest < _LEAST else ""
    return (
        f"<img class='pp-image'{enlarged} alt='' draggable='false' width='{picture.width}' height='{picture.height}' "
        f"src='{escape(picture.uri)}'><img class='pp-layer' alt='' draggable='false'{shown}>"
    )


def _draw_slider(caption: str) -> str:
    note = f"<span class='pp-note'>{escape(caption)}</span>" if caption else ""
    return (
        f"<label class='pp-slider'>{escape(say('Opacity of the overlay'))} "
        f"<input type='range' min='0' max='100' value='60'></label>{note}"
    )


def _draw_tools() -> str:
    modes = (("point", say("Point")), ("negative", say("Negative point")), ("box", say("Box")))
    tools = "".join(
        f"<button type='button' data-mode='{mode}' aria-pressed='{str(mode == 'point').lower()}'>{escape(title)}"
        "</button>"
        for mode, title in modes
    )
    changes = (("undo", say("Undo")), ("clear", say("Clear")))
    rest = "".join(
        f"<button type='button' data-do='{name}'>{escape(title)}</button>" for name, title in changes
    )
    return f"<div class='pp-tools' role='toolbar'>{tools}<span class='pp-gap'></span>{rest}</div>"
