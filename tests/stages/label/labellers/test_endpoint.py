"""Rate limit, retries and cost, against a clock that only advances when something waits."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from pupila.core import retry_after
from pupila.core.errors import PupilaError
from pupila.core.secrets import Secret
from pupila.stages.label.labellers.cost import (
    Budget,
    Prices,
    TokenEstimate,
    estimate_image_tokens,
    estimate_question_tokens,
)
from pupila.stages.label.labellers.endpoint import (
    Endpoint,
    RateLimiter,
    Reply,
    Stopped,
    Unanswered,
    Unreachable,
    host_and_port,
)
from pupila.stages.label.labellers.question import Question


class Clock:
    """Time advances when something waits."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


def asking(
    replies: Sequence[Reply | Unreachable],
    clock: Clock,
    retries: int = 5,
    rate: float | None = None,
    key: str | None = None,
) -> Endpoint:
    left = iter(replies)

    def send(body: object) -> Reply:
        reply = next(left)
        if isinstance(reply, Unreachable):
            raise reply
        return reply

    stop = threading.Event()
    return Endpoint(
        send, retries, RateLimiter(rate, stop, clock, clock.wait), Secret(key, needed=False), stop
    )


def test_waits_double_with_random_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    server = asking([Reply(503, {}, "")] * 3 + [Unreachable("time"), Reply(200, {}, "yes")], clock)
    assert server.request(None).text == "yes"
    assert clock.waits == [1, 2, 4, 8]
    assert server.requests == 5


def test_retry_after_is_honoured_in_seconds_and_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    when = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)

    class Now(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Now":
            return cls(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    monkeypatch.setattr(retry_after, "datetime", Now)
    headers = [{"retry-after": "7"}, {"retry-after": format_datetime(when, usegmt=True)}]
    server = asking([*(Reply(429, names, "") for names in headers), Reply(200, {}, "")], clock)
    server.request(None)
    assert clock.waits == [7, 30]


def test_retry_after_delays_all_threads() -> None:
    clock = Clock()
    pace = RateLimiter(None, threading.Event(), clock, clock.wait)
    pace.acquire()
    pace.delay(7)
    pace.acquire()
    assert clock.now == 7


def test_requests_keep_to_the_rate_limit() -> None:
    clock = Clock()
    server = asking([Reply(200, {}, "")] * 4, clock, rate=30)
    for _ in range(4):
        server.request(None)
    assert clock.now == 6  # 30 a minute: the fourth starts 3 x 2 s after the first


def test_an_image_fails_after_all_retries() -> None:
    server = asking([Reply(200, {}, ""), *[Reply(500, {}, "oops")] * 3], Clock(), retries=2)
    server.request(None)
    with pytest.raises(Unanswered, match="HTTP 500: oops"):
        server.request(None)
    assert server.fatal is None


def test_a_permanent_error_is_not_retried() -> None:
    server = asking([Reply(200, {}, ""), Reply(413, {}, "too large")], Clock())
    server.request(None)
    with pytest.raises(Unanswered, match="too large"):
        server.request(None)


@pytest.mark.parametrize(("answered", "most"), [(0, 3), (1, 25)])
def test_a_server_that_stops_responding_ends_the_run(answered: int, most: int) -> None:
    server = asking([*[Reply(200, {}, "")] * answered, *[Unreachable("gone")] * most], Clock(), retries=0)
    for _ in range(answered):
        server.request(None)
    for _ in range(most - 1):
        with pytest.raises(Unanswered):
            server.request(None)
    with pytest.raises(Stopped):
        server.request(None)
    assert isinstance(server.fatal, PupilaError)
    with pytest.raises(Stopped):  # and nothing more is asked
        server.request(None)
    assert server.requests == answered + most


def test_only_the_host_of_an_address_is_shown() -> None:
    assert host_and_port("https://ana:secret@api.example:8443/v1?key=secret") == "api.example:8443"
    assert host_and_port("https://api.example/v1") == "api.example"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"error": {"message": "m", "code": "c"}}', ("c", "m")),
        ('{"error": "plain"}', ("", "plain")),
        ('{"detail": "of FastAPI"}', ("", "of FastAPI")),
        ("<html>\n busy", ("", "<html> busy")),
        ("[1]", ("", "[1]")),
    ],
)
def test_error_messages_are_read_from_any_format(text: str, says: tuple[str, str]) -> None:
    assert Reply(400, {}, text).error() == says


def test_the_key_is_removed_from_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " abc ")
    secret = Secret("SOME_KEY", needed=True)
    assert secret.scrub("is abc right?") == "is *** right?"
    assert "abc" not in repr(secret)
    with pytest.raises(PupilaError, match="never the secret itself") as refused:
        Secret("sk-abc", needed=True)  # someone gave the key instead of its name
    assert "sk-abc" not in str(refused.value)
    monkeypatch.setenv("SOME_KEY", "abç")
    with pytest.raises(PupilaError, match="SOME_KEY is invalid") as refused:
        Secret("SOME_KEY", needed=True)
    assert "abç" not in str(refused.value)
    monkeypatch.delenv("SOME_KEY")
    without = Secret("SOME_KEY", needed=True)
    with pytest.raises(PupilaError, match="SOME_KEY is empty"):
        without.require()
    assert Secret("SOME_KEY", needed=False).scrub("as it is") == "as it is"


@pytest.mark.parametrize("form", ["{}", '{{"error": {{"message": "{}"}}}}', '{{"error": "{}"}}'])
@pytest.mark.parametrize("before", [195, 295])
def test_a_long_error_message_shows_no_part_of_the_key(
    monkeypatch: pytest.MonkeyPatch, form: str, before: int
) -> None:
    key = "sk-0123456789abcdef"
    monkeypatch.setenv("SOME_KEY", key)
    body = form.format("x" * before + key + "y" * 500)
    server = asking([Reply(200, {}, ""), Reply(418, {}, body)], Clock(), key="SOME_KEY")
    server.request(None)
    with pytest.raises(Unanswered) as refused:
        server.request(None)
    assert key[:3] not in str(refused.value)
    assert 300 <= len(str(refused.value)) < 320


def test_tokens_and_cost_by_hand() -> None:
    question = Question(prompt="p" * 30, classes={"a": None, "b": None})
    assert estimate_image_tokens(384, 512) == 12 * 16
    assert estimate_image_tokens(1, 33) == 2
    letters = len(question.text) + len(str(question.answer_format))
    assert estimate_question_tokens(question) == -(-letters // 3) + 20
    assert Prices(2.0, 8.0).cost(1000, 10) == pytest.approx(0.00208)


def test_the_tokens_of_a_small_image_bound_those_of_larger_ones() -> None:
    tokens = TokenEstimate(text=300)
    assert tokens.worst_case(256) == 556
    tokens.learn(4, 400)
    assert tokens.worst_case(4) == 400
    assert (
        tokens.worst_case(256) == 150 + 256 * (400 - 150) / 4
    )  # a text of 150 tokens at least, the rest the picture's
    tokens.learn(256, 6700)
    assert tokens.worst_case(256) == 6700
    tokens.learn(256, 500)  # less later changes nothing
    assert tokens.worst_case(256) == 6700
    assert tokens.worst_case(4) == 300 + 4 + 6144  # it may have been the text
    wordy = TokenEstimate(text=300)
    wordy.learn(256, 1556)  # of 1300
    assert wordy.worst_case(4) == 1304


def test_a_request_starts_only_if_its_worst_case_fits_the_budget() -> None:
    budget = Budget(1.0)
    assert budget.reserve(0.6)
    budget.settle(0.6, 0.1)
    assert budget.reserve(0.6)
    budget.settle(0.6, 0.5)
    assert not budget.reserve(0.6)  # 0.6 + 0.6 is above 1, and nothing is under way
    assert budget.closed and budget.spent == pytest.approx(0.6)
    assert not budget.reserve(0.1)  # closed is closed


def test_a_request_waits_for_running_ones() -> None:
    budget = Budget(1.0)
    assert budget.reserve(0.9)
    granted: list[bool] = []
    other = threading.Thread(target=lambda: granted.append(budget.reserve(0.9)))
    other.start()
    budget.settle(0.9, 0.05)
    other.join()
    assert granted == [True]


def test_without_a_budget_all_requests_start() -> None:
    budget = Budget(None)
    assert all(budget.reserve(1e9) for _ in range(3))
