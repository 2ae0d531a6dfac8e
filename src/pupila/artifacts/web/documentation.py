"""What a service says about itself: `/`, `/openapi.json` and `/docs`, a page that needs no other host."""

import hashlib
from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, JSONResponse

from pupila.artifacts.web.app import App, Request, Response
from pupila.artifacts.web.documentation_page import (
    Document,
    render_operations,
    render_problems,
    render_schemas,
    render_trial,
)
from pupila.artifacts.web.listening import is_draining
from pupila.artifacts.web.scopes import PUBLIC, needs
from pupila.core.messages import say
from pupila.core.version import __version__


def add_documentation(app: App) -> None:
    """Add the routes; the others of the app may be added before or after."""

    @app.get("/", include_in_schema=False)
    @needs(PUBLIC)
    async def index(request: Request) -> Response:
        links = {"documentation": "/docs", "description": "/openapi.json", "health": "/health"}
        headers = {"vary": "accept"}
        if "text/html" not in request.headers.get("accept", ""):
            state = {
                "service": "Pupila",
                "version": __version__,
                "status": "draining" if is_draining(app) else "ok",
            }
            return JSONResponse({**state, **links}, headers=headers)
        items = "".join(f'<li><a href="{path[1:]}">{path}</a></li>' for path in links.values())
        return _page("Pupila", f"<p>{_version()}</p><ul>{items}</ul>", headers)

    @app.get("/openapi.json", include_in_schema=False)
    @needs("predict")
    async def description() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    @needs("predict")
    async def documentation(request: Request) -> Response:
        return _page(app.title, _render(app.openapi(), str(request.base_url).rstrip("/")), {})


def _version() -> str:
    return escape(say("Pupila {version} is running.", version=__version__))


def _render(document: Document, base: str) -> str:
    """The body of the page, for a service at this address."""
    token = say(
        "Where the service has tokens, add {option} to every command.",
        option="-H 'Authorization: Bearer TOKEN'",
    )
    links = '<a href="openapi.json">openapi.json</a>'
    return "".join([
        f'<p class="soft">{_version()} {links}</p><p class="soft">{escape(token)}</p>', render_trial(document),
        render_operations(document, base), render_schemas(document), render_problems(document),
    ])  # fmt: skip


def _page(title: str, body: str, headers: dict[str, str]) -> Response:
    """A page that loads nothing and runs nothing but its own style and script."""
    style, script = _read("documentation.css"), _read("documentation.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    text = (
        '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )
    return HTMLResponse(text, headers={"content-security-policy": policy, **headers})


@cache
def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The text in a Content-Security-Policy."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
