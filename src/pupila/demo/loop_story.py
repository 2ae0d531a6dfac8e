"""The story of the loop: served, drifted, reviewed, retrained, promoted and swapped, on a synthetic shop."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pupila.api.client import Client
from pupila.api.evaluate import evaluate
from pupila.api.label import Review, review_queue
from pupila.api.monitor import monitor
from pupila.api.registry import ModelRegistry, describe_event, registry
from pupila.api.split import split
from pupila.api.train_options import TrainOptions
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.web.tokens import add_token
from pupila.core import files
from pupila.core.messages import number, percent, say, say_count, say_images
from pupila.demo.labeller import GroundTruth, nearest_label
from pupila.demo.loop_shop import Photo, draw_balanced, take_photos, write_photos
from pupila.demo.loop_traffic import correct_predictions, run_load, send_photos
from pupila.demo.packages import WITH, WITHOUT, Product
from pupila.demo.reviewer import review_page
from pupila.demo.round_trip import serve_bundle
from pupila.demo.steps import prepare_folder, print_step, train_from_scratch
from pupila.stages.evaluate.sentences import sentences as evaluation_sentences
from pupila.stages.label.review.queue_sentences import sentences as queue_sentences

TRAINED, QUIET, CHANGED, FRESH = 140, 50, 240, 100  # products
EACH = 3  # photos of a product in training; the service gets one of each
FALSE_ALARM_EVERY = 1_000  # groups
QUEUED, AT_RANDOM = 240, 0.6  # images to review, and the share that is drawn at random
_MODEL, _BY = "octagons", r"p(\d+)_"
_SEED, _TEST = 23, 0.2
_SETTINGS: TrainOptions = {
    "model": "resnet_small", "weights": "none", "image_size": 96, "epochs": 16, "augment": "flip_rotation",
    "reference_share": 0.15,
}  # fmt: skip
_PATIENCE = 60.0  # seconds for the service to follow the registry


def loop(out: str) -> None:
    """A served model of a shop that changes its photos: alarm, review, retraining, and a swap under load."""
    start = time.monotonic()
    folder, log = prepare_folder(Path(out), "synthetic_loop"), prepare_folder(Path(out), "synthetic_loop_log")
    models = registry(prepare_folder(Path(out), "synthetic_loop_registry"))
    products = draw_balanced(TRAINED + QUIET + CHANGED + FRESH, _SEED)
    first = _train_first(folder, Path(out), products[:TRAINED], models)
    tokens = str(prepare_folder(Path(out), "synthetic_loop_tokens") / "tokens.json")
    _, token = add_token(tokens, ["predict", "feedback"], None, None, "the shop")
    options = ("--registry", models.uri, "--tokens", tokens, "--log-predictions", str(log), "--keep-images",
               "share=1", "--poll-seconds", "1")  # fmt: skip
    name = f"registry:{_MODEL}@production"
    print_step(f"pupila serve {name} {' '.join(options)}")
    with serve_bundle(name, *options) as address, Client(address, token) as client:
        quiet, changed, fresh = _take_live_photos(products[TRAINED:])
        _send_quiet(client, log, first, quiet)
        _change(client, log, first, changed)
        _review(folder, log, first, [*quiet, *changed])
        _retrain(folder, Path(out), models)
        before = send_photos(client, fresh)
        _swap(address, token, models, fresh)
        after = send_photos(client, fresh)
    figures = {"images": say_images(len(fresh)), "before": percent(before), "after": percent(after)}
    print(
        say(
            "{images} of products that are in no data set: {before} correct before, {after} after.", **figures
        )
    )
    print("\n" + say("Finished in {n} s, all on synthetic data.", n=number(time.monotonic() - start, 0)))


def _train_first(folder: Path, out: Path, products: list[Product], models: ModelRegistry) -> str:
    """The bundle of the model that is served first."""
    print_step(say("Photographing {n} synthetic products, half of them with octagons", n=len(products)))
    count = write_photos(folder, take_photos(products, EACH, _SEED))
    print(say_images(count))
    print_step(f"pupila split {folder} --by '{_BY}' --test {_TEST}")
    print(split(folder, by=_BY, test=_TEST, replace=True))
    bundle = train_from_scratch(folder, out / "synthetic_loop_first", _SETTINGS).bundle.folder
    _add(models, bundle)
    _evaluate(f"registry:{models.uri}#{_MODEL}@1", folder, None)
    _promote(models, 1)
    return bundle


def _take_live_photos(products: list[Product]) -> tuple[list[Photo], list[Photo], list[Photo]]:
    """Photos for the service: in the old studio, in the new one, and further ones in the new one."""
    quiet, rest = products[:QUIET], products[QUIET:]
    return (
        list(take_photos(quiet, 1, _SEED + 1)),
        list(take_photos(rest[:CHANGED], 1, _SEED + 1, new_studio=True)),
        list(take_photos(rest[CHANGED:], 1, _SEED + 1, new_studio=True)),
    )


def _send_quiet(client: Client, log: Path, bundle: str, photos: list[Photo]) -> None:
    """Requests with photos like those of the training."""
    print_step(say("The shop sends {images} of new products", images=say_images(len(photos))))
    print(
        say(
            "{share} are predicted correctly, which nobody knows yet.",
            share=percent(send_photos(client, photos)),
        )
    )
    _monitor(log, bundle)


def _change(client: Client, log: Path, bundle: str, photos: list[Photo]) -> None:
    """Requests with photos from a new studio; some customers correct the predictions."""
    print_step(
        say("The shop moves: another camera in dark, warm light; {images}", images=say_images(len(photos)))
    )
    reviewed, rest = photos[: len(photos) // 6], photos[len(photos) // 6 :]
    corrections = correct_predictions(client, reviewed, "a customer")
    print(
        say_count("Customers corrected {n} prediction.", "Customers corrected {n} predictions.", corrections)
    )
    print(say("{share} of the others are predicted correctly, which nobody knows yet.",
              share=percent(send_photos(client, rest))))  # fmt: skip
    _monitor(log, bundle)


def _monitor(log: Path, bundle: str) -> None:
    time.sleep(1)  # the log is written beside the requests
    print_step(f"pupila monitor {log} {bundle} --false-alarm-every {FALSE_ALARM_EVERY}")
    result = monitor(log, bundle, out=files.join(str(log), "drift"), false_alarm_every=FALSE_ALARM_EVERY)
    print("\n".join(result.sentences()))
    print(say("Open: {path}", path=result.page))


def _review(folder: Path, log: Path, bundle: str, photos: Sequence[Photo]) -> None:
    """Review the queue with a simulated reviewer, and extend the split."""
    print_step(f"pupila label queue {folder} --from {log} --bundle {bundle} --limit {QUEUED} "
               f"--random-share {AT_RANDOM}")  # fmt: skip
    print(
        say(
            "({share} at random, more than usual, as random images alone extend the test split: it needs enough of "
            "the new studio to compare both models.)", share=percent(AT_RANDOM, 0),
        )
    )  # fmt: skip
    print(say("(A simulated reviewer, who knows the ground truth, reviews the page.)"))
    label_of = {files.sha256(photo.content): photo.label for photo in photos}
    reviewers: list[threading.Thread] = []

    def start_review(address: str) -> None:
        names = (WITH, WITHOUT)
        ground_truth = _know_photos(folder, label_of)
        reviewers.append(
            threading.Thread(target=review_page, args=(address, names, ground_truth), daemon=True)
        )
        reviewers[0].start()

    review = Review("synthetic", 0, start_review)
    result = review_queue(folder, log=log, bundle=bundle, review=review, limit=QUEUED, random_share=AT_RANDOM)
    print("\n".join(queue_sentences(result)))
    print_step(f"pupila split {folder} --extend")
    print(split(folder, extend=True).origin)


def _know_photos(folder: Path, label_of: dict[str, str]) -> GroundTruth:
    data = open_data(folder)
    rows = data.images.select("sha256", "target").iter_rows()
    return nearest_label(data, [label_of.get(digest, str(target)) for digest, target in rows])


def _retrain(folder: Path, out: Path, models: ModelRegistry) -> None:
    """Train the second version, and compare it with the first on the test split, in which new photos are."""
    _add(models, train_from_scratch(folder, out / "synthetic_loop_second", _SETTINGS).bundle.folder)
    first, second = (f"registry:{models.uri}#{_MODEL}@{number}" for number in (1, 2))
    _evaluate(first, folder, None)
    _promote(models, 1)  # by its report on the test split as it is now
    _evaluate(second, folder, first)


def _evaluate(bundle: str, folder: Path, against: str | None) -> None:
    print_step(f"pupila evaluate {bundle} {folder}" + (f" --against {against}" if against else ""))
    result = evaluate(bundle, folder, against=[against] if against else [])
    print("\n".join(evaluation_sentences(result.evaluation)))


def _add(models: ModelRegistry, bundle: str) -> None:
    print_step(f"pupila registry add {bundle} {_MODEL} --registry {models.uri}")
    print(models.add(bundle, _MODEL))


def _promote(models: ModelRegistry, version: int) -> None:
    print_step(f"pupila registry promote {_MODEL}@{version} --registry {models.uri}")
    event = models.promote(f"{_MODEL}@{version}")
    if event is not None:
        print(describe_event(event))


def _swap(address: str, token: str, models: ModelRegistry, photos: list[Photo]) -> None:
    """Promote while requests are sent."""
    with run_load(address, token, photos) as load:
        _promote(models, 2)
        load.changed.wait(_PATIENCE)
        time.sleep(1)
    total = load.versions.total() + len(load.lost)
    shares = ", ".join(f"{version[:12]}: {count}" for version, count in load.versions.items())
    print(say("Swapped under load: {total} requests, {lost} lost ({shares}).", total=total, lost=len(load.lost),
              shares=shares))  # fmt: skip
