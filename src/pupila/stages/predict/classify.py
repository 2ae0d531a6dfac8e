"""The classes of images as rows."""

from collections.abc import Iterable, Iterator

from pupila.artifacts.bundle.predictor import Predictor
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.stages.predict.rows import Output, Row, Telling, fault_row
from pupila.tasks.classify import Answer


def _rows(predictor: Predictor, uris: Iterable[str], _: Output) -> Iterator[Row]:
    for uri, answer in predictor.stream(uris):
        yield fault_row(uri, answer) if isinstance(answer, ImageFault) else _row(uri, answer)


def _row(uri: str, answer: Answer) -> Row:
    return {
        "image": uri, "prediction": answer.prediction, "confidence": round(answer.confidence, 6),
        "abstained": answer.abstained, "probabilities": {k: round(v, 6) for k, v in answer.probabilities.items()},
    }  # fmt: skip


def _columns(classes: list[str]) -> list[str]:
    """`image`, `prediction` and `p:<class>` are those that evaluate reads."""
    return ["image", "prediction", "confidence", "abstained", "error", *(f"p:{name}" for name in classes)]


def _cells(told: Row, _: str) -> Row:
    return {**told, **{f"p:{name}": share for name, share in told["probabilities"].items()}}


def _for_people(told: Row) -> str:
    unsure = say(", too unsure to count") if told["abstained"] else ""
    return f"{told['prediction']} ({told['confidence']:.1%}{unsure})"


CLASSES = Telling(Predictor, _rows, _columns, _cells, _for_people, writes=False)
