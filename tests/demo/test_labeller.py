"""The labeller on this machine: it knows a picture again, and is wrong as often as it is told."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.demo.labeller import Loopback, nearest
from pupila.demo.packages import write_shop
from pupila.imaging.images.encode import small_jpeg
from pupila.stages.label.labellers.question import read_question


@pytest.mark.parametrize("side", [512, 160])
def test_it_knows_every_package_again_however_small_it_was_sent(tmp_path: Path, side: int) -> None:
    write_shop(tmp_path, products=12, seed=4)
    data = pupila.open(tmp_path)
    numbers = [str(row) for row in range(len(data))]
    truth = nearest(data, numbers)
    assert [truth(small_jpeg(data.pixels(row), side)) for row in range(len(data))] == numbers


def body(picture: bytes) -> dict[str, Any]:
    question = read_question("octagons")
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    content = [{"type": "text", "text": question.text}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "m", "messages": [{"content": content}], "response_format": question.answer_format}


def test_it_is_wrong_as_often_as_told_and_the_same_way_however_many_ask() -> None:
    rng = np.random.default_rng(5)
    pictures = [small_jpeg(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), 9) for _ in range(500)]

    def said(workers: int, seed: int) -> list[str]:
        server = Loopback(lambda picture: "con_octogono", noise=0.08, seed=seed)
        with ThreadPoolExecutor(workers) as pool:
            return list(
                pool.map(
                    lambda picture: server.answer(body(picture), "")[2].partition('"model"')[2], pictures
                )
            )

    one = said(1, seed=3)
    wrong = sum("sin_octogono" in answer for answer in one)
    assert 22 <= wrong <= 60  # 40 are expected, give or take three times 6.1
    assert [a.partition("choices")[2] for a in said(6, seed=3)] == [a.partition("choices")[2] for a in one]
    assert said(1, seed=4) != one


def test_a_second_vote_is_a_new_draw() -> None:
    picture = small_jpeg(np.zeros((9, 9, 3), np.uint8), 9)
    server = Loopback(lambda picture: "con_octogono", noise=0.5)
    answers = ["sin_octogono" in server.answer(body(picture), "")[2] for _ in range(30)]
    assert 0 < sum(answers) < 30
