"""A vision-language model: any endpoint that speaks OpenAI's protocol, asked a closed question of every image."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.core.secrets import Secret
from pupila.imaging.images.encode import scaled, small_jpeg
from pupila.stages.label.labellers.cost import ANSWER, Budget, Prices, Tokens, patches, text_tokens
from pupila.stages.label.labellers.endpoint import Endpoint, Pace, Reply, Unanswered, Unreachable, host_of
from pupila.stages.label.labellers.labeller import Labeller, Left, Outcome, Outcomes, Said
from pupila.stages.label.labellers.question import UNSURE, read_question
from pupila.stages.label.labellers.requests import asked_rows
from pupila.stages.label.labellers.settings import OPENAI, VlmSettings

_TRIES = 2  # of an answer outside the set


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer of the model, as it is remembered."""

    label: str  # a class or unsure
    input: int  # tokens
    output: int
    seconds: float
    outside: bool  # whether it was none of the set, twice, and so counts as unsure


class VisionModel(Labeller):
    """Asks a vision-language model.

    Args:
        settings: all of it.
        data: whose images are to be labelled.

    Raises:
        PupilaError: no question, no key, or settings at odds.
    """

    def __init__(self, settings: VlmSettings, data: Dataset) -> None:
        _check(settings, data)
        self.settings, self.question = settings, read_question(settings.task)
        self.name = f"vlm:{settings.model}"
        self._asked = [self.question.hash, settings.side, settings.temperature]
        self.note = f"prompt {files.sha256(json.dumps([*self._asked, settings.votes]).encode())[:12]}"
        self._secret = _secret(settings)
        self._stop, self._lock = threading.Event(), threading.Lock()
        pace = Pace(settings.rate, self._stop)
        self._endpoint = Endpoint(
            _sender(settings, self._secret), settings.retries, pace, self._secret, self._stop
        )
        told = (settings.input_price, settings.output_price)
        self._prices = Prices(*told) if None not in told else None  # type: ignore[arg-type]
        self._budget = Budget(settings.max_cost)
        self._input = Tokens(text_tokens(self.question))
        self._longest = settings.max_tokens  # of the answers
        self._used: Counter[str] = Counter()

    @property
    def spent(self) -> float | None:
        """US dollars, by the tokens that the server says it used."""
        return self._budget.spent if self._prices else None

    def forecast(self, data: Dataset, rows: Sequence[int]) -> list[str]:
        """How many requests, and what they cost."""
        wanted = [(row, vote) for row in rows for vote in range(self.settings.votes)]
        fresh = [row for row, vote in wanted if not self._place(data, row, vote).exists()]
        used = sum(self._picture_tokens(data, row) for row in fresh) + len(fresh) * self._input.text
        lines = [say_count("One request to {host}; {known} answers are remembered.",
                           "{n} requests to {host}; {known} answers are remembered.", len(fresh),
                           host=host_of(self.settings.base_url), known=len(wanted) - len(fresh))]  # fmt: skip
        if self._prices:
            usual, most = (self._prices.of(used, len(fresh) * n) for n in (ANSWER, self.settings.max_tokens))
            lines.append(
                say("Estimated cost: {usual:.4f} US dollars, {most:.4f} if every answer is as long as it may be "
                    "({tokens} tokens of input).", usual=usual, most=most, tokens=used)
            )  # fmt: skip
        else:
            lines.append(
                say("Estimated: {tokens} tokens of input; its cost is unknown without {settings}.", tokens=used,
                    settings="--set input_price=... --set output_price=...")
            )  # fmt: skip
        return lines

    def remarks(self) -> list[str]:
        """Requests, tokens, and answers outside the set."""
        used = self._used
        if not (self._endpoint.requests or used):
            return []
        lines = [
            say("{requests} requests, {input} tokens of input and {output} of output; {known} answers were remembered.",
                requests=self._endpoint.requests, input=used["input"], output=used["output"], known=used["known"])
        ]  # fmt: skip
        if used["outside"]:
            lines.append(
                say_count("One answer was none of the classes, twice, and counts as unsure.",
                          "{n} answers were none of the classes, twice, and count as unsure.", used["outside"])
            )  # fmt: skip
        if used["cut"]:
            lines.append(
                say_count("One answer was cut off: {remedy}.", "{n} answers were cut off: {remedy}.", used["cut"],
                          remedy=f"--set max_tokens={4 * self.settings.max_tokens}")
            )  # fmt: skip
        if self._budget.closed:
            lines.append(say("The next answer could have passed the cap of {most} US dollars: --max-cost raises it.",
                             most=self._budget.most))  # fmt: skip
        return lines

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """What it says of each row; the images that are left when the cap is reached are not asked."""
        return asked_rows(rows, lambda row: self._outcome(data, row), self.settings.workers, self._endpoint)

    def _outcome(self, data: Dataset, row: int) -> Outcome:
        picture: list[str] = []  # its data URL, made once it is needed

        def url() -> str:
            if not picture:
                side = self.settings.side
                content = small_jpeg(data.pixels(row, at_least=side), side)
                picture.append(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
            return picture[0]

        votes: list[Vote] = []
        for number in range(self.settings.votes):
            vote = self._remembered(data, row, number) or self._fresh(data, row, number, url)
            if vote is None:
                return Left("unasked")
            votes.append(vote)
        return self._verdict(votes)

    def _verdict(self, votes: list[Vote]) -> Said:
        """The majority; a tie is unsure, and one answer alone agrees with nothing."""
        counts = Counter(vote.label for vote in votes)
        (first, most), *others = counts.most_common()
        tie = bool(others) and others[0][1] == most
        target = None if tie or first == UNSURE else first
        cost = sum(self._prices.of(vote.input, vote.output) for vote in votes) if self._prices else None
        return Said(
            target, (target,) if target else (), most / len(votes) if len(votes) > 1 else None,
            json.dumps(dict(sorted(counts.items())), ensure_ascii=False), cost,
            round(sum(vote.seconds for vote in votes), 3),
        )  # fmt: skip

    def _fresh(self, data: Dataset, row: int, number: int, url: Callable[[], str]) -> Vote | None:
        """A vote that the server gives; None where the cap allows no more.

        Raises:
            Unanswered: it gives none.
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
            told = self._paid(body, self._picture_tokens(data, row))
            if told is None:
                return None
            seconds += time.perf_counter() - start
            label = told[0]
            used = [used[0] + told[1], used[1] + told[2]]
            if label is not None:
                break
        vote = Vote(label or UNSURE, used[0], used[1], round(seconds, 3), label is None)
        self._count(outside=int(vote.outside))
        files.try_write(self._place(data, row, number), json.dumps(asdict(vote), ensure_ascii=False).encode())
        return vote

    def _paid(self, body: dict[str, Any], picture: int) -> tuple[str | None, int, int] | None:
        """(label, tokens of input, of output) of one request; None where the cap allows no more.

        Raises:
            Unanswered: no answer, or one that was cut off.
        """
        with self._lock:
            worst = self._prices.of(self._input.worst(picture), self._longest) if self._prices else 0.0
        if not self._budget.reserve(worst):
            return None
        paid = 0.0
        try:
            reply = self._endpoint.ask(body)
            label, cut, (used, answered) = self._read(reply, self._input.text + picture)
            paid = self._prices.of(used, answered) if self._prices else 0.0
        finally:
            self._budget.settle(worst, paid)
        with self._lock:
            self._input.learn(picture, used)
            self._longest = max(self._longest, answered)
        self._count(input=used, output=answered, cut=int(cut))
        if cut:  # it says nothing of the picture, and a longer one may
            raise Unanswered(say("the answer was cut off after {n} tokens", n=answered))
        return label, used, answered

    def _read(self, reply: Reply, estimated: int) -> tuple[str | None, bool, tuple[int, int]]:
        """(label, whether it was cut off, tokens of input and output).

        Where the server tells no tokens, they are the estimated ones, and of output as many as were allowed.
        """
        told = _completion(reply.text)
        assert told is not None  # `_sender` lets nothing else through
        choice, usage = told["choices"][0], told.get("usage")
        message = choice.get("message")
        label = self.question.label_in(message.get("content") if isinstance(message, dict) else None)
        cut = label is None and choice.get("finish_reason") == "length"
        counts = [
            usage.get(name) if isinstance(usage, dict) else None
            for name in ("prompt_tokens", "completion_tokens")
        ]
        used, answered = (n if isinstance(n, int) and n >= 0 else None for n in counts)
        most = self.settings.max_tokens
        return label, cut, (estimated if used is None else used, most if answered is None else answered)

    def _picture_tokens(self, data: Dataset, row: int) -> int:
        height, width = data.images.select("height", "width").row(row)
        return self.settings.picture_tokens or patches(*scaled(height, width, self.settings.side))

    def _place(self, data: Dataset, row: int, number: int) -> Any:
        """Where a vote is remembered."""
        key = [data.images["sha256"][row], self.settings.model, *self._asked, number]
        digest = files.sha256(json.dumps(key).encode())
        return files.cache_folder() / "answers" / digest[:2] / f"{digest}.json"

    def _remembered(self, data: Dataset, row: int, number: int) -> Vote | None:
        try:
            vote = Vote(**json.loads(files.read_bytes(str(self._place(data, row, number)))))
        except (OSError, ValueError, TypeError):
            return None
        self._count(known=1, outside=int(vote.outside))
        return vote

    def _count(self, **numbers: int) -> None:
        with self._lock:
            self._used.update(numbers)


def _check(settings: VlmSettings, data: Dataset) -> None:
    """Refuse what can't be honoured."""
    odd, wanted, remedy = "", "", ""
    if not settings.model:
        odd, wanted, remedy = say("no model"), say("its name, as the server calls it"), "--with vlm:MODEL"
    elif data.legend is not None:
        odd, wanted = say("data with masks"), say("data whose images have one class each")
    elif settings.votes > 1 and settings.temperature == 0:
        odd, wanted = f"votes={settings.votes}, temperature=0", say("a temperature: else all votes are one")
    elif settings.max_cost is not None and None in (settings.input_price, settings.output_price):
        odd, wanted = "max_cost", say("prices, for a cap without them could not hold")
        remedy = "--set input_price=... --set output_price=..."
    if odd:
        raise PupilaError(say("A vision-language model can't label so"), odd, wanted, remedy)


def _secret(settings: VlmSettings) -> Secret:
    """The key; OpenAI's own goes to OpenAI alone, unless it is named."""
    own = urlsplit(settings.base_url).hostname == urlsplit(OPENAI).hostname
    variable = settings.key or ("OPENAI_API_KEY" if own else None)
    return Secret(variable, needed=own or settings.key is not None)


def _sender(settings: VlmSettings, secret: Secret) -> Callable[[Any], Reply]:
    """What sends a request through the openai library, which retries nothing by itself."""
    import openai

    client = openai.OpenAI(
        api_key=secret.value or "none", base_url=settings.base_url, max_retries=0, timeout=settings.timeout
    )

    def send(body: Any) -> Reply:
        try:
            raw = client.chat.completions.with_raw_response.create(**body)
            if _completion(raw.text) is None:
                start = " ".join(secret.scrub(raw.text).split())[:80]
                raise Unreachable(say("what {host} sends is no answer of a model: {start}", start=start or "-",
                                      host=host_of(settings.base_url)))  # fmt: skip
            return Reply(raw.status_code, _small(raw.headers), raw.text)
        except openai.APIStatusError as fault:
            return Reply(fault.status_code, _small(fault.response.headers), fault.response.text)
        except openai.APITimeoutError:
            raise Unreachable(say("no answer within {seconds:.0f} s", seconds=settings.timeout)) from None
        except openai.APIConnectionError as fault:
            cause = f"{fault.__cause__}" if fault.__cause__ else ""
            raise Unreachable(say("no connection to {host}: {why}", why=cause,
                                  host=host_of(settings.base_url))) from None  # fmt: skip

    return send


def _completion(text: str) -> dict[str, Any] | None:
    """A body of the protocol with an answer in it; None for a page of a proxy, say, or of a wrong address."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    choices = told.get("choices") if isinstance(told, dict) else None
    fits = isinstance(choices, list) and choices and isinstance(choices[0], dict)
    return told if fits else None


def _small(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
