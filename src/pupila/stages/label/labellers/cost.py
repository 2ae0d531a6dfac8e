"""The cost of requests: estimated beforehand, kept within the budget, computed from the reported tokens."""

import math
import threading
from dataclasses import dataclass

from pupila.stages.label.labellers.question import Question

_PATCH = 32  # pixels; an image counts one token per square patch of this size
_LETTERS = 3  # letters of text per token: languages other than English have fewer than the usual 4
_AROUND = 20  # tokens of the protocol around a message
_TOLERANCE = 1e-12  # dollars of rounding error


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    input: float
    output: float

    def cost(self, input_tokens: float, output_tokens: float) -> float:
        """The cost in US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def estimate_image_tokens(height: int, width: int) -> int:
    """Estimated tokens of an image: one per patch of 32 x 32 pixels; some models count many times as many."""
    return math.ceil(height / _PATCH) * math.ceil(width / _PATCH)


def estimate_question_tokens(question: Question) -> int:
    """Estimated tokens of a question: one per three letters of prompt and schema."""
    letters = len(question.text) + len(str(question.answer_format))
    return math.ceil(letters / _LETTERS) + _AROUND


class TokenEstimate:
    """An upper bound of the input tokens of a request: an estimate, raised by the tokens that requests really used.

    A model may count more tokens for an image, which grow with its size, or a constant number around it; which of the
    two is unknown. So the bound is the larger of two: the largest excess of any request over its estimate; and, for
    images larger than those sent so far, all tokens of the largest image except half of the text, in proportion to
    the image size. (The text hardly has fewer tokens than half of its estimate, which is high.)

    Args:
        text: estimated tokens of the question.
    """

    def __init__(self, text: int) -> None:
        self.text = text
        self._excess, self._largest, self._per_image_token = 0, 0, 0.0

    def worst_case(self, image_tokens: int) -> float:
        """The most tokens that a request may use whose image is estimated at `image_tokens` tokens."""
        return max(
            self.text + image_tokens + self._excess, self.text / 2 + image_tokens * self._per_image_token
        )

    def learn(self, image_tokens: int, used: int) -> None:
        """Record that a request with an image estimated at `image_tokens` tokens used `used` tokens in all."""
        self._excess = max(self._excess, used - self.text - image_tokens)
        each = (used - self.text / 2) / max(1, image_tokens)
        if image_tokens >= self._largest:
            self._per_image_token = each if image_tokens > self._largest else max(self._per_image_token, each)
            self._largest = image_tokens


class Budget:
    """The budget of a run, shared by several threads.

    A request starts only if the cost so far, the reserved cost of running requests and its own worst case stay within
    the budget. Otherwise it waits until running requests have cost less than was reserved; if none is running, the
    budget is closed and no further request starts.

    Args:
        max_cost: US dollars; None: no limit.
    """

    def __init__(self, max_cost: float | None) -> None:
        self.max_cost, self.spent = max_cost, 0.0
        self.closed = False  # whether the budget was reached
        self._reserved, self._changed = 0.0, threading.Condition()

    def reserve(self, worst: float) -> bool:
        """Wait for budget; return whether a request may start that costs at most `worst`."""
        with self._changed:
            while not self.closed and not self._fits(worst):
                if not self._reserved:
                    self.closed = True
                    self._changed.notify_all()
                    break
                self._changed.wait()
            if self.closed:
                return False
            self._reserved += worst
            return True

    def settle(self, worst: float, paid: float) -> None:
        """Replace the reserved cost `worst` of a request by its real cost `paid`."""
        with self._changed:
            self._reserved -= worst
            if self._reserved < _TOLERANCE:
                self._reserved = 0.0
            self.spent += paid
            self._changed.notify_all()

    def _fits(self, worst: float) -> bool:
        return self.max_cost is None or self.spent + self._reserved + worst <= self.max_cost + _TOLERANCE
