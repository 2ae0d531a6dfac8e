"""What asking costs: estimated before, never above the cap, and paid by what the server says it used."""

import math
import threading
from dataclasses import dataclass

from pupila.stages.label.labellers.question import Question

_PATCH = 32  # pixels: a picture counts a token for each patch of this side
_LETTERS = 3  # of a prompt to a token: languages other than English have fewer than the usual 4
_AROUND = 20  # tokens of the protocol around a message
ANSWER = 15  # tokens of a usual answer
_CENT = 1e-12  # dollars that rounding may add


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def patches(height: int, width: int) -> int:
    """Tokens of a picture, estimated: one for each patch of 32 x 32 pixels; some models count many times as many."""
    return math.ceil(height / _PATCH) * math.ceil(width / _PATCH)


def text_tokens(question: Question) -> int:
    """Tokens of a question, estimated: one for each three letters of prompt and schema."""
    letters = len(question.text) + len(str(question.answer_format))
    return math.ceil(letters / _LETTERS) + _AROUND


class Tokens:
    """How many tokens of input a request may use: estimated, and raised by what the answers really used.

    A model may count more for a picture, which grows with it, or around it, which does not; it is not known which. So a
    picture is laid out for with the most that any one took above its estimate, and a larger one with all that the
    largest took but half of the text, in proportion: a text has hardly less, for its estimate is high.

    Args:
        text: estimated, of the question.
    """

    def __init__(self, text: int) -> None:
        self.text = text
        self._more, self._largest, self._each = 0, 0, 0.0

    def worst(self, picture: int) -> float:
        """Of a request whose picture is estimated at so many."""
        return max(self.text + picture + self._more, self.text / 2 + picture * self._each)

    def learn(self, picture: int, used: int) -> None:
        """A request used so many in all."""
        self._more = max(self._more, used - self.text - picture)
        each = (used - self.text / 2) / max(1, picture)
        if picture >= self._largest:
            self._each = each if picture > self._largest else max(self._each, each)
            self._largest = picture


class Budget:
    """Money that several threads may spend together.

    A request starts only where all that was spent, all that is under way and its own worst case stay within the cap.
    Otherwise it waits for what is under way to cost less than its worst case, and where nothing is, no request starts
    any more.

    Args:
        most: US dollars; None: no cap.
    """

    def __init__(self, most: float | None) -> None:
        self.most, self.spent = most, 0.0
        self.closed = False  # whether the cap ended it
        self._under_way, self._changed = 0.0, threading.Condition()

    def reserve(self, worst: float) -> bool:
        """Whether a request may start that costs so much at worst."""
        with self._changed:
            while not self.closed and not self._fits(worst):
                if not self._under_way:
                    self.closed = True
                    self._changed.notify_all()
                    break
                self._changed.wait()
            if self.closed:
                return False
            self._under_way += worst
            return True

    def settle(self, worst: float, paid: float) -> None:
        """A request that may have cost `worst` did cost `paid`."""
        with self._changed:
            self._under_way -= worst
            if self._under_way < _CENT:
                self._under_way = 0.0
            self.spent += paid
            self._changed.notify_all()

    def _fits(self, worst: float) -> bool:
        return self.most is None or self.spent + self._under_way + worst <= self.most + _CENT
