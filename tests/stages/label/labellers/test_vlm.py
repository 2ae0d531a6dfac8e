"""A vision-language model: protocol, closed set, votes, budget, cache, and API key."""

import base64
import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.api.label import plan_labelling
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.core.errors import PupilaError
from pupila.demo.labeller import INPUT_TOKENS, OUTPUT_TOKENS, Fault, Loopback, run_loopback
from pupila.imaging.images.decode import decode
from pupila.stages.label.labellers.catalogue import create_labeller
from pupila.stages.label.labellers.cost import estimate_image_tokens
from tests.pictures import encoded, photo, write_classes, write_photo, write_scenes
from tests.stages.label.requests import (
    KEY,
    QUESTION,
    ask,
    label_settings,
    read_rows,
    served,
    shop,
    targets,
    true_class,
)

PRICES: dict[str, Any] = {"input_price": 1.0, "output_price": 10.0}
OFFLINE: dict[str, Any] = {"model": "x", "base_url": "http://127.0.0.1:9", "question": "octagons"}
COST = (INPUT_TOKENS * 1.0 + OUTPUT_TOKENS * 10.0) / 1e6  # of an answer, US dollars


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shop(tmp_path / "shop")


def only(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """The fault at one request, from 0."""
    return lambda index, shown: fault if index == number else None


def test_every_image_gets_a_label_with_its_source(folder: Path) -> None:
    with served(folder) as server:
        result = ask(server, folder, **PRICES)
    assert (result.labelled, result.unsure, result.failed) == (6, 0, [])
    assert result.classes == {"cat": 3, "dog": 3}
    assert targets(folder) == {f"{n:02d}.png": true_class(f"{n}") for n in range(6)}
    rows = read_rows(folder).to_dicts()
    assert {row["labeller"] for row in rows} == {f"vlm:{folder}"}
    assert not any(row["annotator"] for row in rows)
    assert {row["cost"] for row in rows} == {COST}
    assert result.cost == pytest.approx(6 * COST)
    assert all(row["seconds"] >= 0 and row["time"].endswith("+00:00") for row in rows)
    assert {row["confidence"] for row in rows} == {None}  # one answer agrees with nothing


def test_a_request_contains_a_small_jpeg_and_a_closed_question(folder: Path) -> None:
    upright = photo(77, 60, 90)
    (folder / "00.png").write_bytes(encoded(upright))
    with served(folder) as server:
        ask(server, folder, limit=1, max_image_size=45, temperature=0.5)
    (body,) = server.requests
    text, picture = body["messages"][0]["content"]
    head, _, content = picture["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert decode(base64.b64decode(content)).shape == (45, 30, 3)
    assert text["text"] == (
        "What is it?\n\n- cat: it purrs\n- dog\n- unsure: the picture does not show it, or not clearly enough"
    )
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["label"]["enum"] == ["cat", "dog", "unsure"]
    assert schema["schema"]["additionalProperties"] is False
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == (str(folder), 0.5, 256)


@pytest.mark.parametrize(
    "content", ['{"label": "cow"}', "a cat, I think", '{"label": ["cat"]}', "[]", "", '{"animal": "cat"}']
)
def test_an_invalid_answer_is_requested_again_and_then_counts_as_unsure(folder: Path, content: str) -> None:
    with served(folder, fault=only(0, Fault(content=content))) as server:
        assert ask(server, folder, limit=1).classes == {"cat": 1}
        assert len(server.requests) == 2
        server.fault = lambda index, shown: Fault(content=content)
        result = ask(server, folder, limit=1, **PRICES)
    assert (result.labelled, result.unsure, len(server.requests)) == (0, 1, 4)
    assert result.cost == pytest.approx(2 * COST)  # both tries are paid
    assert "One answer was not one of the classes" in "\n".join(result.remarks)
    assert read_rows(folder).row(-1, named=True)["target"] is None
    assert targets(folder)["01.png"] is None


@pytest.mark.parametrize(
    "choice", ['{"message": null}', '{"message": {"content": 3}}', '{"message": {}}', "{}"]
)
def test_an_empty_answer_counts_as_invalid(folder: Path, choice: str) -> None:
    body = f'{{"choices": [{choice}], "usage": 3}}'
    with served(folder, fault=only(0, Fault(200, body))) as server:
        result = ask(server, folder, limit=1)
    assert (result.labelled, len(server.requests)) == (1, 2)


@pytest.mark.parametrize("body", ["", "<html> Log in", "[]", "{}", '{"choices": []}', '{"choices": [3]}'])
def test_a_body_that_is_not_a_completion_fails_and_is_not_cached(folder: Path, body: str) -> None:
    with served(folder, fault=lambda index, shown: Fault(200, body)) as server:
        with pytest.raises(
            PupilaError, match=r"does not respond: found the response of 127\.0\.0\.1:\d+ is not a chat"
        ):
            ask(server, folder, retries=0)
        assert (len(server.requests), read_rows(folder).height) == (3, 0)
        server.fault = only(5, Fault(200, body))
        result = ask(server, folder, retries=0, concurrency=1, **PRICES)
        assert (result.labelled, result.unsure, [image for image, _ in result.failed]) == (5, 0, ["02.png"])
        assert ask(server, folder).labelled == 1


def test_a_page_that_repeats_the_key_is_reported_without_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    page = "x" * 75 + KEY
    with (
        served(folder, key=KEY, fault=lambda index, shown: Fault(200, page)) as server,
        pytest.raises(PupilaError, match=r"not a chat completion: x+\*\*\*") as refused,
    ):
        ask(server, folder, key="PUPILA_TEST_KEY", retries=0)
    assert KEY[:3] not in str(refused.value)


def completion(content: str | None, finish: str, usage: dict[str, int] | None) -> Fault:
    """A completion with its finish reason and token counts."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return Fault(200, json.dumps({"choices": [choice], **({"usage": usage} if usage else {})}))


@pytest.mark.parametrize("content", [None, "", '{"label": "ca'])
def test_a_truncated_answer_is_requested_again_with_more_tokens(folder: Path, content: str | None) -> None:
    cut = completion(content, "length", {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS})
    with served(folder, fault=only(0, cut)) as server:
        result = ask(server, folder, concurrency=1, **PRICES)
        assert (result.labelled, result.unsure) == (5, 0)
        assert result.failed == [("00.png", "the answer was cut off after 8 tokens")]
        assert result.cost == pytest.approx(6 * COST)  # it is paid all the same
        assert "One answer was cut off; try --max-tokens 1024." in result.remarks
        assert read_rows(folder).height == 5
        result = ask(server, folder, max_tokens=1024)
        assert (result.selected, result.labelled, len(server.requests)) == (1, 1, 7)
    assert targets(folder)["00.png"] == "cat"


def test_without_reported_tokens_the_worst_case_cost_is_assumed(folder: Path) -> None:
    uncounted = completion('{"label": "cat"}', "stop", None)
    with served(folder, fault=lambda index, shown: uncounted) as server:
        data = pupila.open(folder)
        planned = plan_labelling(folder, with_=f"vlm:{folder}", **label_settings(server, folder, **PRICES))
        most = re.search(r"dollars, at most ([0-9.]+) if every answer has the maximum", planned.forecast()[1])
        result = planned.run()
    assert most is not None and len(data) == 6
    assert result.cost == pytest.approx(float(most[1]), abs=5e-5)


def test_the_budget_holds_even_if_the_first_image_is_the_smallest(tmp_path: Path) -> None:
    # 25 tokens for each patch, of which the first picture has 4 and each of the others 256: 6,400 tokens.
    folder = tmp_path / "shop"
    for number in range(9):
        write_photo(folder / f"{number}.png", number, *((512, 512) if number else (64, 64)))
    (tmp_path / "question.yaml").write_text(QUESTION)

    def counted(index: int, shown: str) -> Fault:
        url = server.requests[index]["messages"][0]["content"][1]["image_url"]["url"]
        height, width = decode(base64.b64decode(url.partition(",")[2])).shape[:2]
        used = {"prompt_tokens": 100 + 25 * estimate_image_tokens(height, width), "completion_tokens": 10}
        return completion('{"label": "cat"}', "stop", used)

    with run_loopback(Loopback(lambda picture: "cat", fault=counted)) as server:
        result = ask(server, folder, concurrency=8, max_cost=0.03, **PRICES)
    assert result.labelled in (4, 5)  # by whether those that waited knew what the second one took
    assert result.not_requested == 9 - result.labelled
    assert result.cost is not None and result.cost <= 0.03


def test_unsure_is_saved_and_not_requested_again(folder: Path) -> None:
    with served(folder, fault=lambda index, shown: Fault(content='{"label": "unsure"}')) as server:
        result = ask(server, folder)
        assert (result.unsure, result.labelled, len(server.requests)) == (6, 0, 6)
        assert ask(server, folder).selection.labelled_before == 6
        assert len(server.requests) == 6
    assert set(targets(folder).values()) == {None}


def test_votes_give_majority_and_agreement_and_a_tie_is_unsure(folder: Path) -> None:
    answers = iter(
        ["cat", "dog", "cat", "dog", "cat", "unsure", "unsure", "dog", "unsure", "dog", "dog", "dog"]
    )
    with served(
        folder, fault=lambda index, shown: Fault(content=json.dumps({"label": next(answers)}))
    ) as server:
        result = ask(server, folder, limit=4, votes=3, concurrency=1)
    rows = read_rows(folder).select("target", "confidence", "votes").rows()
    assert rows == [
        ("cat", pytest.approx(2 / 3), '{"cat": 2, "dog": 1}'),
        (None, pytest.approx(1 / 3), '{"cat": 1, "dog": 1, "unsure": 1}'),
        (None, pytest.approx(2 / 3), '{"dog": 1, "unsure": 2}'),
        ("dog", 1.0, '{"dog": 3}'),
    ]
    assert (result.labelled, result.unsure) == (2, 2)


@pytest.mark.parametrize("concurrency", [1, 7])
def test_the_budget_is_used_but_never_exceeded_at_any_concurrency(tmp_path: Path, concurrency: int) -> None:
    # An answer costs 0.00048 and at worst a little more: after n answers another one starts if n * COST + worst
    # stays within the cap. The worst case is a picture of 9 patches, the question's letters, and 20 tokens of output.
    folder = shop(tmp_path / "shop", 20)
    cap = 12.5 * COST
    with served(folder) as server:
        result = ask(server, folder, concurrency=concurrency, max_tokens=20, max_cost=cap, **PRICES)
        assert result.cost == pytest.approx(len(server.requests) * COST)
        assert result.cost is not None and cap - 2 * COST < result.cost <= cap
        assert (result.labelled, result.not_requested) == (12, 8)
        assert "could exceed the budget" in "\n".join(result.remarks)
        rest = ask(server, folder, concurrency=concurrency, **PRICES)
    assert (rest.labelled, rest.selection.labelled_before, len(server.requests)) == (8, 12, 20)


def test_a_budget_without_prices_is_refused(folder: Path) -> None:
    with served(folder) as server, pytest.raises(PupilaError, match="--input-price"):
        ask(server, folder, max_cost=1)
    assert not server.requests


def test_a_second_run_costs_nothing_and_more_votes_cost_only_the_additional_ones(folder: Path) -> None:
    with served(folder) as server:
        ask(server, folder, **PRICES)
        (folder / "labels.parquet").unlink()
        result = ask(server, folder, **PRICES)
        assert (len(server.requests), result.cost, result.labelled) == (6, 0.0, 6)
        assert set(read_rows(folder)["cost"]) == {COST}  # what it took when it was asked
        ask(server, folder, votes=3, **PRICES)
        assert len(server.requests) == 6 + 2 * 6
        assert ask(server, folder, votes=3).selection.labelled_before == 6
        ask(server, folder, votes=3, max_image_size=32)  # a smaller picture is another question
    assert len(server.requests) == 18 + 3 * 6


def test_another_prompt_is_another_question(folder: Path) -> None:
    with served(folder) as server:
        ask(server, folder)
        (folder.parent / "question.yaml").write_text("prompt: Look again.\nclasses: [cat, dog]\n")
        assert ask(server, folder).selected == 6
    assert len(server.requests) == 12
    assert read_rows(folder)["note"].n_unique() == 2


def test_labels_before_a_fatal_error_are_saved_and_the_next_run_resumes(folder: Path) -> None:
    with served(
        folder, fault=lambda index, shown: Fault(402, "out of money") if index >= 3 else None
    ) as server:
        with pytest.raises(PupilaError, match=r"no credit left.*402: out of money"):
            ask(server, folder, concurrency=1)
        assert read_rows(folder).height == 3
        server.fault = lambda index, shown: None
        before = len(server.requests)
        result = ask(server, folder)
    assert (result.labelled, result.selection.labelled_before, len(server.requests) - before) == (3, 3, 3)


def test_a_closed_run_sends_no_more_requests_and_keeps_its_answers(folder: Path) -> None:
    data = pupila.open(folder)
    with served(folder) as server:
        labeller = create_labeller(f"vlm:{folder}", label_settings(server, folder, concurrency=1), data)
        outcomes = labeller.outcomes(data, range(6))
        assert [next(outcomes)[0] for _ in range(2)] == [0, 1]
        outcomes.close()  # as an interruption does
        count = len(server.requests)
        assert 2 <= count <= 4  # what was under way ended
        assert ask(server, folder).labelled == 6
    assert len(server.requests) == 6


def test_a_killed_run_resumes(folder: Path) -> None:
    with served(folder) as server:
        command = [sys.executable, "-m", "pupila", "label", str(folder), "--with", f"vlm:{folder}"]
        for name, value in label_settings(server, folder, concurrency=2).items():
            command.append(f"{name}={value}")
        started: list[subprocess.Popen[bytes]] = []

        def kill(index: int, shown: str) -> Fault | None:
            if index == 4 and started:
                started[0].kill()
                started[0].wait()
            return None

        server.fault = kill
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            started.append(child)
            assert child.wait() == -signal.SIGKILL
        started.clear()
        count = len(server.requests)
        assert 5 <= count <= 6
        result = ask(server, folder)
    assert (result.labelled + result.selection.labelled_before, result.failed) == (6, [])
    assert len(server.requests) - count <= 4  # those under way, and the one that was never asked


def test_one_bad_image_never_stops_the_others(folder: Path) -> None:
    data = pupila.open(folder)
    (folder / "00.png").write_bytes(encoded(photo(99)))  # changed since it was opened
    with served(folder, fault=only(2, Fault(400, '{"error": {"message": "no such picture"}}'))) as server:
        result = pupila.label(data, with_=f"vlm:{folder}", **label_settings(server, folder, concurrency=1))
    assert result.labelled == 4
    assert result.failed == [
        ("00.png", "the file has changed since then"),
        ("03.png", "HTTP 400: no such picture"),
    ]


def test_transient_errors_are_retried(folder: Path) -> None:
    soon = {"Retry-After": "0"}
    faults = {0: Fault(429, "{}", soon), 2: Fault(503, "busy", soon), 3: Fault(429, "{}", soon)}
    with served(folder, fault=lambda index, shown: faults.get(index)) as server:
        result = ask(server, folder, concurrency=1)
    assert (result.labelled, result.failed, len(server.requests)) == (6, [], 9)


def test_a_wrong_key_stops_at_once_and_is_never_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    with served(folder, key="sk-another") as server, pytest.raises(PupilaError) as refused:
        ask(server, folder, key="PUPILA_TEST_KEY")
    assert len(server.requests) == 1  # not once in every thread
    assert "rejected the API key" in str(refused.value)
    assert "Incorrect API key provided: ***" in str(refused.value)
    assert "export PUPILA_TEST_KEY=..." in str(refused.value)
    assert KEY not in str(refused.value) + repr(refused.value.args) + caplog.text


def test_the_key_is_sent_and_stored_nowhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    with served(folder, key=KEY, fault=only(3, Fault(400, f"what is {KEY}?"))) as server:
        result = ask(server, folder, key="PUPILA_TEST_KEY")
    assert result.labelled == 5
    assert result.failed[0][1] == "HTTP 400: what is ***?"
    assert KEY not in json.dumps(result.as_dict()) + caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.suffix == ".json" for path in written) >= 5  # the answers that are remembered
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_the_openai_key_is_sent_only_to_openai(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(folder, key=KEY) as server:
        with pytest.raises(PupilaError, match="rejected the API key") as refused:
            ask(server, folder)
        assert "--key VARIABLE" in str(refused.value)
        assert ask(server, folder, key="OPENAI_API_KEY").labelled == 6
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(PupilaError, match="Missing key: the environment variable OPENAI_API_KEY is empty"):
        ask(server, folder, base_url="https://api.openai.com/v1")


def test_given_labels_and_those_of_annotators_are_skipped(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 3, "dog": 3})
    (tmp_path / "question.yaml").write_text("prompt: What is it?\nclasses: [cat, dog]\n")
    data = pupila.open(folder)
    image, digest = data.images.select("image", "sha256").row(0)
    append_labels(
        data.home, [Label(image, digest, "annotator:ana", True, "dog", "2026-11-21T12:00:00+00:00")]
    )
    with served_as("cat") as server:
        result = ask(server, folder)
        assert (result.selected, result.selection.by_annotator, result.selection.given) == (0, 1, 5)
        assert not server.requests
        result = ask(server, folder, everything=True)
    assert result.classes == {"cat": 6}
    assert list(targets(folder).values()) == ["dog", "cat", "cat", "dog", "dog", "dog"]
    assert read_rows(folder).height == 7  # what the machine said is kept all the same


def served_as(answer: str) -> AbstractContextManager[Loopback]:
    """A server that says the same of every picture."""
    return run_loopback(Loopback(lambda picture: answer))


def test_duplicate_images_are_requested_once(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "01.png").read_bytes())
    with served_as("dog") as server:
        assert ask(server, folder).selected == 6
    assert targets(folder)["copy.png"] == "dog"
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"votes": 3, "temperature": 0}, "temperature"),
        ({"question": ""}, "--question FILE.yaml"),
        ({"question": "octogons"}, "Did you mean octagons?"),
        ({"model": ""}, "--with vlm:MODEL"),
    ],
)
def test_settings_that_can_not_be_honoured_are_refused(
    folder: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(PupilaError) as refused:
        pupila.label(
            folder,
            with_="vlm",
            **{**OFFLINE, **changes},
        )
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault(404, '{"error": {"message": "no model x"}}'),
            "does not have this model: found HTTP 404: no model x",
        ),
        (
            Fault(400, '{"error": {"message": "response_format is unknown"}}'),
            "does not support structured output",
        ),
        (Fault(429, '{"error": {"message": "pay", "code": "insufficient_quota"}}'), "no credit left"),
        (Fault(429, "", {"Retry-After": "3600"}), "run the command again later: found Retry-After: 3600 s"),
        (Fault(500, "oops", {"Retry-After": "0"}), "does not respond: found HTTP 500: oops"),
    ],
)
def test_an_error_that_holds_for_all_images_ends_the_run(folder: Path, fault: Fault, says: str) -> None:
    with served(folder, fault=lambda index, shown: fault) as server, pytest.raises(PupilaError, match=says):
        ask(server, folder)
    assert len(server.requests) <= 9


def test_an_unreachable_server_is_one_clear_error(folder: Path) -> None:
    with served(folder) as server:
        pass
    with pytest.raises(PupilaError, match=r"does not respond: found no connection to 127\.0\.0\.1"):
        ask(server, folder, retries=0)


def test_data_with_masks_are_refused(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    with (
        served_as("cat") as server,
        pytest.raises(PupilaError, match="The data have masks, but the labels are one class per image"),
    ):
        ask(server, folder, question="octagons")
