"""What becomes of an error that nobody foresaw: a refusal like all others, and a line in the service's messages."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pupila.artifacts.web.refusals import Refusal, to_response
from pupila.core.messages import say

_log = logging.getLogger("uvicorn.error")


class FailureGuard:
    """Answers an error where no response has begun; the server writes its trace.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except Exception:
            if scope["type"] == "http" and not begun:
                state = scope["state"]
                _log.error("request %s failed", state["id"])
                remedy = say("search the server's log for this request_id")
                refusal = Refusal("internal-error", say("Internal server error"), remedy=remedy)
                state["reason"] = refusal.reason
                await to_response(refusal, state["id"])(scope, receive, send)
            raise
