"""The simulated labeller: it recognises every image, and its error rate is the configured noise."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.demo.labeller import Loopback, nearest_label
from pupila.demo.packages import write_shop
from pupila.imaging.images.encode import encode_small_jpeg
from pupila.stages.label.labellers.question import read_question


@pytest.mark.parametrize("side", [512, 160])
def test_it_recognises_every_package_at_any_size(tmp_path: Path, side: int) -> None:
    write_shop(tmp_path, products=12, seed=4)
    data = pupila.open(tmp_path)
    numbers = [str(row) for row in range(len(data))]
    ground_truth = nearest_label(data, numbers)
    assert [ground_truth(encode_small_jpeg(data.pixels(row), side)) for row in range(len(data))] == numbers


def body(picture: bytes) -> dict[str, Any]:
    question = read_question("octagons")
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    content = [{"type": "text", "text": question.text}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "m", "messages": [{"content": content}], "response_format": question.answer_format}


def test_its_errors_match_the_noise_and_do_not_depend_on_concurrency() -> None:
    rng = np.random.default_rng(5)
    pictures = [encode_small_jpeg(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), 9) for _ in range(500)]

    def collect_responses(workers: int, seed: int) -> list[str]:
        server = Loopback(lambda picture: "con_octogono", noise=0.08, seed=seed)
        with ThreadPoolExecutor(workers) as pool:
            return list(
                pool.map(
                    lambda picture: server.respond(body(picture), "")[2].partition('"model"')[2], pictures
                )
            )

    responses = collect_responses(1, seed=3)
    wrong = sum("sin_octogono" in response for response in responses)
    assert 22 <= wrong <= 60  # 40 expected, plus or minus three standard deviations of 6.1
    assert [a.partition("choices")[2] for a in collect_responses(6, seed=3)] == [
        a.partition("choices")[2] for a in responses
    ]
    assert collect_responses(1, seed=4) != responses


def test_every_vote_is_an_independent_draw() -> None:
    picture = encode_small_jpeg(np.zeros((9, 9, 3), np.uint8), 9)
    server = Loopback(lambda picture: "con_octogono", noise=0.5)
    wrong = ["sin_octogono" in server.respond(body(picture), "")[2] for _ in range(30)]
    assert 0 < sum(wrong) < 30
