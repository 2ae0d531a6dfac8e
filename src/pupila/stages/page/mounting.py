"""Gradio mounted in our app, with fonts of the system and nothing from other hosts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from pupila.artifacts.web.app import App, InvalidRequest, Request, Response
from pupila.artifacts.web.refusals import Refusal, from_invalid_request, new_request_id, to_response
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.page.blocks import build_page
from pupila.stages.page.connection import Connection
from pupila.stages.page.settings import PageSettings
from pupila.stages.page.uploads import check_upload

_FONTS = ("system-ui", "sans-serif")
_CODE_FONTS = ("ui-monospace", "monospace")
_MOST_STATES = 100  # visitors whose image is in memory


def mount(app: App, connection: Connection, settings: PageSettings, folder: Path) -> Callable[[], None]:
    """Mount the page at the root of the app.

    Returns:
        A function for the event loop that ends the connection which each visitor's browser keeps open.
    """
    page = build_page(connection, settings, folder)

    async def find_upload(path: str) -> str:
        """The path of an uploaded file, which lies in its place; Gradio's own function fetches addresses as well."""
        try:
            return check_upload(path, folder)
        except PupilaError as fault:
            raise gr.Error(f"{fault.problem}: {fault.remedy}", print_exception=False) from None

    page.state_session_capacity = _MOST_STATES
    page.has_launched = True  # else Gradio lets a mounted page read any file whose path a request names
    for block in page.blocks.values():
        block.async_move_resource_to_block_cache = find_upload
    theme = gr.themes.Default(primary_hue="blue", font=_FONTS, font_mono=_CODE_FONTS)
    gr.mount_gradio_app(
        app, page, "/", footer_links=[], run_history=False, max_file_size=settings.max_bytes, ssr_mode=False,
        mcp_server=False, enable_monitoring=False, pwa=False, show_error=True, theme=theme,
        css_paths=Path(__file__).with_name("page.css"),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )  # fmt: skip
    mounted: Any = app.router.routes[-1]
    mounted.app.add_exception_handler(InvalidRequest, _refuse_invalid)
    mounted.app.add_exception_handler(KeyError, _refuse_unknown)
    stop: Callable[[], None] = mounted.app.stop_event.set
    return stop


async def _refuse_invalid(_: Request, fault: InvalidRequest) -> Response:
    """Gradio's own response would repeat what was sent, also numbers that JSON does not have."""
    return to_response(from_invalid_request(fault), new_request_id())


async def _refuse_unknown(_: Request, fault: KeyError) -> Response:
    """A number of an event that the page does not have."""
    refusal = Refusal(
        "invalid-request", say("The page has no such event"), str(fault), remedy=say("reload the page")
    )
    return to_response(refusal, new_request_id())
