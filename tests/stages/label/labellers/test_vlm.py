"""A vision-language model: the protocol, the closed set, votes, the cap, what is remembered, and the key."""

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
from pupila.api.label import labelling
from pupila.artifacts.dataset.labels import Label, append
from pupila.core.errors import PupilaError
from pupila.demo.labeller import INPUT, OUTPUT, Fault, Loopback, answering
from pupila.imaging.images.decode import decode
from pupila.stages.label.labellers.catalogue import labeller_of
from pupila.stages.label.labellers.cost import patches
from tests.pictures import encoded, photo, write_classes, write_photo, write_scenes
from tests.stages.label.requests import KEY, QUESTION, ask, served, shop, targets, told, truth, wish

PRICES: dict[str, Any] = {"input_price": 1.0, "output_price": 10.0}
ASIDE: dict[str, Any] = {"model": "x", "base_url": "http://127.0.0.1:9", "task": "octagons"}
COST = (INPUT * 1.0 + OUTPUT * 10.0) / 1e6  # of an answer, US dollars


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shop(tmp_path / "shop")


def only(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """The fault at one request, from 0."""
    return lambda asked, shown: fault if asked == number else None


def test_every_picture_gets_the_answer_of_the_model_and_the_history_says_whose(folder: Path) -> None:
    with served(folder) as server:
        done = ask(server, folder, **PRICES)
    assert (done.labelled, done.unsure, done.failed) == (6, 0, [])
    assert done.classes == {"cat": 3, "dog": 3}
    assert targets(folder) == {f"{n:02d}.png": truth(f"{n}") for n in range(6)}
    rows = told(folder).to_dicts()
    assert {row["labeller"] for row in rows} == {f"vlm:{folder}"}
    assert not any(row["person"] for row in rows)
    assert {row["cost"] for row in rows} == {COST}
    assert done.cost == pytest.approx(6 * COST)
    assert all(row["seconds"] >= 0 and row["time"].endswith("+00:00") for row in rows)
    assert {row["confidence"] for row in rows} == {None}  # one answer agrees with nothing


def test_what_is_sent_is_a_small_jpeg_and_a_closed_question(folder: Path) -> None:
    upright = photo(77, 60, 90)
    (folder / "00.png").write_bytes(encoded(upright))
    with served(folder) as server:
        ask(server, folder, limit=1, side=45, temperature=0.5)
    (body,) = server.asked
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
def test_an_answer_outside_the_set_is_asked_again_and_then_unsure(folder: Path, content: str) -> None:
    with served(folder, fault=only(0, Fault(content=content))) as server:
        assert ask(server, folder, limit=1).classes == {"cat": 1}
        assert len(server.asked) == 2
        server.fault = lambda asked, shown: Fault(content=content)
        done = ask(server, folder, limit=1, **PRICES)
    assert (done.labelled, done.unsure, len(server.asked)) == (0, 1, 4)
    assert done.cost == pytest.approx(2 * COST)  # both tries are paid
    assert "One answer was none of the classes, twice" in "\n".join(done.remarks)
    assert told(folder).row(-1, named=True)["target"] is None
    assert targets(folder)["01.png"] is None


@pytest.mark.parametrize(
    "choice", ['{"message": null}', '{"message": {"content": 3}}', '{"message": {}}', "{}"]
)
def test_an_empty_answer_counts_as_one_outside_the_set(folder: Path, choice: str) -> None:
    body = f'{{"choices": [{choice}], "usage": 3}}'
    with served(folder, fault=only(0, Fault(200, body))) as server:
        done = ask(server, folder, limit=1)
    assert (done.labelled, len(server.asked)) == (1, 2)


@pytest.mark.parametrize("body", ["", "<html> Log in", "[]", "{}", '{"choices": []}', '{"choices": [3]}'])
def test_a_body_that_is_no_answer_is_none_and_is_not_remembered(folder: Path, body: str) -> None:
    with served(folder, fault=lambda asked, shown: Fault(200, body)) as server:
        with pytest.raises(
            PupilaError, match=r"does not answer: found what 127\.0\.0\.1:\d+ sends is no answer"
        ):
            ask(server, folder, retries=0)
        assert (len(server.asked), told(folder).height) == (3, 0)
        server.fault = only(5, Fault(200, body))
        done = ask(server, folder, retries=0, workers=1, **PRICES)
        assert (done.labelled, done.unsure, [image for image, _ in done.failed]) == (5, 0, ["02.png"])
        assert ask(server, folder).labelled == 1


def test_a_page_that_repeats_the_key_is_told_without_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    page = "x" * 75 + KEY
    with (
        served(folder, key=KEY, fault=lambda asked, shown: Fault(200, page)) as server,
        pytest.raises(PupilaError, match=r"no answer of a model: x+\*\*\*") as refused,
    ):
        ask(server, folder, key="PUPILA_TEST_KEY", retries=0)
    assert KEY[:3] not in str(refused.value)


def completion(content: str | None, finish: str, usage: dict[str, int] | None) -> Fault:
    """An answer with what the server says of its length."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return Fault(200, json.dumps({"choices": [choice], **({"usage": usage} if usage else {})}))


@pytest.mark.parametrize("content", [None, "", '{"label": "ca'])
def test_an_answer_that_was_cut_off_is_asked_again_once_it_may_be_longer(
    folder: Path, content: str | None
) -> None:
    cut = completion(content, "length", {"prompt_tokens": INPUT, "completion_tokens": OUTPUT})
    with served(folder, fault=only(0, cut)) as server:
        done = ask(server, folder, workers=1, **PRICES)
        assert (done.labelled, done.unsure) == (5, 0)
        assert done.failed == [("00.png", "the answer was cut off after 8 tokens")]
        assert done.cost == pytest.approx(6 * COST)  # it is paid all the same
        assert "One answer was cut off: --set max_tokens=1024." in done.remarks
        assert told(folder).height == 5
        done = ask(server, folder, max_tokens=1024)
        assert (done.asked, done.labelled, len(server.asked)) == (1, 1, 7)
    assert targets(folder)["00.png"] == "cat"


def test_what_the_server_does_not_count_costs_what_it_may_have_cost(folder: Path) -> None:
    uncounted = completion('{"label": "cat"}', "stop", None)
    with served(folder, fault=lambda asked, shown: uncounted) as server:
        data = pupila.open(folder)
        planned = labelling(folder, with_=f"vlm:{folder}", **wish(server, folder, **PRICES))
        most = re.search(r"dollars, ([0-9.]+) if every answer is as long as it may be", planned.forecast()[1])
        done = planned.run()
    assert most is not None and len(data) == 6
    assert done.cost == pytest.approx(float(most[1]), abs=5e-5)


def test_the_cap_holds_where_the_first_picture_is_the_smallest(tmp_path: Path) -> None:
    # 25 tokens for each patch, of which the first picture has 4 and each of the others 256: 6,400 tokens.
    folder = tmp_path / "shop"
    for number in range(9):
        write_photo(folder / f"{number}.png", number, *((512, 512) if number else (64, 64)))
    (tmp_path / "question.yaml").write_text(QUESTION)

    def counted(asked: int, shown: str) -> Fault:
        url = server.asked[asked]["messages"][0]["content"][1]["image_url"]["url"]
        height, width = decode(base64.b64decode(url.partition(",")[2])).shape[:2]
        used = {"prompt_tokens": 100 + 25 * patches(height, width), "completion_tokens": 10}
        return completion('{"label": "cat"}', "stop", used)

    with answering(Loopback(lambda picture: "cat", fault=counted)) as server:
        done = ask(server, folder, workers=8, max_cost=0.03, **PRICES)
    assert done.labelled in (4, 5)  # by whether those that waited knew what the second one took
    assert done.unasked == 9 - done.labelled
    assert done.cost is not None and done.cost <= 0.03


def test_unsure_is_an_answer_that_is_kept_and_not_asked_again(folder: Path) -> None:
    with served(folder, fault=lambda asked, shown: Fault(content='{"label": "unsure"}')) as server:
        done = ask(server, folder)
        assert (done.unsure, done.labelled, len(server.asked)) == (6, 0, 6)
        assert ask(server, folder).chosen.before == 6
        assert len(server.asked) == 6
    assert set(targets(folder).values()) == {None}


def test_votes_give_the_majority_and_their_agreement_and_a_tie_is_unsure(folder: Path) -> None:
    answers = iter(
        ["cat", "dog", "cat", "dog", "cat", "unsure", "unsure", "dog", "unsure", "dog", "dog", "dog"]
    )
    with served(
        folder, fault=lambda asked, shown: Fault(content=json.dumps({"label": next(answers)}))
    ) as server:
        done = ask(server, folder, limit=4, votes=3, workers=1)
    rows = told(folder).select("target", "confidence", "votes").rows()
    assert rows == [
        ("cat", pytest.approx(2 / 3), '{"cat": 2, "dog": 1}'),
        (None, pytest.approx(1 / 3), '{"cat": 1, "dog": 1, "unsure": 1}'),
        (None, pytest.approx(2 / 3), '{"dog": 1, "unsure": 2}'),
        ("dog", 1.0, '{"dog": 3}'),
    ]
    assert (done.labelled, done.unsure) == (2, 2)


@pytest.mark.parametrize("workers", [1, 7])
def test_the_cap_is_never_passed_and_what_fits_is_asked_however_many_ask(
    tmp_path: Path, workers: int
) -> None:
    # An answer costs 0.00048 and at worst a little more: after n answers another one starts if n * COST + worst
    # stays within the cap. The worst case is a picture of 9 patches, the question's letters, and 20 tokens of output.
    folder = shop(tmp_path / "shop", 20)
    cap = 12.5 * COST
    with served(folder) as server:
        done = ask(server, folder, workers=workers, max_tokens=20, max_cost=cap, **PRICES)
        assert done.cost == pytest.approx(len(server.asked) * COST)
        assert done.cost is not None and cap - 2 * COST < done.cost <= cap
        assert (done.labelled, done.unasked) == (12, 8)
        assert "could have passed the cap" in "\n".join(done.remarks)
        rest = ask(server, folder, workers=workers, **PRICES)
    assert (rest.labelled, rest.chosen.before, len(server.asked)) == (8, 12, 20)


def test_a_cap_without_prices_is_refused(folder: Path) -> None:
    with served(folder) as server, pytest.raises(PupilaError, match="input_price"):
        ask(server, folder, max_cost=1)
    assert not server.asked


def test_a_second_run_costs_nothing_and_further_votes_cost_only_themselves(folder: Path) -> None:
    with served(folder) as server:
        ask(server, folder, **PRICES)
        (folder / "labels.parquet").unlink()
        done = ask(server, folder, **PRICES)
        assert (len(server.asked), done.cost, done.labelled) == (6, 0.0, 6)
        assert set(told(folder)["cost"]) == {COST}  # what it took when it was asked
        ask(server, folder, votes=3, **PRICES)
        assert len(server.asked) == 6 + 2 * 6
        assert ask(server, folder, votes=3).chosen.before == 6
        ask(server, folder, votes=3, side=32)  # a smaller picture is another question
    assert len(server.asked) == 18 + 3 * 6


def test_another_prompt_is_another_question(folder: Path) -> None:
    with served(folder) as server:
        ask(server, folder)
        (folder.parent / "question.yaml").write_text("prompt: Look again.\nclasses: [cat, dog]\n")
        assert ask(server, folder).asked == 6
    assert len(server.asked) == 12
    assert told(folder)["note"].n_unique() == 2


def test_what_was_answered_before_a_fault_stays_and_the_next_run_asks_for_the_rest(folder: Path) -> None:
    with served(
        folder, fault=lambda asked, shown: Fault(402, "out of money") if asked >= 3 else None
    ) as server:
        with pytest.raises(PupilaError, match=r"used up.*402: out of money"):
            ask(server, folder, workers=1)
        assert told(folder).height == 3
        server.fault = lambda asked, shown: None
        before = len(server.asked)
        done = ask(server, folder)
    assert (done.labelled, done.chosen.before, len(server.asked) - before) == (3, 3, 3)


def test_a_run_that_is_left_asks_nothing_more_and_forgets_nothing(folder: Path) -> None:
    data = pupila.open(folder)
    with served(folder) as server:
        labeller = labeller_of(f"vlm:{folder}", wish(server, folder, workers=1), data)
        outcomes = labeller.outcomes(data, range(6))
        assert [next(outcomes)[0] for _ in range(2)] == [0, 1]
        outcomes.close()  # as an interruption does
        asked = len(server.asked)
        assert 2 <= asked <= 4  # what was under way ended
        assert ask(server, folder).labelled == 6
    assert len(server.asked) == 6


def test_a_run_that_was_killed_goes_on_where_it_was(folder: Path) -> None:
    with served(folder) as server:
        command = [sys.executable, "-m", "pupila", "label", str(folder), "--with", f"vlm:{folder}"]
        for name, value in wish(server, folder, workers=2).items():
            command += ["--set", f"{name}={value}"]
        started: list[subprocess.Popen[bytes]] = []

        def kill(asked: int, shown: str) -> Fault | None:
            if asked == 4 and started:
                started[0].kill()
                started[0].wait()
            return None

        server.fault = kill
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            started.append(child)
            assert child.wait() == -signal.SIGKILL
        started.clear()
        asked = len(server.asked)
        assert 5 <= asked <= 6
        done = ask(server, folder)
    assert (done.labelled + done.chosen.before, done.failed) == (6, [])
    assert len(server.asked) - asked <= 4  # those under way, and the one that was never asked


def test_one_bad_image_never_stops_the_rest(folder: Path) -> None:
    data = pupila.open(folder)
    (folder / "00.png").write_bytes(encoded(photo(99)))  # changed since it was opened
    with served(folder, fault=only(2, Fault(400, '{"error": {"message": "no such picture"}}'))) as server:
        done = pupila.label(data, with_=f"vlm:{folder}", **wish(server, folder, workers=1))
    assert done.labelled == 4
    assert done.failed == [("00.png", "the file was changed since"), ("03.png", "HTTP 400: no such picture")]


def test_what_passes_is_asked_again(folder: Path) -> None:
    soon = {"Retry-After": "0"}
    faults = {0: Fault(429, "{}", soon), 2: Fault(503, "busy", soon), 3: Fault(429, "{}", soon)}
    with served(folder, fault=lambda asked, shown: faults.get(asked)) as server:
        done = ask(server, folder, workers=1)
    assert (done.labelled, done.failed, len(server.asked)) == (6, [], 9)


def test_a_wrong_key_stops_at_once_and_is_never_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    with served(folder, key="sk-another") as server, pytest.raises(PupilaError) as refused:
        ask(server, folder, key="PUPILA_TEST_KEY")
    assert len(server.asked) == 1  # not once in every thread
    assert "refused the key" in str(refused.value)
    assert "Incorrect API key provided: ***" in str(refused.value)
    assert "export PUPILA_TEST_KEY=..." in str(refused.value)
    assert KEY not in str(refused.value) + repr(refused.value.args) + caplog.text


def test_the_key_is_sent_and_stands_nowhere_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PUPILA_TEST_KEY", KEY)
    with served(folder, key=KEY, fault=only(3, Fault(400, f"what is {KEY}?"))) as server:
        done = ask(server, folder, key="PUPILA_TEST_KEY")
    assert done.labelled == 5
    assert done.failed[0][1] == "HTTP 400: what is ***?"
    assert KEY not in json.dumps(done.as_dict()) + caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.suffix == ".json" for path in written) >= 5  # the answers that are remembered
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_openais_key_goes_to_openai_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served(folder, key=KEY) as server:
        with pytest.raises(PupilaError, match="refused the key") as refused:
            ask(server, folder)
        assert "--set key=VARIABLE" in str(refused.value)
        assert ask(server, folder, key="OPENAI_API_KEY").labelled == 6
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(PupilaError, match="No key for the server: found nothing in OPENAI_API_KEY"):
        ask(server, folder, base_url="https://api.openai.com/v1")


def test_a_persons_label_and_that_of_the_data_are_left_alone(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 3, "dog": 3})
    (tmp_path / "question.yaml").write_text("prompt: What is it?\nclasses: [cat, dog]\n")
    data = pupila.open(folder)
    image, digest = data.images.select("image", "sha256").row(0)
    append(data.home, [Label(image, digest, "person:ana", True, "dog", "2026-11-21T12:00:00+00:00")])
    with served_as("cat") as server:
        done = ask(server, folder)
        assert (done.asked, done.chosen.by_person, done.chosen.given) == (0, 1, 5)
        assert not server.asked
        done = ask(server, folder, everything=True)
    assert done.classes == {"cat": 6}
    assert list(targets(folder).values()) == ["dog", "cat", "cat", "dog", "dog", "dog"]
    assert told(folder).height == 7  # what the machine said is kept all the same


def served_as(answer: str) -> AbstractContextManager[Loopback]:
    """A server that says the same of every picture."""
    return answering(Loopback(lambda picture: answer))


def test_the_same_picture_twice_is_asked_once(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "01.png").read_bytes())
    with served_as("dog") as server:
        assert ask(server, folder).asked == 6
    assert targets(folder)["copy.png"] == "dog"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"votes": 3, "temperature": 0}, "temperature"),
        ({"task": ""}, "--set task=FILE.yaml"),
        ({"task": "octogons"}, "did you mean 'octagons'"),
        ({"model": ""}, "--with vlm:MODEL"),
    ],
)
def test_what_can_not_be_honoured_is_refused(folder: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PupilaError) as refused:
        pupila.label(
            folder,
            with_="vlm",
            **{**ASIDE, **changes},
        )
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault(404, '{"error": {"message": "no model x"}}'),
            "knows no such model: found HTTP 404: no model x",
        ),
        (Fault(400, '{"error": {"message": "response_format is unknown"}}'), "can't force an answer"),
        (Fault(429, '{"error": {"message": "pay", "code": "insufficient_quota"}}'), "used up"),
        (Fault(429, "", {"Retry-After": "3600"}), "come back later: found Retry-After: 3600 s"),
        (Fault(500, "oops", {"Retry-After": "0"}), "does not answer: found HTTP 500: oops"),
    ],
)
def test_what_no_picture_would_escape_ends_the_run(folder: Path, fault: Fault, says: str) -> None:
    with served(folder, fault=lambda asked, shown: fault) as server, pytest.raises(PupilaError, match=says):
        ask(server, folder)
    assert len(server.asked) <= 9


def test_a_server_that_is_not_there_is_one_clear_error(folder: Path) -> None:
    with served(folder) as server:
        pass
    with pytest.raises(PupilaError, match=r"does not answer: found no connection to 127\.0\.0\.1"):
        ask(server, folder, retries=0)


def test_masks_have_no_one_class(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    with served_as("cat") as server, pytest.raises(PupilaError, match="data with masks"):
        ask(server, folder, task="octagons")
