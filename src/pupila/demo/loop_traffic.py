"""Requests to the service of the loop's story, and how many of them were lost."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pupila.api.client import Client
from pupila.core.errors import PupilaError
from pupila.demo.loop_shop import Photo

_THREADS = 2


def send_photos(client: Client, photos: Sequence[Photo]) -> float:
    """Have the photos predicted, one by one; the share of correct predictions."""
    correct = 0
    for photo in photos:
        prediction = client.predict(photo.content, group=photo.product)
        correct += prediction.prediction == photo.label
    return correct / len(photos)


def correct_predictions(client: Client, photos: Sequence[Photo], who: str) -> int:
    """Send photos as customers do, who correct what is wrong; the number of corrections."""
    count = 0
    for photo in photos:
        prediction = client.predict(photo.content, group=photo.product)
        if prediction.prediction != photo.label:
            client.feedback(prediction, correct=False, label=photo.label, who=who)
            count += 1
    return count


@dataclass(slots=True)
class Load:
    """What came of requests that were sent without a pause."""

    versions: Counter[str] = field(default_factory=Counter)  # responses by the model that gave them
    lost: list[str] = field(default_factory=list)  # errors
    changed: threading.Event = field(default_factory=threading.Event)  # set once a second version responds


@contextmanager
def run_load(address: str, token: str, photos: Sequence[Photo]) -> Iterator[Load]:
    """Send the photos in turn from several threads while the block runs; without retries, so a lost one is counted."""
    load, stop, lock = Load(), threading.Event(), threading.Lock()

    def send(start: int) -> None:
        with Client(address, token, retries=0) as client:
            number = start
            while not stop.is_set():
                photo = photos[number % len(photos)]
                number += _THREADS
                try:
                    version = client.predict(photo.content, group=photo.product).model_version
                except PupilaError as fault:
                    with lock:
                        load.lost.append(str(fault))
                    continue
                with lock:
                    load.versions[version] += 1
                    if len(load.versions) > 1:
                        load.changed.set()

    threads = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
