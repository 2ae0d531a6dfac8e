"""The story of several labels: octagons of up to four kinds on one package, some of them unknown."""

import time
from pathlib import Path

from pupila.api.evaluate import evaluate
from pupila.api.train_options import TrainOptions
from pupila.artifacts.dataset.open import open as open_data
from pupila.core.messages import number, percent, say
from pupila.demo.octagons import TABLE, UNKNOWN, WARNINGS, write_octagon_photos
from pupila.demo.steps import (
    check_split_explore,
    predict_and_serve,
    prepare_folder,
    print_step,
    read_test_rows,
    train_from_scratch,
)
from pupila.stages.evaluate.sentences import sentences as evaluation_sentences
from pupila.tasks.label_text import present_classes

PRODUCTS = 440
_SEED = 23
_TEST = 0.25  # share of the photos
_SETTINGS: TrainOptions = {
    "model": "resnet_small", "weights": "none", "image_size": 160, "epochs": 20, "lr": 2e-3,
    "augment": "rotation",
}  # fmt: skip


def labels(out: str) -> None:
    """Packages with up to four kinds of octagon: from a table with a column per kind to served labels."""
    start = time.monotonic()
    folder = prepare_folder(Path(out), "synthetic_octagons")
    print_step(
        say(
            "Drawing photos of {n} synthetic packages with up to {kinds} kinds of octagon, and {table}",
            n=PRODUCTS,
            kinds=len(WARNINGS),
            table=folder / TABLE,
        )
    )
    print(
        say(
            "(One column per kind: 1 present, 0 absent; {share} of the cells are empty, which means unknown.)",
            share=percent(UNKNOWN, 0),
        )
    )
    write_octagon_photos(folder, PRODUCTS, _SEED)
    check_split_explore(folder, _TEST)
    run = train_from_scratch(folder, Path(out) / "synthetic_run_octagons", _SETTINGS)
    print_step(f"pupila evaluate {run.bundle.folder} {folder}")
    result = evaluate(run.bundle.folder, folder)
    verdict = evaluation_sentences(result.evaluation)
    print("\n".join(verdict))
    predict_and_serve(run.bundle.folder, _choose_test_photos(folder))
    print("\n" + say("Finished in {n} s, all on synthetic data.", n=number(time.monotonic() - start, 0)))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Open: {path}", path=result.report))
    print(say("Serve it: {command}", command=f"pupila serve {run.bundle.folder}"))
    print(say("Start with your own table: pupila doctor FOLDER"))


def _choose_test_photos(folder: Path) -> list[Path]:
    """Photos of the sealed test split: one of each number of kinds, from none upwards, each of another product."""
    rows = open_data(folder).images.select("image", "group", "target").iter_rows()
    labels_of = {image: (group, len(present_classes(target))) for image, group, target in rows}
    chosen: dict[int, str] = {}
    shown: set[str] = set()
    for row in read_test_rows(folder):
        group, count = labels_of[row.image]
        if count not in chosen and group not in shown:
            chosen[count] = row.image
            shown.add(group)
    return [folder / chosen[count] for count in sorted(chosen)]
