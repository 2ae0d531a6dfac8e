"""`/health`, `/health/live` and `/health/ready`: public, so they say only state and version."""

from typing import Literal

from pydantic import BaseModel, Field

from pupila.artifacts.web.app import App, Response
from pupila.artifacts.web.listening import is_draining
from pupila.artifacts.web.scopes import PUBLIC, Access, needs
from pupila.stages.serve.follow import Follower, Following, Swapping

Obstacle = Literal["draining", "swap-failed"]
_UNAVAILABLE = 503


class Liveness(BaseModel):
    """Whether the process responds."""

    status: Literal["live"] = "live"
    model_version: str = Field(description="hash of the bundle")


class Health(BaseModel):
    """Whether a model serves."""

    status: Literal["ok", "draining"]
    model_version: str = Field(description="hash of the bundle")


class Readiness(BaseModel):
    """Whether the service is as it should be."""

    status: Literal["ready", "not-ready"]
    reason: Obstacle | None = Field(
        description="draining: it is stopping; swap-failed: the bundle that should be served was refused, and "
        "an earlier one serves; null: ready"
    )
    model_version: str = Field(description="hash of the bundle")


def find_obstacle(app: App, follower: Follower | None) -> Obstacle | None:
    """Why the service is not ready; None: it is."""
    if is_draining(app):
        return "draining"
    return None if follower is None or follower.describe().problem is None else "swap-failed"


def add_health(app: App, worker: Swapping, follower: Follower | None) -> None:
    """Add the routes."""

    @app.get("/health", response_model=Health, responses={_UNAVAILABLE: {"model": Health}})
    @needs(PUBLIC)
    async def health(response: Response) -> Health:
        """Whether a model serves: 503 once the service is stopping."""
        version = worker.slot.current.bundle.hash
        if not is_draining(app):
            return Health(status="ok", model_version=version)
        response.status_code = _UNAVAILABLE
        return Health(status="draining", model_version=version)

    @app.get("/health/live", response_model=Liveness)
    @needs(PUBLIC)
    async def live() -> Liveness:
        """Whether the process responds."""
        return Liveness(model_version=worker.slot.current.bundle.hash)

    @app.get("/health/ready", response_model=Readiness, responses={_UNAVAILABLE: {"model": Readiness}})
    @needs(PUBLIC)
    async def ready(response: Response) -> Readiness:
        """Whether the service is as it should be: 503 while it is stopping, or after a swap that failed."""
        version, reason = worker.slot.current.bundle.hash, find_obstacle(app, follower)
        if reason is None:
            return Readiness(status="ready", reason=None, model_version=version)
        response.status_code = _UNAVAILABLE
        return Readiness(status="not-ready", reason=reason, model_version=version)

    if follower is not None:

        @app.get("/model/following", response_model=Following)
        @needs(Access("metrics", loopback=True))
        async def following() -> Following:
            """What the service follows, and how that stands."""
            return follower.describe()
