"""The tabs of the page, in Gradio: the room's only file that knows it, with `mounting`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pupila.artifacts.web.limits import MOST_GROUP
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageLimits
from pupila.stages.page import feedback, single
from pupila.stages.page.connection import Connection
from pupila.stages.page.many import predict_many
from pupila.stages.page.markup import describe_error
from pupila.stages.page.settings import PageSettings
from pupila.stages.page.single import Result, Shown
from pupila.stages.page.status import describe_health, describe_model, describe_title
from pupila.stages.page.uploads import check_upload, take
from pupila.stages.page.views import find_view

_FOLDER = Path(__file__).parent
_STATE_SECONDS = 3600  # after which an open image is forgotten
_AT_ONCE = 4  # events of one kind
_EVENT: Any = {"api_visibility": "private", "concurrency_limit": _AT_ONCE, "show_progress": "hidden"}
_NO_FEEDBACK = (False, False, False, list[str]())


@dataclass(frozen=True, slots=True)
class _Single:
    """The components of the tab for one image."""

    group: Any
    upload: Any
    explain: Any
    verdict: Any
    stage: Any
    layer: Any
    details: Any
    state: Any


@dataclass(frozen=True, slots=True)
class _Feedback:
    """The components for feedback on the open image."""

    box: Any
    label: Any  # the right class
    labels: Any  # the right classes
    note: Any


def build_page(connection: Connection, settings: PageSettings, folder: Path) -> Any:
    """The page as `gr.Blocks`.

    Args:
        connection: to the service.
        settings: its limits.
        folder: of uploads.
    """
    with gr.Blocks(title="Pupila", analytics_enabled=False) as page:
        title, notice = _html("pp-title"), _html("pp-notice")
        retry = gr.Button(say("Try again"), visible=False, elem_id="pp-retry")
        with gr.Tab(say("One image"), id="single"):
            parts = _build_single(connection, settings, folder)
            opinion = _build_feedback(connection, parts)
        with gr.Tab(say("Many images"), id="many"):
            group = _build_many(connection, settings, folder)
        with gr.Tab(say("Model"), id="model"):
            card, facts = gr.Markdown(elem_id="pp-card"), _html("pp-facts")
        with gr.Tab(say("Health"), id="health") as tab:
            health = _html("pp-health")
            check = gr.Button(say("Check again"))

        def refresh() -> tuple[Any, ...]:
            """What depends on the model that the service has now."""
            fault, explains, controls, model = "", False, _NO_FEEDBACK, ("", "")
            try:
                info = connection.info()
                explains, controls = find_view(info.task).explains, feedback.find_controls(info)
                model = describe_model(info)
            except PupilaError as error:
                fault = describe_error(error)
            takes, has_label, has_labels, classes = controls
            return (
                describe_title(connection, settings.login is not None), fault, gr.Button(visible=bool(fault)), *model,
                gr.Checkbox(visible=explains), gr.Column(visible=takes),
                gr.Dropdown(choices=classes, visible=has_label), gr.CheckboxGroup(choices=classes, visible=has_labels),
                gr.Textbox(visible=takes), gr.Textbox(visible=takes),
            )  # fmt: skip

        outputs = [
            title,
            notice,
            retry,
            card,
            facts,
            parts.explain,
            opinion.box,
            opinion.label,
            opinion.labels,
            parts.group,
            group,
        ]
        page.load(refresh, None, outputs, **_EVENT)
        retry.click(refresh, None, outputs, **_EVENT)
        for event in (tab.select, check.click):
            event(lambda: describe_health(connection), None, health, **_EVENT)
    return page


def _html(elem_id: str, **options: Any) -> Any:
    """HTML of our own, without Gradio's style of texts."""
    return gr.HTML(elem_id=elem_id, apply_default_css=False, **options)


def _group() -> Any:
    return gr.Textbox(label=say("Group of related images, such as of one product (optional)"), max_lines=1,
                      max_length=MOST_GROUP, visible=False)  # fmt: skip


def _build_single(connection: Connection, settings: PageSettings, folder: Path) -> _Single:
    limits = ImageLimits(max_bytes=settings.max_bytes)
    parts = _Single(
        _group(),
        gr.File(label=say("Image"), file_count="single", type="filepath", height=130, elem_id="pp-file"),
        gr.Checkbox(label=say("Heat map: where the model sees evidence for its prediction"), visible=False),
        _html("pp-verdict"),
        _html("pp-picture", js_on_load=_read("stage.js")),
        _html("pp-layer", html_template="", js_on_load=_read("layer.js")),
        _html("pp-details"),
        gr.State(time_to_live=_STATE_SECONDS),
    )

    def open_image(path: str, explain: bool, group: str | None) -> tuple[Any, ...]:
        shown: Shown | None = None
        try:
            shown = single.open_image(connection, take(check_upload(path, folder)), limits)
            result = (
                single.invite_prompt(shown)
                if single.takes_prompts(shown)
                else _predict(shown, explain, group)
            )
        except PupilaError as fault:
            result = Result(describe_error(fault))
        return None, result.verdict, result.stage, "", result.details, shown

    def explain_again(shown: Shown | None, explain: bool, group: str | None) -> tuple[Any, ...]:
        if shown is None or single.takes_prompts(shown):
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        result = _predict(shown, explain, group)
        return result.verdict, result.stage, result.details, shown

    def _predict(shown: Shown, explain: bool, group: str | None) -> Result:
        try:
            return single.predict(connection, shown, explain, group or "")
        except PupilaError as fault:
            return Result(describe_error(fault))

    def segment(shown: Shown | None, group: str | None, event: gr.EventData) -> tuple[Any, ...]:
        if shown is None or event.key != shown.key:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            prompt = {name: getattr(event, name) for name in ("points", "negatives", "box")}
            segmented = single.segment(connection, shown, {**prompt, "group": group or ""})
        except PupilaError as fault:
            return describe_error(fault), "", "", shown
        return segmented.verdict, segmented.layer, segmented.details, shown

    shown = [parts.verdict, parts.stage, parts.details, parts.state]
    opened = [parts.upload, parts.verdict, parts.stage, parts.layer, parts.details, parts.state]
    parts.upload.upload(open_image, [parts.upload, parts.explain, parts.group], opened, **_EVENT)
    parts.explain.input(
        explain_again, [parts.state, parts.explain, parts.group], shown, trigger_mode="always_last", **_EVENT
    )
    parts.stage.select(
        segment, [parts.state, parts.group], [parts.verdict, parts.layer, parts.details, parts.state],
        trigger_mode="always_last", **_EVENT,
    )  # fmt: skip
    return parts


def _build_feedback(connection: Connection, parts: _Single) -> _Feedback:
    with gr.Column(visible=False, elem_id="pp-opinion") as box:
        label = gr.Dropdown(
            [], label=say("If it is wrong: the right class (optional)"), value=None, visible=False
        )
        labels = gr.CheckboxGroup(
            [], label=say("If it is wrong: the right classes (optional)"), visible=False
        )
        with gr.Row():
            right, wrong = gr.Button(say("Right")), gr.Button(say("Wrong"))
        note = _html("pp-feedback")

    def send_right(shown: Shown | None, label: str | None, labels: list[str], request: gr.Request) -> str:
        return feedback.send(connection, shown, True, label or labels, _find_visitor(request))

    def send_wrong(shown: Shown | None, label: str | None, labels: list[str], request: gr.Request) -> str:
        return feedback.send(connection, shown, False, label or labels, _find_visitor(request))

    def clear(shown: Shown | None) -> tuple[Any, ...]:
        return "", gr.Dropdown(choices=feedback.find_choices(shown), value=None), []

    right.click(send_right, [parts.state, label, labels], note, **_EVENT)
    wrong.click(send_wrong, [parts.state, label, labels], note, **_EVENT)
    parts.verdict.change(clear, parts.state, [note, label, labels], **_EVENT)
    return _Feedback(box, label, labels, note)


def _find_visitor(request: gr.Request) -> str | None:
    """The name with which the visitor has logged in; None: the page has no login."""
    name: str | None = getattr(getattr(request.request, "state", None), "visitor", None)
    return name


def _build_many(connection: Connection, settings: PageSettings, folder: Path) -> Any:
    group = _group()
    upload = gr.File(
        label=say("Images"), file_count="multiple", type="filepath", height=130, elem_id="pp-files"
    )
    result = _html("pp-many")

    def predict(paths: Sequence[str], group: str | None) -> Iterator[tuple[Any, str]]:
        try:
            uploads = [check_upload(path, folder) for path in paths or ()]
        except PupilaError as fault:
            yield None, describe_error(fault)
            return
        for text in predict_many(connection, uploads, settings.max_files, group or ""):
            yield None, text

    upload.upload(predict, [upload, group], [upload, result], **_EVENT)
    return group


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
