"""Steps shared by the stories: each prints the command that a user would type, then runs it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pupila.api.doctor import doctor
from pupila.api.explore import explore
from pupila.api.split import split
from pupila.api.train import train
from pupila.api.train_options import TrainOptions
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import Assignment, SplitFile
from pupila.artifacts.report.fingerprint import Fault
from pupila.artifacts.run.source import parse_predicting
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, percent, say
from pupila.core.vocabulary import TEST
from pupila.demo.round_trip import ServedPrediction, request_prediction, serve_bundle
from pupila.imaging.images.decode import ImageFault
from pupila.stages.explore.sentences import sentences as exploration_sentences
from pupila.stages.predict.rows import Output, describe_row
from pupila.stages.predict.tasks import TASK_PREDICTORS
from pupila.stages.train.page import describe_run

if TYPE_CHECKING:
    from pupila.stages.train.run import TrainedRun


def check_split_explore(folder: Path, test: float) -> None:
    """Check the data, split them by product, and explore them.

    Args:
        folder: of the data.
        test: share of the images in the test split.
    """
    print_step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    print_faults(doctor(data))
    print_step(f"pupila split {folder} --test {test}")
    split_file = split(data, test=test, replace=True)
    for name, row in split_file.balance.by_split().items():
        print(say("  {name}: {images} images of {groups} products",
                  name=name, images=row.images, groups=row.groups))  # fmt: skip
    print(say("Verdict: {verdict}.", verdict=split_file.verdict))
    print_step(f"pupila explore {folder}")
    exploration = explore(data)
    print("\n".join(exploration_sentences(exploration.fingerprint)))
    print(say("Open: {path}", path=exploration.page))


def train_from_scratch(folder: Path, run: Path, settings: TrainOptions) -> "TrainedRun":
    """Train a model without pretrained weights."""
    print_step(f"pupila train {folder} {format_flags(settings)} --out {run}")
    files.remove_folder(run)
    training = train(folder, out=run, **settings)
    for sentence in describe_run(training.plan, training.state, training.bundle.info):
        print(sentence)
    return training


def format_flags(settings: TrainOptions) -> str:
    """Settings as the flags of a command: `--image-size 112 --epochs 20`."""
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())


def read_test_rows(folder: Path) -> list[Assignment]:
    """The images of the test split."""
    split = SplitFile.read(str(folder))
    assert split is not None  # the story made it
    return split.in_split(TEST)


def predict_and_serve(bundle: str, photos: list[Path], out: str | None = None) -> None:
    """Predict, then serve: the same bundle gives the same predictions."""
    print_step(f"pupila predict {bundle} {photos[0]} ..." + (f" --out {out}" if out else ""))
    predictor = Predictor(parse_predicting(bundle).bundle)
    task_predictor = TASK_PREDICTORS[predictor.info.task]
    uris = [str(photo) for photo in photos]
    for row in task_predictor.predict_rows(predictor, uris, Output(out)):
        print(describe_row(row, task_predictor))
    print_step(f"pupila serve {bundle}")
    with serve_bundle(bundle) as address:
        for photo, (_, prediction) in zip(photos, predictor.stream(uris), strict=True):
            assert not isinstance(prediction, ImageFault)  # it was read above
            response = request_prediction(address, photo)
            print(_compare_confidence(photo.name, response, prediction.confidence))


def _compare_confidence(name: str, response: ServedPrediction, expected: float) -> str:
    """The confidence of the server, and whether it equals that of `pupila predict`."""
    figures = {
        "name": name, "confidence": percent(response.confidence), "ms": number(1e3 * response.processing_time, 0),
    }  # fmt: skip
    if abs(response.confidence - expected) < 1e-4:
        return say(
            "{name}: the server predicts with confidence {confidence} in {ms} ms, same as predict.", **figures
        )
    return say("{name}: the server predicts with confidence {confidence} in {ms} ms, unlike predict. "
               "Please report this.", **figures)  # fmt: skip


def prepare_folder(out: Path, name: str) -> Path:
    """An empty folder for the story; it empties only folders that the demo made."""
    folder = out / name
    mark = out / f".{name}"
    if folder.exists() and not mark.exists():
        raise PupilaError(
            say("The demo does not overwrite other folders"),
            actual=say("{path}, which the demo did not make", path=folder),
            expected=say("a new folder"), remedy="--out OTHER_FOLDER",
        )  # fmt: skip
    files.write_bytes(str(mark), b"")
    files.remove_folder(folder)
    folder.mkdir(parents=True)
    return folder


def print_step(text: str) -> None:
    """Print the command of a step, or what it does."""
    print(f"\n== {text}", flush=True)


def print_faults(faults: list[Fault]) -> None:
    """Print the faults found by the doctor, and a fix for each."""
    for fault in faults:
        print(f"{fault.severity:8} {fault.code} ({fault.count}): {fault.examples[0]}")
        print("         " + say("Fix: {fix}.", fix=fault.fix))
