"""The story of the packages: collect a shop, label its photos with a model, audit the labels, serve a classifier."""

import shutil
import threading
import time
from pathlib import Path

from pupila.api.collect import collect
from pupila.api.compress import compress
from pupila.api.evaluate import evaluate
from pupila.api.explain import default_folder, explain
from pupila.api.label import plan_labelling
from pupila.api.train_options import TrainOptions
from pupila.artifacts.dataset.open import open as open_data
from pupila.core.messages import number, percent, say
from pupila.demo.labeller import GroundTruth, Loopback, nearest_label, run_loopback
from pupila.demo.packages import WITH, WITHOUT
from pupila.demo.reviewer import review_page
from pupila.demo.shop import Reply, Shop
from pupila.demo.steps import (
    check_split_explore,
    predict_and_serve,
    prepare_folder,
    print_step,
    read_test_rows,
    train_from_scratch,
)
from pupila.stages.collect.browser import BROWSER_NAMES
from pupila.stages.collect.sentences import describe_visit as collection_sentences
from pupila.stages.compress.sentences import sentences as compression_sentences
from pupila.stages.evaluate.sentences import sentences as evaluation_sentences
from pupila.stages.explain.sentences import sentences as explanation_sentences
from pupila.stages.label.review.audit import AuditSettings, audit
from pupila.stages.label.review.audit_page import sentences as audit_sentences
from pupila.stages.label.sentences import sentences as labelling_sentences

PRODUCTS = 480
NOISE, VOTES = 0.08, 3  # share of wrong responses of the model, and votes per image
_SEED = 23
_TEST = 0.2  # share of the photos
_SETTINGS: TrainOptions = {
    "weights": "none", "image_size": 112, "epochs": 20, "augment": "flip_rotation", "class_weights": "inverse",
}  # fmt: skip
_MODEL, _RIVAL = "resnet_small", "lenet"
_SHOWN = 4  # photos for predict
_EXPLAINED = 12  # photos with a heat map
_BROKEN_PHOTOS = {  # what real shops return in place of a photo
    "/photos/0007-0.jpg": Reply(200, "image/jpeg", b"<!DOCTYPE html><html>404 not found</html>"),
    "/photos/0011-0.jpg": Reply(200, "image/jpeg", b""),
    "/photos/0013-0.jpg": Reply(404, "text/plain", b"gone"),
}


def packages(out: str) -> None:
    """A shop of food packages: from its pages to a served classifier of black warning octagons."""
    start = time.monotonic()
    folder = prepare_folder(Path(out), "synthetic_packages")
    shop = Shop(PRODUCTS, _SEED, lambda path: _BROKEN_PHOTOS.get(path))
    _collect_products(shop, folder)
    data = open_data(folder)
    ground_truth = nearest_label(
        data, [_true_label(shop, *row) for row in data.images.select("group", "url").iter_rows()]
    )
    _label_images(folder, ground_truth)
    _audit_labels(folder, ground_truth)
    check_split_explore(folder, _TEST)
    runs = {
        name: train_from_scratch(folder, Path(out) / f"synthetic_run_{name}", {"model": name, **_SETTINGS})
        for name in (_MODEL, _RIVAL)
    }
    best, rival = (runs[name].bundle.folder for name in (_MODEL, _RIVAL))
    print_step(f"pupila evaluate {best} {folder} --against {rival}")
    result = evaluate(best, folder, against=[rival])
    verdict = evaluation_sentences(result.evaluation)
    print("\n".join(verdict))
    _explain_and_compress(best, folder)
    predict_and_serve(best, _choose_test_photos(folder))
    print("\n" + say("Finished in {n} s, all on synthetic data.", n=number(time.monotonic() - start, 0)))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Open: {path}", path=result.report))
    print(say("Serve it: {command}", command=f"pupila serve {best}"))
    print(say("Start with your own images: pupila doctor FOLDER"))


def _explain_and_compress(bundle: str, folder: Path) -> None:
    """Heat maps of some photos, and an int8 bundle if one is faster and as good."""
    print_step(f"pupila explain {bundle} {folder} --split validation --most {_EXPLAINED}")
    maps = explain(bundle, folder, split="validation", most=_EXPLAINED, out=default_folder(bundle))
    print("\n".join(explanation_sentences(maps.report)))
    print(say("Open: {path}", path=f"{maps.folder}/explain.html"))
    print_step(f"pupila compress {bundle} {folder}")
    compressed = compress(bundle, folder)
    print("\n".join(compression_sentences(compressed.report)))
    print(say("Open: {path}", path=f"{compressed.folder}/compress.html"))


def _collect_products(shop: Shop, folder: Path) -> None:
    """Collect from the infinite-scroll page with a browser if there is one, else from the plain pages."""
    print_step(
        say(
            "Serving a synthetic web shop of {n} packages on this machine, a fifth with black octagons",
            n=shop.count,
        )
    )
    browser = any(map(shutil.which, BROWSER_NAMES))
    if not browser:
        print(say("Chromium not found, so the plain pages are collected. Try: sudo apt-get install chromium"))
    with shop.open() as address:
        site, start = ("disco", f"{address}/") if browser else ("static", f"{address}/static")
        print_step(f"pupila collect {site} --out {folder} --start {start} --allow-private --rate 200")
        result = collect(site, out=folder, start=start, allow_private=True, rate=200, idle_timeout=2)
    print("\n".join(collection_sentences(result)))


def _true_label(shop: Shop, product: str, address: str) -> str:
    """The true label of a photo; "unsure" for the placeholder of a missing one."""
    return "unsure" if "coming-soon" in address else shop.record(int(product[-4:])).label


def _label_images(folder: Path, ground_truth: GroundTruth) -> None:
    """Label with a simulated model on this machine, which is sometimes wrong."""
    print_step(f"pupila label {folder} --with vlm:synthetic --question octagons --votes {VOTES}")
    print(
        say(
            "(A simulated vision-language model; {share} of its responses are wrong.)",
            share=percent(NOISE, 0),
        )
    )
    with run_loopback(Loopback(ground_truth, noise=NOISE, seed=_SEED)) as server:
        planned = plan_labelling(
            folder, with_="vlm:synthetic", question="octagons", votes=VOTES, base_url=server.url, input_price=0.15,
            output_price=0.6,
        )  # fmt: skip
        print("\n".join(planned.forecast()))
        print("\n".join(labelling_sentences(planned.run(), str(folder))))


def _audit_labels(folder: Path, ground_truth: GroundTruth) -> None:
    """Audit with a simulated reviewer, who sees only the page and never the labels of the model."""
    print_step(f"pupila label audit {folder}")
    print(say("(A simulated reviewer, who knows the ground truth, reviews the page.)"))
    reviewers: list[threading.Thread] = []

    def start_review(address: str) -> None:
        reviewers.append(
            threading.Thread(target=review_page, args=(address, (WITH, WITHOUT), ground_truth), daemon=True)
        )
        reviewers[0].start()

    result = audit(open_data(folder), AuditSettings(), "synthetic", 0, start_review)
    print("\n".join(audit_sentences(result.report)))
    print(say("Open: {path}", path=result.page))


def _choose_test_photos(folder: Path) -> list[Path]:
    """Photos of the sealed test split, half of them with octagons if there are enough."""
    label_of = dict(open_data(folder).images.select("image", "target").iter_rows())
    test_images = [row.image for row in read_test_rows(folder)]
    chosen = [[image for image in test_images if label_of[image] == name] for name in (WITH, WITHOUT)]
    return [folder / image for images in chosen for image in images[: _SHOWN // 2]]
