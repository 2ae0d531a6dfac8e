"""The queue of a service: what is chosen, what enters the data set, and the accuracy that is printed."""

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.api.label import Review as ReviewAt
from pupila.api.label import review_queue
from pupila.artifacts.dataset.added import ADDED_FILE, read_added
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.versions.labelled import reopen
from pupila.artifacts.predictions.feedback import FEEDBACK_FILE, FeedbackRecord
from pupila.artifacts.predictions.log import IMAGES_FOLDER, PREDICTIONS_FILE, PredictionRecord
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.core.files import sha256
from pupila.stages.label.review import queue as queues
from pupila.stages.label.review import queue_log
from pupila.stages.label.review.classify import ClassifyReview
from pupila.stages.label.review.queue import QueueSettings, make_queue
from pupila.stages.label.review.queue_choice import QueueSizes, choose_images, measure_unlikeness
from pupila.stages.label.review.queue_file import Queue
from pupila.stages.label.review.queue_log import LoggedImage
from pupila.stages.label.review.queue_sentences import describe_queue, describe_result
from pupila.stages.label.review.session import Review
from tests.pictures import encoded, photo, write_classes, write_scenes
from tests.several_labels import write_several_labels

CLASSES = ("cow", "dog")
START = datetime(2026, 12, 1, tzinfo=UTC)


def record(content: bytes, number: int, **fields: Any) -> PredictionRecord:
    digest = sha256(content)
    confidence = fields.pop("confidence", 0.9)
    return PredictionRecord(**{
        "time": (START + timedelta(seconds=number)).isoformat(timespec="milliseconds"),
        "request_id": f"r{number}", "item": 0, "model_version": "a" * 64,
        "image": digest, "width": 96, "height": 72, "predicted": ["cow"],
        "outputs": {"cow": confidence, "dog": 1 - confidence}, "confidence": confidence, "abstained": False,
        "brightness": 0.5, "sharpness": 0.1, "embedding": [0.0, float(number % 3)], "seconds": 0.01,
        "file": f"{IMAGES_FOLDER}/{digest}.png", **fields,
    })  # fmt: skip


def logged(own: PredictionRecord) -> LoggedImage:
    return LoggedImage({own.model_version: own})


def write_log(folder: Path, count: int, start: int = 1000, **fields: Sequence[Any]) -> list[PredictionRecord]:
    """A log of so many photos; each field has a value for each."""
    (folder / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
    records = []
    for n in range(count):
        content = encoded(photo(start + n))
        own = record(content, n, **{name: values[n] for name, values in fields.items()})
        if own.file:
            (folder / own.file).write_bytes(content)
        records.append(own)
    with (folder / PREDICTIONS_FILE).open("a") as stream:
        stream.writelines(each.model_dump_json() + "\n" for each in records)
    return records


def give(folder: Path, **fields: Any) -> None:
    """Feedback."""
    line = FeedbackRecord(**{"time": "2026-12-02T00:00:00+00:00", "who": "anna", **fields})
    with (folder / FEEDBACK_FILE).open("a") as stream:
        stream.write(line.model_dump_json() + "\n")


def label_all(
    data: Dataset, queue: Queue, labels: dict[str, str | None], most: int = 1000
) -> queues.QueueResult:
    """Label images of the queue, in the place of its page."""

    class Answered(Review):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            for _ in range(most):
                if (number := self.current) is not None:
                    target = labels[self.items[number].sha256]
                    self.answer(number, None if target is None else self.task.choices.index(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "Review", Answered)
        patch.setattr(queues, "run_local", lambda *_: None)
        return queues.review_queue(reopen(data), queue, "ana", (0, print))


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    write_classes(tmp_path / "data", dict.fromkeys(CLASSES, 6))
    return pupila.open(tmp_path / "data")


def test_the_parts_are_what_their_names_say(data: Dataset, tmp_path: Path) -> None:
    confidences = np.linspace(0.5, 0.99, 40).tolist()
    embeddings = [[0.0, n % 5 / 10] for n in range(40)]
    embeddings[30] = [40.0, 0.0]
    records = write_log(tmp_path / "log", 40, confidence=confidences, embedding=embeddings)
    give(tmp_path / "log", request_id="r35", label="dog")
    give(tmp_path / "log", request_id="r36", correct=False)
    give(tmp_path / "log", request_id="r37", correct=True)
    give(tmp_path / "log", request_id="gone", correct=False)
    queue = make_queue(data, str(tmp_path / "log"), None, QueueSettings(limit=10, seed=4))
    parts = {item.sha256: item.part for item in queue.items}
    drawn = {digest for digest, part in parts.items() if part == "random"}
    assert (len(parts), len(drawn), queue.images, queue.stored, queue.added) == (10, 2, 40, 40, 10)
    others = {part: [n for n, each in enumerate(records) if parts.get(each.image) == part] for part in
              ("corrected", "uncertain", "drifted")}  # fmt: skip
    free = [n for n in range(40) if records[n].image not in drawn]
    assert set(others["corrected"]) <= {35, 36}
    assert {35, 36} & set(free) == set(others["corrected"])
    assert others["uncertain"] == [n for n in free if n not in others["drifted"]][: len(others["uncertain"])]
    assert 30 in others["drifted"] or 30 not in free
    proposals = {item.sha256: item.proposals for item in queue.items}
    assert all(bool(own) is (parts[digest] == "corrected") for digest, own in proposals.items())


def test_reviewed_images_enter_the_data_set_once_with_group_and_label(data: Dataset, tmp_path: Path) -> None:
    log = tmp_path / "log"
    records = write_log(log, 12, group=[f"g{n // 2}" for n in range(12)])
    known = (tmp_path / "data" / "cow" / "000.jpg").read_bytes()
    again = record(known, 50, file=f"{IMAGES_FOLDER}/{sha256(known)}.jpg")
    (log / again.file).write_bytes(known)
    with (log / PREDICTIONS_FILE).open("a") as stream:
        stream.write(again.model_dump_json() + "\n")
    labels: dict[str, str | None] = {each.image: CLASSES[n % 2] for n, each in enumerate(records)}
    labels |= {again.image: "cow", records[3].image: None}
    queue = make_queue(data, str(log), None, QueueSettings(limit=13, random_share=1))
    assert (queue.added, len(queue.items)) == (12, 13)
    first = label_all(data, queue, labels, most=5)
    assert len(first.answers) == 5
    assert "Run the same command to resume." in describe_result(first)
    assert "8 images are not reviewed yet; new ones are unlabelled until then." in describe_result(first)
    assert make_queue(reopen(data), str(log), None, QueueSettings()) == queue  # resumed
    result = label_all(data, queue, labels)
    assert len(result.answers) == 13
    assert "unlabelled" not in " ".join([*describe_queue(queue), *describe_result(result)])
    opened = pupila.open(tmp_path / "data")
    rows = {digest: (target, group) for digest, target, group in
            opened.images.select("sha256", "target", "group").iter_rows()}  # fmt: skip
    assert len(opened) == len(rows) == 24
    assert all(rows[each.image] == (labels[each.image], each.group) for each in records)
    history = read_history(opened.home)
    assert set(history["labeller"]) == {"annotator:ana"} and set(history["note"]) == {"queue"}
    (live,) = result.live
    # 11 of 12 decided images of the log, 6 of which are cows as predicted, and the known cow.
    assert (live.reviewed, live.unsure, live.correct, live.groups) == (13, 1, 7, 7)
    assert live.accuracy.value == pytest.approx(7 / 12) and live.accuracy.low is None
    before = (tmp_path / "data" / ADDED_FILE).read_bytes()
    make_queue(opened, str(log), None, QueueSettings(again=True, limit=13, random_share=1))
    assert (tmp_path / "data" / ADDED_FILE).read_bytes() == before
    assert len(pupila.open(tmp_path / "data")) == 24 and opened.skipped.is_empty()


def test_the_random_part_is_unbiased_where_the_chosen_one_is_not() -> None:
    # A quarter is wrong, with low confidence, so that the other part is mostly wrong. What an earlier queue chose has
    # a label since; drawn without it, the random part would look too easy.
    wrong = [n % 4 == 0 for n in range(200)]
    images = [logged(record(b"%d" % n, n, confidence=0.6 if own else 0.95)) for n, own in enumerate(wrong)]
    is_wrong = {image.record.image: own for image, own in zip(images, wrong, strict=True)}

    def choose(seed: int, labelled: set[str]) -> tuple[list[str], list[str]]:
        chosen = choose_images(
            images, QueueSizes(40, 30, seed), labelled, lambda _: False, np.full(200, np.nan)
        )
        digests = [(image.record.image, part) for image, part in chosen]
        return [d for d, part in digests if part == "random"], [d for d, part in digests if part != "random"]

    _, labelled = choose(1000, set())
    assert np.mean([is_wrong[digest] for digest in labelled]) == 1
    shares = [np.mean([is_wrong[digest] for digest in choose(seed, set(labelled))[0]]) for seed in range(300)]
    # Hypergeometric: sd of a share sqrt(0.25 * 0.75 / 40 * 160 / 199) = 0.061, of the mean of 300 draws 0.0035.
    assert np.mean(shares) == pytest.approx(0.25, abs=0.014)
    assert np.std(shares) == pytest.approx(0.061, abs=0.01)


def test_the_live_accuracy_has_wilsons_interval_and_labels_are_not_asked_again(
    data: Dataset, tmp_path: Path
) -> None:
    wrong = [n % 4 == 0 for n in range(60)]
    records = write_log(tmp_path / "log", 60, start=5000, confidence=[0.6 if own else 0.95 for own in wrong])
    labels: dict[str, str | None] = {
        each.image: "dog" if own else "cow" for each, own in zip(records, wrong, strict=True)
    }
    label_all(
        data, make_queue(data, str(tmp_path / "log"), None, QueueSettings(limit=30, random_share=0.5)), labels
    )
    settings = QueueSettings(limit=60, random_share=1, again=True, seed=1)
    result = label_all(data, make_queue(reopen(data), str(tmp_path / "log"), None, settings), labels)
    (live,) = result.live
    assert (live.reviewed, live.correct, live.groups, live.accuracy.value) == (60, 45, 60, 0.75)
    # Wilson by hand: (45 + 1.92) / (60 + 3.84) -+ 1.96 * sqrt(45 * 15 / 60 + 0.96) / 63.84
    assert (live.accuracy.low, live.accuracy.high) == pytest.approx((0.6277, 0.8422), abs=1e-3)
    assert "0.750 (95 % CI 0.628 to 0.842, n = 60 images in 60 groups" in " ".join(describe_result(result))
    assert read_history(data.home)["sha256"].n_unique() == read_history(data.home).height
    (earlier,) = result.queue.previous
    assert [(live.reviewed, live.drawn) for live in earlier.live] == [(15, 15)]
    assert f"Queue of {earlier.time}, which was replaced: Live" in " ".join(describe_result(result))
    third = make_queue(reopen(data), str(tmp_path / "log"), None, QueueSettings(again=True))
    assert [each.live for each in third.previous] == [earlier.live, result.live]


def test_one_image_of_a_group_comes_before_the_second_one_of_any() -> None:
    # 300 photos of one object are the least confident and the most unlike, and all that customers corrected.
    series = [n < 300 for n in range(1000)]
    images = [
        logged(record(b"%d" % n, n, confidence=0.3 if own else 0.9, group="series" if own else ""))
        for n, own in enumerate(series)
    ]
    sizes, unlikeness = QueueSizes(1, 80, 0), np.where(series, 9.0, 1.0)
    chosen = choose_images(images, sizes, set(), lambda image: image.record.group == "series", unlikeness)
    assert [part for image, part in chosen if image.record.group and part != "random"] == ["corrected"]
    assert len({image.record.image for image, _ in chosen}) == 81
    alone = choose_images(images[:300], sizes, set(), lambda _: False, unlikeness[:300])
    assert len({image.record.image for image, _ in alone}) == 81  # where there is no other group


def test_each_model_version_has_its_own_accuracy(data: Dataset, tmp_path: Path) -> None:
    versions = ["a" * 64] * 12 + ["b" * 64] * 12
    records = write_log(tmp_path / "log", 24, model_version=versions)
    queue = make_queue(data, str(tmp_path / "log"), None, QueueSettings(limit=24, random_share=1))
    result = label_all(
        data, queue, {each.image: "cow" if each.model_version[0] == "b" else "dog" for each in records}
    )
    assert {live.model_version[0]: live.accuracy.value for live in result.live} == {"a": 0.0, "b": 1.0}


def test_an_image_that_comes_again_counts_for_every_model_that_predicted_it(
    data: Dataset, tmp_path: Path
) -> None:
    # Model a predicts 12 images, 6 of them wrongly; those come again after a swap, and b predicts them correctly.
    log = tmp_path / "log"
    predicted = [["dog"] if n < 6 else ["cow"] for n in range(12)]
    records = write_log(log, 12, predicted=predicted)
    write_log(log, 6, model_version=["b" * 64] * 6, request_id=[f"again{n}" for n in range(6)])
    queue = make_queue(data, str(log), None, QueueSettings(limit=12, random_share=1))
    result = label_all(data, queue, {each.image: "cow" for each in records})
    accuracies = {live.model_version[0]: (live.drawn, live.correct) for live in result.live}
    assert accuracies == {"a": (12, 6), "b": (6, 6)}


def test_feedback_is_about_the_prediction_of_its_request_and_by_token_and_person(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_log(log, 4, predicted=[["cow"]] * 4)
    later = [["dog"], ["dog"], ["cow"], ["dog"]]
    ids = [f"again{n}" for n in range(4)]
    write_log(log, 4, predicted=later, model_version=["b" * 64] * 4, request_id=ids)
    give(log, request_id="r0", correct=False)  # of a's cow; b's dog may be correct
    give(log, request_id="r1", correct=True)  # of a's cow, so b's dog is wrong
    give(log, request_id="r2", label="dog", token="t1")
    give(log, request_id="again2", correct=True, token="t2")  # a namesake with another token
    give(log, request_id="r3", label="cow")
    give(log, request_id="again3", correct=True)  # by the same person, later
    read = queue_log.read_log(str(log))
    labels = ClassifyReview.log_labels
    assert labels is not None
    proposals = {
        image.record.request_id: [
            (own.who, own.correct, own.label) for own in queues._read_proposals(image, labels)
        ]
        for image in read.stored.values()
    }
    assert proposals == {
        "again0": [],
        "again1": [("anna", None, "cow")],
        "again2": [("anna", None, "dog"), ("anna", True, None)],
        "again3": [("anna", True, None)],
    }
    corrected = [image.record.item for image in read.stored.values() if queues._is_corrected(image, labels)]
    assert len(corrected) == 2


def test_several_labels_are_compared_class_by_class(tmp_path: Path) -> None:
    data = pupila.open(write_several_labels(tmp_path / "data", 12))
    classes = data.classes
    predicted = [[classes[0]], []]
    outputs = [dict.fromkeys(classes, 0.2), dict.fromkeys(classes, 0.1)]
    write_log(tmp_path / "log", 2, predicted=predicted, outputs=outputs)
    give(tmp_path / "log", request_id="r1", label=[classes[1]])
    queue = make_queue(data, str(tmp_path / "log"), None, QueueSettings(limit=2, random_share=0.5))
    assert {json.loads(item.label)[classes[0]] for item in queue.items} == {0, 1}
    assert sorted(json.loads(queue.items[0].label)) == sorted(classes)


def test_what_has_no_queue_is_refused_in_words(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="No log in"):
        make_queue(data, str(tmp_path / "none"), None, QueueSettings())
    write_log(tmp_path / "empty", 3, file=["", "", ""])
    with pytest.raises(PupilaError, match="no image files to review: found 3 images"):
        make_queue(data, str(tmp_path / "empty"), None, QueueSettings())
    masks = pupila.open(write_scenes(tmp_path / "scenes", 3))
    with pytest.raises(PupilaError, match="has no masks to review"):
        make_queue(masks, str(tmp_path / "empty"), None, QueueSettings())
    write_log(tmp_path / "log", 3)
    same = QueueSettings(limit=9, random_share=0.4, seed=3)
    queue = make_queue(data, str(tmp_path / "log"), None, same)
    for resumed in (same, QueueSettings()):
        assert make_queue(data, str(tmp_path / "log"), None, resumed) == queue
    with pytest.raises(
        PupilaError, match=r"found limit 7, random_share 0\.2; expected limit 9, random_share 0\.4"
    ):
        make_queue(data, str(tmp_path / "log"), None, QueueSettings(limit=7, random_share=0.2, seed=3))


def test_other_bytes_under_the_name_of_a_stored_image_never_enter(data: Dataset, tmp_path: Path) -> None:
    first, second = write_log(tmp_path / "log", 2)
    (tmp_path / "log" / first.file).write_bytes(b"other")
    queue = make_queue(data, str(tmp_path / "log"), None, QueueSettings())
    assert [image.sha256 for image in read_added(data.home)] == [second.image]
    result = label_all(data, queue, {second.image: "dog"})
    assert result.missing == 1 and "1 image of the queue is no longer" in " ".join(describe_result(result))


def test_files_outside_the_logs_images_and_what_is_no_image_never_enter(
    data: Dataset, tmp_path: Path
) -> None:
    log, foreign = tmp_path / "log", tmp_path / "foreign"
    (good,) = write_log(log, 1)
    foreign.mkdir()
    contents = {name: encoded(photo(2000 + n)) for n, name in enumerate(("up", "below", "link"))}
    for name, content in contents.items():
        (foreign / name).write_bytes(content)
    contents["text"] = b"root:x:0:0:root"
    contents["cut"] = encoded(photo(2010))[:2000]
    for name in ("up", "below"):  # a namesake among the images
        (log / IMAGES_FOLDER / name).write_bytes(b"")
    (log / IMAGES_FOLDER / "folder").mkdir()
    (log / IMAGES_FOLDER / "folder" / "below").write_bytes(contents["below"])
    (log / IMAGES_FOLDER / "link").symlink_to(foreign / "link")
    for name in ("text", "cut"):
        (log / IMAGES_FOLDER / name).write_bytes(contents[name])
    files = {"up": "../../foreign/up", "below": "folder/below", "link": "link", "text": "text", "cut": "cut"}
    with (log / PREDICTIONS_FILE).open("a") as stream:
        for n, (name, file) in enumerate(files.items()):
            own = record(contents[name], 50 + n, file=f"{IMAGES_FOLDER}/{file}")
            stream.write(own.model_dump_json() + "\n")
    queue = make_queue(data, str(log), None, QueueSettings())
    assert [image.sha256 for image in read_added(data.home)] == [good.image]
    assert queue.added == 1 and queue.stored == 3  # those of the log's own files
    assert label_all(data, queue, {good.image: "cow"}).missing == 2


def test_two_queues_at_once_are_one_and_add_each_image_once(data: Dataset, tmp_path: Path) -> None:
    write_log(tmp_path / "log", 8)
    queues_: list[Queue] = []
    both = threading.Barrier(2)

    def choose() -> None:
        both.wait()
        queues_.append(make_queue(data, str(tmp_path / "log"), None, QueueSettings()))

    threads = [threading.Thread(target=choose) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queues_[0] == queues_[1] and queues_[0].added == 8
    assert len((tmp_path / "data" / ADDED_FILE).read_bytes().splitlines()) == 8


def test_the_command_prints_the_report_without_asking(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path / "log", 30)
    arguments = ["label", "queue", str(data.root), "--from", str(tmp_path / "log"), "--report"]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "The log has 30 images; 30 of them (100.0 %) are stored" in out
    assert "predicted from 2026-12-01T00:00:00.000+00:00 to 2026-12-01T00:00:29.000+00:00" in out
    assert "Reviewed: 0 of 30 images." in out and "no answers yet" in out
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"]["random"] == 20
    result = review_queue(data.root, log=tmp_path / "log", review=ReviewAt(report_only=True))
    assert len(describe_queue(result.queue)) == 4


def test_the_most_unlike_image_is_the_one_far_away() -> None:
    embeddings = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0], []]
    alone = measure_unlikeness(embeddings, None)
    assert np.isnan(alone[4]) and alone[:4].argmax() == 3
    # One reference image at the origin with a second one, sd 1 in both directions: distances by hand.
    reference = np.array([[0.0, 0.0], [2.0, 2.0]])
    against = measure_unlikeness([[0.0, 0.0], [2.0, 4.0]], reference)
    assert against == pytest.approx([np.sqrt(8) / 2, (np.sqrt(20) + 2) / 2])
    assert np.isnan(measure_unlikeness([[1.0]], reference)).all()


def test_unsure_answers_are_counted_where_there_are_no_others(data: Dataset, tmp_path: Path) -> None:
    records = write_log(tmp_path / "log", 7)
    queue = make_queue(data, str(tmp_path / "log"), None, QueueSettings(random_share=1))
    text = " ".join(describe_result(label_all(data, queue, dict.fromkeys(each.image for each in records))))
    assert "unknown, as all 7 reviewed images are unsure" in text and "no answers" not in text


def test_images_that_are_gone_are_not_said_to_have_never_been_stored(data: Dataset, tmp_path: Path) -> None:
    for own in write_log(tmp_path / "log", 3):
        (tmp_path / "log" / own.file).unlink()
    with pytest.raises(
        PupilaError, match="are gone: found 3 images in the log, and no file of them"
    ) as refused:
        make_queue(data, str(tmp_path / "log"), None, QueueSettings())
    assert "--keep-images " not in str(refused.value)


def test_what_was_copied_is_printed_before_the_address(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path / "log", 3)
    monkeypatch.setattr(queues, "run_local", lambda make, port, ready: ready("http://page"))
    assert run(["label", "queue", str(data.root), "--from", str(tmp_path / "log")]) == 0
    out = capsys.readouterr().out
    first = out.index("3 images were new to the data set, and were copied into pupila-images.")
    assert first < out.index("http://page") < out.index("Reviewed: 0 of 3 images.")
    assert out.count("Queue: 3 images") == 1
