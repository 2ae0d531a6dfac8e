"""Reading pages in a process of its own, which is ended where a page takes too long: its HTML is not to be trusted."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from pupila.core.messages import number, say
from pupila.stages.collect.reader import Product, Reader, read_robots_metas
from pupila.stages.collect.rules import FetchRefused
from pupila.stages.collect.site import Site

# Seconds for one page, of the clock and of the processor: a parser takes quadratic time for deeply nested elements.
READ_TIME = 10.0
_LINE_BYTES = 1 << 28  # of one reply

Parsed = tuple[list[Product], list[str]]


class PageReader:
    """The functions of `reader.py`, each of which ends within `READ_TIME`; use it as `async with`.

    Raises:
        PupilaError: a selector is not valid CSS.
    """

    def __init__(self, site: Site) -> None:
        self.item = Reader(site).item  # CSS of one product
        self._site, self._read_time = site, READ_TIME
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def parse_page(self, html: str, address: str) -> Parsed:
        """As that of `Reader`.

        Raises:
            FetchRefused: it takes too long.
        """
        return _products(await self._call("parse_page", html, address))

    async def parse_fragments(self, parts: list[str], base: str) -> Parsed:
        """As that of `Reader`.

        Raises:
            FetchRefused: it takes too long.
        """
        return _products(await self._call("parse_fragments", parts, base)) if parts else ([], [])

    async def next_page(self, html: str, address: str) -> str:
        """As that of `Reader`.

        Raises:
            FetchRefused: it takes too long.
        """
        return str(await self._call("next_page", html, address))

    async def read_robots_metas(self, html: str) -> list[str]:
        """As that of `reader.py`.

        Raises:
            FetchRefused: it takes too long.
        """
        metas: list[str] = await self._call("read_robots_metas", html)
        return metas

    async def _call(self, *request: object) -> Any:
        async with self._lock:
            try:
                async with asyncio.timeout(self._read_time):
                    process = self._process = self._process or await self._start()
                    assert process.stdin is not None and process.stdout is not None
                    process.stdin.write(json.dumps(request).encode() + b"\n")
                    await process.stdin.drain()
                    reply = await process.stdout.readline()
                    return json.loads(reply)
            except (
                TimeoutError,
                OSError,
                ValueError,
            ) as fault:  # or the process ended, such as for lack of memory
                await self._end()
                raise FetchRefused(
                    say("its HTML can't be read within {n} s", n=number(self._read_time, 0))
                ) from fault

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=pipe, stdout=pipe, limit=_LINE_BYTES
        )
        assert process.stdin is not None
        process.stdin.write(self._site.model_dump_json().encode() + b"\n")
        return process

    async def _end(self) -> None:
        if (process := self._process) is None:
            return
        self._process = None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _products(parsed: list[Any]) -> Parsed:
    products, without_id = parsed
    return [Product(**{**values, "images": tuple(values["images"])}) for values in products], without_id


def _serve() -> None:
    """Answer requests, each a line of JSON: the name of a function and its arguments."""
    reader = Reader(Site.model_validate_json(sys.stdin.readline()))
    functions: dict[str, Callable[..., Any]] = {
        "parse_page": reader.parse_page, "parse_fragments": reader.parse_fragments,
        "next_page": reader.next_page, "read_robots_metas": read_robots_metas,
    }  # fmt: skip
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        if hasattr(signal, "setitimer"):  # ends this process even if the one that started it was killed
            signal.setitimer(signal.ITIMER_PROF, READ_TIME)
        reply = json.dumps(
            functions[name](*arguments), default=asdict
        )  # ASCII: names may hold half characters
        print(reply, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # the process that started this one says so
        _serve()
