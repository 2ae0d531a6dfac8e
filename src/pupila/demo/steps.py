"""What the stories share: a step is shown as the command that a user would type, and then really done."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.api.train import train
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.splits import Assignment, SplitFile
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TEST
from pupila.demo.round_trip import ask, served
from pupila.imaging.images.decode import ImageFault
from pupila.stages.doctor.faults import Fault
from pupila.stages.predict.rows import Output, for_people
from pupila.stages.predict.tasks import TELLING
from pupila.stages.train.page import sentences as told

if TYPE_CHECKING:
    from pupila.stages.train.run import Run


def trained(folder: Path, run: Path, wish: dict[str, Any]) -> "Run":
    """Train from scratch, beside the data."""
    settings = " ".join(f"--set {name}={value}" for name, value in wish.items())
    step(f"pupila train {folder} {settings} --out {run}")
    files.remove_folder(run)
    done = train(folder, out=run, **wish)
    for sentence in told(done.plan, done.state, done.bundle.info):
        print(sentence)
    return done


def sealed(folder: Path) -> list[Assignment]:
    """The images of the test split."""
    split = SplitFile.read(str(folder))
    assert split is not None  # it was made a minute ago
    return split.of(TEST)


def answered(bundle: str, photos: list[Path], out: str | None = None) -> None:
    """Predict, then serve: the same bundle, the same code, so the same answer."""
    step(f"pupila predict {bundle} {photos[0]} ..." + (f" --out {out}" if out else ""))
    predictor = Predictor(read_bundle(bundle))
    telling = TELLING[predictor.info.task]
    uris = [str(photo) for photo in photos]
    for row in telling.rows(predictor, uris, Output(out)):
        print(for_people(row, telling))
    step(f"pupila serve {bundle}")
    with served(bundle) as address:
        for photo, (_, known) in zip(photos, predictor.stream(uris), strict=True):
            assert not isinstance(known, ImageFault)  # it was read above
            said = ask(address, photo)
            same = abs(said["confidence"] - known.confidence) < 1e-4
            print(say(
                "{name}: the server is {confidence:.1%} sure after {ms:.0f} ms, {same}",
                name=photo.name, confidence=said["confidence"], ms=1e3 * said["processing_time"],
                same=say("as predict is") if same else say("unlike predict: please report this"),
            ))  # fmt: skip


def fresh(out: Path, name: str) -> Path:
    """An empty folder for the story; one that a story made before is emptied, nothing else is touched."""
    folder = out / name
    mark = out / f".{name}"
    if folder.exists() and not mark.exists():
        raise PupilaError(
            say("The demo writes its data anew"), found=say("{path}, which it did not make", path=folder),
            wanted=say("an empty place"), remedy="--out OTHER_FOLDER",
        )  # fmt: skip
    files.write_bytes(str(mark), b"")
    files.remove_folder(folder)
    folder.mkdir(parents=True)
    return folder


def step(text: str) -> None:
    """Show the command."""
    print(f"\n== {text}", flush=True)


def print_faults(found: list[Fault]) -> None:
    """Show what the doctor found, and the mend of each."""
    for fault in found:
        print(f"{fault.severity:8} {fault.code} ({fault.count}): {fault.examples[0]}")
        print("         " + say("Mend: {mend}.", mend=fault.mend))
