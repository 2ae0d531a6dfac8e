"""The story of the packages: from a shop's page, through a machine's labels and their audit, to a served classifier."""

import json
import shutil
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from pupila.api.collect import collect
from pupila.api.doctor import doctor
from pupila.api.evaluate import evaluate
from pupila.api.explore import explore
from pupila.api.label import labelling
from pupila.api.split import split
from pupila.artifacts.dataset.open import open as open_data
from pupila.core.messages import say
from pupila.demo.labeller import Loopback, Truth, answering, nearest
from pupila.demo.packages import WITH, WITHOUT
from pupila.demo.shop import Reply, Shop
from pupila.demo.steps import answered, fresh, print_faults, sealed, step, trained
from pupila.stages.collect.browser import NAMES
from pupila.stages.collect.sentences import sentences as collected
from pupila.stages.evaluate.sentences import sentences as judged
from pupila.stages.explore.sentences import sentences as explored
from pupila.stages.label.review.audit import AuditSettings, audit
from pupila.stages.label.review.audit_page import sentences as audited
from pupila.stages.label.sentences import sentences as labelled

PRODUCTS = 480
NOISE, VOTES = 0.08, 3  # share of the machine's answers that are wrong, and how often it is asked
_SEED = 23
_TEST = 0.2  # share of the photos
_RECIPE: dict[str, Any] = {
    "weights": "none", "side": 112, "epochs": 20, "augment": "flip_rotation", "class_weights": "inverse",
}  # fmt: skip
_MODEL, _RIVAL = "resnet_small", "lenet"
_SHOWN = 4  # photos that predict answers
_BAD = {  # what real shops hand out in the place of a photo
    "/photos/0007-0.jpg": Reply(200, "image/jpeg", b"<!DOCTYPE html><html>404 not found</html>"),
    "/photos/0011-0.jpg": Reply(200, "image/jpeg", b""),
    "/photos/0013-0.jpg": Reply(404, "text/plain", b"gone"),
}


def packages(out: str) -> None:
    """A shop of packages, from its page to a served classifier that knows black octagons."""
    start = time.monotonic()
    folder = fresh(Path(out), "synthetic_packages")
    shop = Shop(PRODUCTS, _SEED, lambda path: _BAD.get(path))
    _collected(shop, folder)
    data = open_data(folder)
    truth = nearest(data, [_truth(shop, *row) for row in data.images.select("group", "url").iter_rows()])
    _labelled(folder, truth)
    _audited(folder, truth)
    _examined(folder)
    runs = {
        name: trained(folder, Path(out) / f"synthetic_run_{name}", {"model": name, **_RECIPE})
        for name in (_MODEL, _RIVAL)
    }
    best, rival = (runs[name].bundle.folder for name in (_MODEL, _RIVAL))
    step(f"pupila evaluate {best} {folder} --against {rival}")
    done = evaluate(best, folder, against=[rival])
    verdict = judged(done.evaluation)
    print("\n".join(verdict))
    answered(best, _some_test_photos(folder))
    print("\n" + say("Done in {seconds:.0f} s, all on synthetic data.", seconds=time.monotonic() - start))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Look at: {path}", path=done.report))
    print(say("Serve it: {command}", command=f"pupila serve {best}"))
    print(say("Your own images: pupila doctor FOLDER"))


def _collected(shop: Shop, folder: Path) -> None:
    """With a browser from a page that scrolls on, where there is one; else from plain pages."""
    step(
        say(
            "Opening a synthetic web shop of {n} packages on this machine, a fifth with black octagons",
            n=shop.count,
        )
    )
    browser = any(map(shutil.which, NAMES))
    if not browser:
        print(say("No Chromium here, so its plain pages are read: sudo apt-get install chromium"))
    with shop.open() as address:
        site, begin = ("disco", f"{address}/") if browser else ("static", f"{address}/static")
        step(
            f"pupila collect {site} --out {folder} --set start={begin} --set allow_private=true --set rate=200"
        )
        done = collect(site, out=folder, start=begin, allow_private=True, rate=200, patience=2)
    print("\n".join(collected(done)))


def _truth(shop: Shop, product: str, address: str) -> str:
    """What a photo of the shop shows; nobody can tell from the picture for a missing one."""
    return "unsure" if "coming-soon" in address else str(shop.record(int(product[-4:]))["label"])


def _labelled(folder: Path, truth: Truth) -> None:
    """By a machine on this machine, which is wrong now and then."""
    step(f"pupila label {folder} --with vlm:synthetic --set task=octagons --votes {VOTES}")
    print(say("(A stand-in for a vision-language model, wrong in {noise:.0%} of its answers.)", noise=NOISE))
    with answering(Loopback(truth, noise=NOISE, seed=_SEED)) as server:
        planned = labelling(
            folder, with_="vlm:synthetic", task="octagons", votes=VOTES, base_url=server.url, input_price=0.15,
            output_price=0.6,
        )  # fmt: skip
        print("\n".join(planned.forecast()))
        print("\n".join(labelled(planned.run(), str(folder))))


def _audited(folder: Path, truth: Truth) -> None:
    """By a stand-in for a person, who sees what the page shows and never the machine's labels."""
    step(f"pupila label audit {folder}")
    print(say("(A synthetic person, who knows the truth, answers the page.)"))
    asked: list[threading.Thread] = []

    def come(address: str) -> None:
        asked.append(threading.Thread(target=_answer, args=(address, truth), daemon=True))
        asked[0].start()

    done = audit(open_data(folder), AuditSettings(), "synthetic", 0, come)
    print("\n".join(audited(done.audit)))
    print(say("Look at: {path}", path=done.page))


def _answer(address: str, truth: Truth) -> None:
    """Answer every question of an audit's page."""
    choices = sorted((WITH, WITHOUT))
    state = _asked(address, "state")
    while (number := state["current"]) is not None:
        with urllib.request.urlopen(f"{address}picture/{number}") as picture:
            seen = truth(picture.read())
        choice = choices.index(seen) if seen in choices else None
        state = _asked(address, "answer", {"number": number, "choice": choice})
    _asked(address, "finish", {})


def _asked(address: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "origin": address.rstrip("/")}
    with urllib.request.urlopen(urllib.request.Request(f"{address}{what}", content, headers)) as answer:
        return dict(json.load(answer))


def _examined(folder: Path) -> None:
    """Doctor, split by product, explore."""
    step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    print_faults(doctor(data))
    step(f"pupila split {folder} --test {_TEST}")
    made = split(data, test=_TEST, replace=True)
    for name, row in made.balance.items():
        if name != "largest_deviation":
            print(say("  {name}: {images} images of {groups} products", name=name, images=row["images"],
                      groups=row["groups"]))  # fmt: skip
    print(say("Verdict: {verdict}.", verdict=made.verdict))
    step(f"pupila explore {folder}")
    found = explore(data)
    print("\n".join(explored(found.fingerprint)))
    print(say("Look at: {path}", path=found.page))


def _some_test_photos(folder: Path) -> list[Path]:
    """Photos of the sealed test split, half of them with octagons where there are as many."""
    label_of = dict(open_data(folder).images.select("image", "target").iter_rows())
    tested = [row.image for row in sealed(folder)]
    chosen = [[image for image in tested if label_of[image] == name] for name in (WITH, WITHOUT)]
    return [folder / image for images in chosen for image in images[: _SHOWN // 2]]
