"""Pages are read in a process of their own: hostile HTML costs its page and nothing else."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from pupila.stages.collect.page_reader import PageReader
from pupila.stages.collect.reader import Reader, read_robots_metas
from pupila.stages.collect.rules import FetchRefused
from tests.stages.collect.test_reader import PAGE, site

ADDRESS = "https://shop.example/all"
DEEP = "<div>" * 100_000  # the parser takes ten seconds and more, and four times as long for twice as many
MANY = "<div " + " ".join(f"a{n}=1" for n in range(100_000)) + ">"


def test_pages_are_read_as_in_one_process() -> None:
    with_next = site(more="next", next="a.on")

    async def read() -> list[object]:
        async with PageReader(with_next) as reader:
            return [
                await reader.parse_page(PAGE, ADDRESS), await reader.parse_fragments([PAGE], ADDRESS),
                await reader.parse_fragments([], ADDRESS),
                await reader.next_page('<a class="on" href="?p=2">\ud800</a>', ADDRESS),
                await reader.read_robots_metas('<meta name="robots" content="noai">'),
            ]  # fmt: skip

    own = Reader(with_next)
    assert asyncio.run(read()) == [
        own.parse_page(PAGE, ADDRESS), own.parse_fragments([PAGE], ADDRESS), ([], []),
        own.next_page('<a class="on" href="?p=2">', ADDRESS),
        read_robots_metas('<meta name="robots" content="noai">'),
    ]  # fmt: skip


@pytest.mark.parametrize("hostile", [DEEP, MANY], ids=["elements", "attributes"])
def test_a_page_that_takes_too_long_is_refused_and_the_next_one_read(hostile: str) -> None:
    async def read() -> object:
        async with PageReader(site()) as reader:
            await reader.parse_page(PAGE, ADDRESS)
            reader._read_time = 1.0
            with pytest.raises(FetchRefused, match="can't be read within 1 s"):
                await reader.parse_page(hostile + PAGE, ADDRESS)
            reader._read_time = 60.0  # a new process starts
            return await reader.parse_page(PAGE, ADDRESS)

    assert asyncio.run(read()) == Reader(site()).parse_page(PAGE, ADDRESS)


def test_reading_ends_even_if_the_process_that_asked_was_killed() -> None:
    code = "from pupila.stages.collect import page_reader; page_reader.READ_TIME = 0.5; page_reader._serve()"
    request = json.dumps(["parse_page", DEEP, ADDRESS])
    orphan = subprocess.run(
        [sys.executable, "-c", code], input=f"{site().model_dump_json()}\n{request}\n", text=True, check=False
    )
    assert orphan.returncode == -signal.SIGPROF
