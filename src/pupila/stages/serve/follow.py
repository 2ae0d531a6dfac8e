"""Follow an alias or a bundle in a store: load what it names now beside the current model, and swap.

Whatever fails, the current model serves; the log and `/model/following` report it, and it is tried again.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, Field

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.memory import return_freed_memory
from pupila.artifacts.registry.watch import Target, Watch
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.stages.serve.slot import ModelSlot
from pupila.tasks import is_same_task

_log = logging.getLogger("uvicorn.error")
_JITTER = 0.1  # share of the interval, so that many services do not poll at once
_MOST_SKIPPED = 32  # polls between two trials of a bundle that was refused
Result = TypeVar("Result")


class Following(BaseModel):
    """What a service follows, and how that stands."""

    source: str = Field(description="the alias or bundle that is followed")
    version: int | None = Field(description="number of the served version in the registry")
    swaps: int = Field(description="swaps since the service started")
    failures: int = Field(
        description="bundles that were refused since the service started, each trial counted"
    )
    draining: int = Field(description="requests that an earlier model still predicts")
    problem: str | None = Field(description="why the bundle that should be served is not served; null: it is")
    unreachable_since: str | None = Field(
        description="since when the registry or store can't be read; null: it can"
    )
    last_poll: str | None = Field(description="when it was read last, ISO 8601, UTC")


class Swapping(Protocol):
    """A worker whose model can be swapped."""

    @property
    def slot(self) -> ModelSlot[Any]:
        """Its model."""

    def load(self, bundle: Bundle) -> Any:
        """A model, loaded, checked and warm; in a thread."""


class Follower:
    """Polls what a service follows, in the event loop; reads and loads in threads.

    Args:
        watch: what it follows.
        worker: of the service.
        number: of the version that the worker has.
    """

    def __init__(self, watch: Watch, worker: Swapping, number: int | None) -> None:
        self._watch, self._worker, self._number = watch, worker, number
        self._failures, self._refused, self._skip, self._wait = 0, "", 0, 1
        self._has_garbage = False  # an earlier model, in memory that was not given back
        self._problem: str | None = None
        self._unreachable_since: str | None = None
        self._last_poll: str | None = None

    def describe(self) -> Following:
        """How following stands, for `/model/following`."""
        slot = self._worker.slot
        return Following(
            source=self._watch.source, version=self._number, swaps=slot.swaps, failures=self._failures,
            draining=slot.draining, problem=self._problem, unreachable_since=self._unreachable_since,
            last_poll=self._last_poll,
        )  # fmt: skip

    async def run(self, seconds: float) -> None:
        """Poll until cancelled, on average every so many seconds."""
        while True:
            await asyncio.sleep(seconds * random.uniform(1 - _JITTER, 1 + _JITTER))
            await self.poll()

    async def poll(self) -> None:
        """Read what is followed, and swap the model where it has changed."""
        if self._has_garbage and not self._worker.slot.draining:
            self._has_garbage = False
            await asyncio.to_thread(return_freed_memory)
        try:
            target = await _in_daemon(self._watch.find_target)
        except Exception as fault:  # noqa: BLE001 -- whatever fails, the current model serves
            self._report_unreachable(fault)
            return
        if self._unreachable_since is not None:
            _log.warning(say("{source} can be read again.", source=self._watch.source))
        self._unreachable_since, self._last_poll = None, _now()
        if target.bundle_hash == self._worker.slot.current.bundle.hash:
            self._number, self._problem, self._refused = target.number, None, ""
        elif target.key != self._refused or not self._is_skipped():
            await self._swap(target)

    async def _swap(self, target: Target) -> None:
        """Load the bundle beside the current model, and serve it from the next request on."""
        try:
            model = await asyncio.to_thread(self._load, target)
        except Exception as fault:  # noqa: BLE001 -- whatever fails, the current model serves
            self._refuse(target, fault)
            return
        before, after = self._worker.slot.current.bundle, model.bundle
        self._worker.slot.swap(model)
        self._has_garbage = True
        self._number, self._problem, self._refused = target.number, None, ""
        words = {"source": self._watch.source, "before": before.hash[:12], "after": after.hash[:12]}
        _log.warning(say("{source}: model {before} was replaced by {after}.", **words))
        if after.info.classes != before.info.classes:
            _log.warning(say("The classes have changed: {before} -> {after}.", before=listing(before.info.classes),
                             after=listing(after.info.classes)))  # fmt: skip

    def _load(self, target: Target) -> Any:
        """In a thread: the model, verified and warm.

        Raises:
            PupilaError: a bundle of another task, whose API would be another one, or an invalid one.
        """
        bundle = target.load()
        task = self._worker.slot.current.bundle.info.task
        if not is_same_task(bundle.info.task, task):
            raise PupilaError(
                say("A service can't swap to another task"), actual=bundle.info.task, expected=task,
                remedy=say("start another service: its routes differ"),
            )  # fmt: skip
        return self._worker.load(bundle)

    def _refuse(self, target: Target, fault: Exception) -> None:
        """Report a bundle that is not served, once; it is tried again after 1, 2, 4, ... polls."""
        self._wait = min(2 * self._wait, _MOST_SKIPPED) if target.key == self._refused else 1
        self._refused, self._skip = target.key, self._wait
        self._failures += 1
        problem = _describe(fault)
        if problem != self._problem:
            current = self._worker.slot.current.bundle.hash[:12]
            _log.warning(say("{source} was refused, model {current} serves on: {problem}", problem=problem,
                             source=self._watch.source, current=current))  # fmt: skip
        self._problem = problem

    def _is_skipped(self) -> bool:
        self._skip -= 1
        return self._skip >= 0

    def _report_unreachable(self, fault: Exception) -> None:
        if self._unreachable_since is None:
            self._unreachable_since = _now()
            current = self._worker.slot.current.bundle.hash[:12]
            _log.warning(say("{source} can't be read, model {current} serves on: {problem}",
                             source=self._watch.source, current=current, problem=_describe(fault)))  # fmt: skip


def _describe(fault: Exception) -> str:
    return " ".join((str(fault) or type(fault).__name__).split())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


async def _in_daemon(function: Callable[[], Result]) -> Result:
    """The result of a function that may wait long for a network, in a thread that no end of the process waits for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def deliver(set_outcome: Callable[[Any], None], outcome: object) -> None:
        if not future.done():
            set_outcome(outcome)

    def work() -> None:
        try:
            outcome: tuple[Callable[[Any], None], object] = (future.set_result, function())
        except Exception as fault:  # noqa: BLE001 -- raised where it is awaited
            outcome = (future.set_exception, fault)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(deliver, *outcome)

    threading.Thread(target=work, daemon=True).start()
    return await future
