"""A vision-language model behind any endpoint with OpenAI's protocol, asked a closed question about every image."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say, say_count
from pupila.core.secrets import Secret
from pupila.imaging.images.encode import encode_small_jpeg, fit_size
from pupila.stages.label.labellers.completion import parse_completion
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
    Unanswered,
    Unreachable,
    host_and_port,
)
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcome, Outcomes, ProposedLabel
from pupila.stages.label.labellers.question import UNSURE, read_question
from pupila.stages.label.labellers.requests import request_rows
from pupila.stages.label.labellers.settings import OPENAI, VlmSettings
from pupila.stages.label.labellers.text_labels import Json
from pupila.stages.label.targets import check_target

_TRIES = 2  # requests until an invalid answer counts as unsure


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer, as it is cached."""

    label: str  # a target or unsure
    input: int  # tokens
    output: int
    seconds: float
    outside: bool  # whether it was invalid twice, and so counts as unsure


class VlmLabeller(Labeller):
    """Labels with the answers of a vision-language model.

    Args:
        settings: model, endpoint, question and prices.
        data: the data set to label.

    Raises:
        PupilaError: no question, no key, or conflicting settings.
    """

    def __init__(self, settings: VlmSettings, data: Dataset) -> None:
        _check_settings(settings)
        self.settings, self.question = settings, read_question(settings.question)
        check_target(data, self.question.target)
        self.name = f"vlm:{settings.model}"
        self._request_key = [self.question.hash, settings.max_image_size, settings.temperature]
        self.note = f"prompt {files.sha256(json.dumps([*self._request_key, settings.votes]).encode())[:12]}"
        self._secret = _read_secret(settings)
        self._stop, self._lock = threading.Event(), threading.Lock()
        pace = RateLimiter(settings.rate_per_minute, self._stop)
        self._endpoint = Endpoint(
            _make_sender(settings, self._secret), settings.retries, pace, self._secret, self._stop
        )
        prices = (settings.input_price, settings.output_price)
        self._prices = Prices(*prices) if None not in prices else None  # type: ignore[arg-type]
        self._budget = Budget(settings.max_cost)
        self._input = TokenEstimate(estimate_question_tokens(self.question))
        self._longest = settings.max_tokens  # most tokens of an answer
        self._used: Counter[str] = Counter()

    @property
    def spent(self) -> float | None:
        """US dollars, by the tokens that the server reports."""
        return self._budget.spent if self._prices else None

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """The number of requests and their estimated cost."""
        votes = [(row, vote) for row in rows for vote in range(self.settings.votes)]
        fresh = [row for row, vote in votes if not self._cache_path(data, row, vote).exists()]
        used = sum(self._image_tokens(data, row) for row in fresh) + len(fresh) * self._input.text
        lines = [say_count("One request to {host}; {cached} answers are cached.",
                           "{n} requests to {host}; {cached} answers are cached.", len(fresh),
                           host=host_and_port(self.settings.base_url), cached=len(votes) - len(fresh))]  # fmt: skip
        if self._prices:
            usual, most = (
                self._prices.cost(used, len(fresh) * n)
                for n in (self.question.answer_tokens, self.settings.max_tokens)
            )
            lines.append(
                say("Estimated cost: {usual} US dollars, at most {most} if every answer has the maximum length "
                    "({tokens} input tokens).", usual=number(usual, 4), most=number(most, 4), tokens=used)
            )  # fmt: skip
        else:
            lines.append(
                say("Estimated input: {tokens} tokens; set {flags} to estimate the cost.", tokens=used,
                    flags="--input-price, --output-price")
            )  # fmt: skip
        return lines

    def remarks(self) -> list[str]:
        """Requests, tokens, and invalid answers."""
        used = self._used
        if not (self._endpoint.requests or used):
            return []
        lines = [
            say("Requests: {requests}, input tokens: {input}, output tokens: {output}, cached answers: {cached}.",
                requests=self._endpoint.requests, input=used["input"], output=used["output"], cached=used["cached"])
        ]  # fmt: skip
        if used["outside"]:
            lines.append(
                say_count("One answer was not one of the classes, even on the second try, and counts as unsure.",
                          "{n} answers were not one of the classes, even on the second try, and count as unsure.",
                          used["outside"])
            )  # fmt: skip
        if used["cut"]:
            lines.append(
                say_count("One answer was cut off; try {remedy}.", "{n} answers were cut off; try {remedy}.",
                          used["cut"],
                          remedy=f"--max-tokens {4 * self.settings.max_tokens}")
            )  # fmt: skip
        if self._budget.closed:
            lines.append(say("Stopped: the next request could exceed the budget of {budget} US dollars (--max-cost).",
                             budget=self._budget.max_cost))  # fmt: skip
        return lines

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """The outcome of each row, as it arrives; images that the budget does not cover are not requested."""
        self._secret.require()
        return request_rows(
            rows, lambda row: self._outcome(data, row), self.settings.concurrency, self._endpoint
        )

    def _outcome(self, data: Dataset, row: int) -> Outcome:
        data_url: list[str] = []  # made once it is needed

        def url() -> str:
            if not data_url:
                side = self.settings.max_image_size
                content = encode_small_jpeg(data.pixels(row, at_least=side), side)
                data_url.append(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
            return data_url[0]

        votes: list[Vote] = []
        for index in range(self.settings.votes):
            vote = self._read_cached_vote(data, row, index) or self._request_vote(data, row, index, url)
            if vote is None:
                return NoLabel("not_requested")
            votes.append(vote)
        return self._take_majority(votes)

    def _take_majority(self, votes: list[Vote]) -> ProposedLabel:
        """The majority; a tie counts as unsure, and a single answer has no confidence."""
        counts = Counter(vote.label for vote in votes)
        target, share = self.question.text_labels.take_majority(counts, UNSURE)
        cost = sum(self._prices.cost(vote.input, vote.output) for vote in votes) if self._prices else None
        text, names = self.question.text_labels, self.question.names
        return ProposedLabel(
            target, () if target is None else text.classes(target), share if len(votes) > 1 else None,
            json.dumps(dict(sorted(counts.items())), ensure_ascii=False), cost,
            round(sum(vote.seconds for vote in votes), 3), () if target is None else text.unknown(target, names),
        )  # fmt: skip

    def _request_vote(self, data: Dataset, row: int, number: int, url: Callable[[], str]) -> Vote | None:
        """Request a vote from the server; None if the budget does not allow it.

        Raises:
            Unanswered: no usable response.
            Stopped: the run ends.
            PupilaError: the image can't be read.
        """
        if self._budget.closed:
            return None
        body = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": self.question.text},
                {"type": "image_url", "image_url": {"url": url()}},
            ]}],
            "response_format": self.question.answer_format,
            "max_completion_tokens": self.settings.max_tokens,
            **({} if self.settings.temperature is None else {"temperature": self.settings.temperature}),
        }  # fmt: skip
        used, seconds, label = [0, 0], 0.0, None
        for _ in range(_TRIES):
            start = time.perf_counter()
            reply = self._pay_request(body, self._image_tokens(data, row))
            if reply is None:
                return None
            seconds += time.perf_counter() - start
            label = reply[0]
            used = [used[0] + reply[1], used[1] + reply[2]]
            if label is not None:
                break
        vote = Vote(label or UNSURE, used[0], used[1], round(seconds, 3), label is None)
        self._count(outside=int(vote.outside))
        files.write_to_cache(
            self._cache_path(data, row, number), json.dumps(asdict(vote), ensure_ascii=False).encode()
        )
        return vote

    def _pay_request(self, body: Json, image_tokens: int) -> tuple[str | None, int, int] | None:
        """(label, input tokens, output tokens) of one request; None if the budget does not allow it.

        Raises:
            Unanswered: no usable response, or one that was cut off.
        """
        with self._lock:
            worst = (
                self._prices.cost(self._input.worst_case(image_tokens), self._longest)
                if self._prices
                else 0.0
            )
        if not self._budget.reserve(worst):
            return None
        paid = 0.0
        try:
            reply = self._endpoint.request(body)
            label, cut, (used, answered) = self._read_reply(reply, self._input.text + image_tokens)
            paid = self._prices.cost(used, answered) if self._prices else 0.0
        finally:
            self._budget.settle(worst, paid)
        with self._lock:
            self._input.learn(image_tokens, used)
            self._longest = max(self._longest, answered)
        self._count(input=used, output=answered, cut=int(cut))
        if cut:  # invalid only because of its length: with more tokens it may be valid
            raise Unanswered(say("the answer was cut off after {n} tokens", n=answered))
        return label, used, answered

    def _read_reply(self, reply: Reply, estimated: int) -> tuple[str | None, bool, tuple[int, int]]:
        """(label, whether it was cut off, input and output tokens).

        If the server reports no tokens, the estimated input and the maximum output are taken.
        """
        completion = parse_completion(reply.text)
        assert completion is not None  # `_make_sender` checked it
        label = self.question.parse_answer(completion.content)
        used = estimated if completion.input_tokens is None else completion.input_tokens
        most = self.settings.max_tokens if completion.output_tokens is None else completion.output_tokens
        return label, label is None and completion.cut_off, (used, most)

    def _image_tokens(self, data: Dataset, row: int) -> int:
        height, width = data.images.select("height", "width").row(row)
        return self.settings.image_tokens or estimate_image_tokens(
            *fit_size(height, width, self.settings.max_image_size)
        )

    def _cache_path(self, data: Dataset, row: int, number: int) -> Path:
        """The cache file of a vote."""
        key = [data.images["sha256"][row], self.settings.model, *self._request_key, number]
        digest = files.sha256(json.dumps(key).encode())
        return files.cache_folder() / "answers" / digest[:2] / f"{digest}.json"

    def _read_cached_vote(self, data: Dataset, row: int, number: int) -> Vote | None:
        try:
            vote = Vote(**json.loads(files.read_from_cache(self._cache_path(data, row, number)) or b""))
        except (ValueError, TypeError):
            return None
        self._count(cached=1, outside=int(vote.outside))
        return vote

    def _count(self, **numbers: int) -> None:
        with self._lock:
            self._used.update(numbers)


def _check_settings(settings: VlmSettings) -> None:
    """Refuse settings that the labeller can't honour."""
    actual, expected, remedy = "", "", ""
    if not settings.model:
        actual, expected, remedy = say("no model"), say("the model name on the server"), "--with vlm:MODEL"
    elif settings.votes > 1 and settings.temperature == 0:
        actual, expected = (
            f"votes={settings.votes}, temperature=0",
            say("a temperature above 0, otherwise all votes are the same"),
        )
    elif settings.max_cost is not None and None in (settings.input_price, settings.output_price):
        actual, expected = "max_cost", say("prices, to compute the cost")
        remedy = "--input-price DOLLARS --output-price DOLLARS"
    if actual:
        raise PupilaError(say("The vlm labeller can't use these settings"), actual, expected, remedy)


def _read_secret(settings: VlmSettings) -> Secret:
    """The API key; OPENAI_API_KEY is sent only to OpenAI, unless the settings name it."""
    own = urlsplit(settings.base_url).hostname == urlsplit(OPENAI).hostname
    variable = settings.key or ("OPENAI_API_KEY" if own else None)
    return Secret(variable, needed=own or settings.key is not None)


def _make_sender(settings: VlmSettings, secret: Secret) -> Callable[[Any], Reply]:
    """The function that sends a request through the openai library, without retries of its own."""
    import openai

    client = openai.OpenAI(
        api_key=secret.value or "none", base_url=settings.base_url, max_retries=0, timeout=settings.timeout
    )

    def send(body: Any) -> Reply:
        try:
            raw = client.chat.completions.with_raw_response.create(**body)
            if parse_completion(raw.text) is None:
                start = " ".join(secret.scrub(raw.text).split())[:80]
                raise Unreachable(say("the response of {host} is not a chat completion: {start}", start=start or "-",
                                      host=host_and_port(settings.base_url)))  # fmt: skip
            return Reply(raw.status_code, _lowercase_names(raw.headers), raw.text)
        except openai.APIStatusError as fault:
            return Reply(fault.status_code, _lowercase_names(fault.response.headers), fault.response.text)
        except openai.APITimeoutError:
            raise Unreachable(
                say("no response within {seconds} s", seconds=number(settings.timeout, 0))
            ) from None
        except openai.APIConnectionError as fault:
            cause = f"{fault.__cause__}" if fault.__cause__ else ""
            raise Unreachable(say("no connection to {host}: {why}", why=cause,
                                  host=host_and_port(settings.base_url))) from None  # fmt: skip

    return send


def _lowercase_names(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
