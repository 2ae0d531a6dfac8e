"""The tabs of the page, in Gradio: the room's only file that knows it, with `mounting`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageLimits
from pupila.stages.page import single
from pupila.stages.page.connection import Connection
from pupila.stages.page.many import predict_many
from pupila.stages.page.settings import PageSettings
from pupila.stages.page.single import Result, Shown
from pupila.stages.page.status import describe_health, describe_model, describe_title
from pupila.stages.page.uploads import take
from pupila.stages.page.views import TASK_VIEWS

_FOLDER = Path(__file__).parent
_STATE_SECONDS = 3600  # after which an open image is forgotten
_AT_ONCE = 4  # events of one kind
_PRIVATE: Any = {"api_visibility": "private", "concurrency_limit": _AT_ONCE}


@dataclass(frozen=True, slots=True)
class _Single:
    """The components of the tab for one image."""

    upload: Any
    explain: Any
    verdict: Any
    stage: Any
    layer: Any
    details: Any
    state: Any

    def results(self) -> list[Any]:
        """What an opened image fills."""
        return [self.upload, self.verdict, self.stage, self.layer, self.details, self.state]


def build_page(connection: Connection, settings: PageSettings) -> Any:
    """The page as `gr.Blocks`.

    Args:
        connection: to the service.
        settings: its limits.
    """
    with gr.Blocks(title="Pupila", analytics_enabled=False, delete_cache=None, fill_width=False) as page:
        title = _html("pp-title")
        notice = _html("pp-notice")
        retry = gr.Button(say("Try again"), visible=False, elem_id="pp-retry")
        with gr.Tab(say("One image"), id="single"):
            parts = _build_single(connection, settings)
        with gr.Tab(say("Many images"), id="many"):
            _build_many(connection, settings)
        with gr.Tab(say("Model"), id="model"):
            card = gr.Markdown(elem_id="pp-card")
            facts = _html("pp-facts")
        with gr.Tab(say("Health"), id="health") as tab:
            health = _html("pp-health")
            check = gr.Button(say("Check again"))

        def refresh() -> tuple[Any, ...]:
            text, fault = describe_model(connection)
            failed = not text and "pp-alert" in fault
            return (
                describe_title(connection, settings.login is not None), fault if failed else "", gr.Button(visible=failed),
                gr.Checkbox(visible=_explains(connection) if not failed else False), text, fault,
            )  # fmt: skip

        outputs = [title, notice, retry, parts.explain, card, facts]
        page.load(refresh, None, outputs, show_progress="hidden", **_PRIVATE)
        retry.click(refresh, None, outputs, show_progress="hidden", **_PRIVATE)
        for event in (tab.select, check.click):
            event(lambda: describe_health(connection), None, health, show_progress="hidden", **_PRIVATE)
    return page


def _html(elem_id: str, **options: Any) -> Any:
    """HTML of our own, without Gradio's style of texts."""
    return gr.HTML(elem_id=elem_id, apply_default_css=False, **options)


def _explains(connection: Connection) -> bool:
    view = TASK_VIEWS.get(connection.info().task)
    return view is not None and view.explains


def _build_single(connection: Connection, settings: PageSettings) -> _Single:
    limits = ImageLimits(max_bytes=settings.max_bytes)
    parts = _Single(
        gr.File(label=say("Image"), file_count="single", type="filepath", height=130, elem_id="pp-file"),
        gr.Checkbox(label=say("Heat map: where the model sees evidence for its prediction"), visible=False),
        _html("pp-verdict"),
        _html("pp-picture", js_on_load=_read("stage.js")),
        _html("pp-layer", html_template="", js_on_load=_read("layer.js")),
        _html("pp-details"),
        gr.State(time_to_live=_STATE_SECONDS),
    )

    def open_image(path: str, explain: bool) -> tuple[Any, ...]:
        shown, result = None, None
        try:
            shown = single.open_image(connection, take(path), limits)
            if single.takes_prompts(shown):
                result = single.invite_prompt(shown)
            else:
                result = single.predict(connection, shown, explain)
        except PupilaError as fault:
            result = single.show_error(fault)
        return None, result.verdict, result.stage, "", result.details, shown

    def explain_again(shown: Shown | None, explain: bool) -> tuple[Any, ...]:
        if shown is None or single.takes_prompts(shown):
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        result: Result
        try:
            result = single.predict(connection, shown, explain)
        except PupilaError as fault:
            result = single.show_error(fault)
        return result.verdict, result.stage, result.details, shown

    def segment(shown: Shown | None, event: gr.EventData) -> tuple[Any, ...]:
        prompt = {name: getattr(event, name) for name in ("points", "negatives", "box")}
        if shown is None or event.key != shown.key:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            segmented = single.segment(connection, shown, prompt)
        except PupilaError as fault:
            return single.show_error(fault).verdict, "", "", shown
        return segmented.verdict, segmented.layer, segmented.details, shown

    parts.upload.upload(
        open_image, [parts.upload, parts.explain], parts.results(), show_progress="minimal", **_PRIVATE
    )
    parts.explain.input(
        explain_again, [parts.state, parts.explain], [parts.verdict, parts.stage, parts.details, parts.state],
        show_progress="hidden", trigger_mode="always_last", **_PRIVATE,
    )  # fmt: skip
    parts.stage.select(
        segment, parts.state, [parts.verdict, parts.layer, parts.details, parts.state],
        show_progress="hidden", trigger_mode="always_last", **_PRIVATE,
    )  # fmt: skip
    return parts


def _build_many(connection: Connection, settings: PageSettings) -> None:
    upload = gr.File(
        label=say("Images"), file_count="multiple", type="filepath", height=130, elem_id="pp-files"
    )
    result = _html("pp-many")

    def predict(paths: Sequence[str]) -> Iterator[tuple[Any, str]]:
        for text in predict_many(connection, paths, settings.max_files):
            yield None, text

    upload.upload(predict, upload, [upload, result], show_progress="hidden", **_PRIVATE)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
