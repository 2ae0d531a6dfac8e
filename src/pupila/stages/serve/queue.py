"""The queue of a service: how many images it has accepted and not finished."""

from collections.abc import Iterator
from contextlib import contextmanager

from pupila.artifacts.web.refusals import RETRY_AFTER, RETRY_LATER, Refusal
from pupila.core.messages import say, say_count


class RequestQueue:
    """Counts the open images, and refuses those that have no place.

    Args:
        most: open images.
    """

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0

    @contextmanager
    def reserve(self, images: int = 1) -> Iterator[None]:
        """Places for the images of one request, which is read and predicted in the block.

        Raises:
            Refusal: 503 where the queue is full; no part of the request has started then.
        """
        self.check(images)
        self.open += images
        try:
            yield
        finally:
            self.open -= images

    def check(self, images: int = 1) -> None:
        """Refuse images that have no place.

        Raises:
            Refusal: 503.
        """
        if self.open + images > self.most:
            raise Refusal(
                "queue-full", say("Queue full, try again in {n} s", n=RETRY_AFTER), say_count(
                    "{n} waiting image",
                    "{n} waiting images",
                    self.open,
                ),
                say("at most {n}", n=self.most), say("send the request again"), RETRY_LATER,
            )  # fmt: skip
