"""One image and many, with a service that is written by hand."""

import html
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pupila.api.client_calls import ServedModel
from pupila.artifacts.web.client_errors import RefusedRequest, ServiceError, ServiceUnreachable
from pupila.core.errors import PupilaError
from pupila.imaging.images.budget import budget, set_decode_memory
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.images.heat import FOR, heat_layer
from pupila.imaging.masks.drawing import mask_layer
from pupila.stages.page import single
from pupila.stages.page.feedback import find_choices, find_controls, send
from pupila.stages.page.folder import drop_old
from pupila.stages.page.many import BATCH, predict_many
from pupila.stages.page.markup import describe_error, draw_verdict
from pupila.stages.page.status import describe_health, describe_model
from pupila.stages.page.uploads import Upload, check_upload, take
from pupila.stages.page.views import find_view
from pupila.tasks.classify import ClassPrediction
from pupila.tasks.prompt import PromptPrediction
from tests.colours import info, plain
from tests.pictures import encoded

PHOTO = encoded(plain(255, 0, 0))


def refuse(reason: str, status: int = 400) -> ServiceError:
    return ServiceError("No", "why", "", "", RefusedRequest(status, "r", reason))


@dataclass
class Service:
    """Records what it is asked; `faults` are raised first, one for each call."""

    task: str = "classify"
    faults: list[PupilaError] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    url: str = "http://127.0.0.1:1"
    readiness: Any = None
    drifting: Any = None

    def info(self) -> Any:
        return SimpleNamespace(task=self.task, classes=["a", "b"])

    def ready(self) -> Any:
        self._fail()
        return self.readiness

    def drift(self) -> Any:
        self._fail()
        return self.drifting

    def feedback(self, prediction: Any, **given: Any) -> None:
        self.calls.append(given)

    def predict(self, image: Any, *, explain: bool = False, group: str = "") -> Any:
        self.calls.append({"explain": explain, "group": group})
        self._fail()
        return self._wrap(ClassPrediction("<b>", 0.9, {"<b>": 0.9, "a": 0.1}, True, np.zeros(0)))

    def predict_batch(self, images: Any, *, group: str = "") -> Any:
        self.calls.append({"images": len(images), "group": group})
        self._fail()
        good = ClassPrediction("a", 0.9, {"a": 0.9, "b": 0.1}, False, np.zeros(0))
        return [
            self._wrap(good) if data == PHOTO else SimpleNamespace(value=None, fault=ImageFault("truncated", "cut"))
            for data in images
        ]  # fmt: skip

    def segment(self, image: Any = None, *, image_id: str | None = None, **prompt: Any) -> Any:
        self.calls.append({"image": image is not None, "image_id": image_id})
        self._fail()
        return self._wrap(PromptPrediction(np.eye(16, dtype=np.uint8), 0.8, 0.1, 0.9, False))

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    def _wrap(self, value: Any) -> Any:
        return SimpleNamespace(
            value=value, abstained=value.abstained, request_id=f"r{len(self.calls)}", image_id="i",
            processing_time=0.01, response=SimpleNamespace(),
        )  # fmt: skip


def open_photo(service: Service, data: bytes = PHOTO) -> single.Shown:
    return single.open_image(service, Upload("a.png", data), ImageLimits())


def test_a_model_without_heat_maps_predicts_and_says_so() -> None:
    service = Service(faults=[refuse("no-heat-map")])
    result = single.predict(service, open_photo(service), True, "lamp")
    assert service.calls == [{"explain": True, "group": "lamp"}, {"explain": False, "group": "lamp"}]
    assert "no heat map" in result.verdict and "abstains" in result.verdict
    assert "<b>" not in result.verdict + result.details and "&lt;b&gt;" in result.details


def test_the_second_click_sends_no_image_unless_it_is_forgotten() -> None:
    service = Service("prompt")
    shown = open_photo(service)
    layers = [single.segment(service, shown, {"points": [[1, 2]]}).layer for _ in range(2)]
    service.faults = [refuse("unknown-image-id")]
    single.segment(service, shown, {"points": [[1, 2]]})
    first, later = {"image": True, "image_id": None}, {"image": False, "image_id": "i"}
    assert service.calls == [first, later, later, first]
    assert layers[0] != layers[1]  # or the page would not notice the second


def test_other_refusals_and_other_files_are_errors() -> None:
    service = Service(faults=[refuse("queue-full")])
    with pytest.raises(ServiceError):
        single.predict(service, open_photo(service), True)
    with pytest.raises(PupilaError, match="can't be used"):
        open_photo(service, b"hello")
    with pytest.raises(PupilaError, match="does not know"):
        open_photo(Service("detect"))


def write_files(folder: Path, contents: list[bytes]) -> list[str]:
    paths = []
    for number, data in enumerate(contents):
        own = folder / str(number)
        own.mkdir()
        (own / f"{number}.png").write_bytes(data)
        paths.append(str(own / f"{number}.png"))
    return paths


def test_many_images_come_in_parts_and_are_deleted(tmp_path: Path) -> None:
    service = Service()
    paths = write_files(tmp_path, [PHOTO] * BATCH + [b"no", PHOTO])
    *progress, result = predict_many(service, paths, 100, "lamp")
    assert service.calls == [{"images": BATCH, "group": "lamp"}, {"images": 2, "group": "lamp"}]
    assert f"value='{BATCH}'" in progress[-1]
    assert "17 predictions, 1 error" in result and "cut" in result
    assert not list(tmp_path.iterdir())


def test_only_regular_files_of_the_folder_are_uploads(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    [good] = write_files(folder, [PHOTO])
    [secret] = write_files(tmp_path, [PHOTO])
    (folder / "link").symlink_to(secret)
    (folder / "within").symlink_to(good)
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "pipe")
    assert check_upload(good, folder) == good and take(good).data == PHOTO
    names = ("link", "within", "circle", "pipe", "none", "../0/0.png", "")
    paths: list[Any] = [f"{folder}/{name}" for name in names]
    paths += [
        good,
        secret,
        "/dev/zero",
        f"{secret}\0",
        Path(secret).as_uri(),
        "http://host.invalid/a.png",
        None,
    ]
    for path in paths:
        with pytest.raises(PupilaError, match="no longer here"):
            check_upload(path, folder)
    assert Path(secret).exists()


def test_a_file_that_another_visitor_used_up_is_an_error_of_its_own(tmp_path: Path) -> None:
    paths = write_files(tmp_path, [PHOTO, PHOTO])
    take(paths[0])
    with pytest.raises(PupilaError, match="no longer here"):
        take(paths[0])
    *_, result = predict_many(Service(), paths, 100)
    assert "1 prediction, 1 error" in result and "The file is no longer here" in result


def test_an_upload_that_goes_while_old_ones_are_searched_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = write_files(tmp_path, [PHOTO])
    os.utime(path, (0, 0))
    monkeypatch.setattr(Path, "rglob", lambda *_: [Path(path)])
    monkeypatch.setattr(Path, "is_file", lambda file: file.unlink() is None)
    drop_old(tmp_path, 1)


def test_a_picture_waits_for_memory_and_then_says_so() -> None:
    set_decode_memory(10_000_000, strict=True, patience=0.01)
    try:
        assert open_photo(Service()).picture.width == 16
        taken = budget().take(10_000_000)
        with pytest.raises(PupilaError, match="No memory for"):
            open_photo(Service())
        budget().give_back(taken)
        with pytest.raises(PupilaError, match="can't be used") as fault:
            open_photo(Service(), encoded(plain(255, 0, 0, side=2000)))
        assert "the limit is" in fault.value.actual
    finally:
        set_decode_memory(None)


def test_a_file_that_is_chosen_several_times_has_as_many_rows(tmp_path: Path) -> None:
    *_, result = predict_many(Service(), write_files(tmp_path, [PHOTO]) * (BATCH + 2), 100)
    assert f"{BATCH + 2} predictions" in result and not list(tmp_path.iterdir())


def test_a_part_that_fails_leaves_the_others(tmp_path: Path) -> None:
    service = Service(faults=[refuse("queue-full")])
    *_, result = predict_many(service, write_files(tmp_path, [PHOTO] * (BATCH + 1)), 100)
    assert "1 prediction, 16 errors" in result and len(service.calls) == 2


def test_a_service_that_stops_is_not_asked_again(tmp_path: Path) -> None:
    service = Service(faults=[ServiceUnreachable("Gone")])
    *_, result = predict_many(service, write_files(tmp_path, [PHOTO] * (3 * BATCH)), 100)
    assert "0 predictions, 48 errors" in result and len(service.calls) == 1


@pytest.mark.parametrize(
    ("task", "most", "message"), [("prompt", 9, "needs a prompt"), ("classify", 1, "Too many")]
)
def test_refused_uploads_are_deleted_too(tmp_path: Path, task: str, most: int, message: str) -> None:
    [result] = predict_many(Service(task), write_files(tmp_path, [PHOTO] * 2), most)
    assert message in result and not list(tmp_path.iterdir())


def test_an_unreachable_service_is_described_with_a_remedy() -> None:
    text = describe_health(Service(faults=[ServiceUnreachable("Can't reach <it>")]))
    assert "reach &lt;it&gt;" in text and "pupila serve BUNDLE" in text


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ("ready", None, "The service is ready."),
        ("not-ready", "draining", "The service is stopping."),
        ("not-ready", "swap-failed", "an earlier one serves"),
        ("not-ready", "<new>", "not ready: &lt;new&gt;."),
    ],
)
def test_readiness_has_its_reason(status: str, reason: str | None, message: str) -> None:
    drift = SimpleNamespace(status="quiet", groups=0)
    service = Service(
        readiness=SimpleNamespace(status=status, reason=reason, model_version="v"), drifting=drift
    )
    assert message in describe_health(service)


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        (SimpleNamespace(status="quiet", groups=0), "too few images so far"),
        (SimpleNamespace(status="quiet", groups=1), "no sign of drift in 1 group of images"),
        (SimpleNamespace(status="alarm", groups=9, alarm_at=7), "from group 7 on they no longer look like"),
        (SimpleNamespace(status="no-reference"), "has no reference"),
        (refuse("not-found", 404), "the service records no predictions"),
        (refuse("forbidden", 403), "lacks the scope metrics"),
        (refuse("queue-full", 503), "No."),
    ],
)
def test_health_says_whether_the_images_drift(
    drift: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(
        readiness=SimpleNamespace(status="ready", reason=None, model_version="v"), drifting=drift
    )
    if isinstance(drift, PupilaError):
        monkeypatch.setattr(service, "drift", Service(faults=[drift]).drift)
    assert message in describe_health(service)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("classify", (True, True, False)),
        ("multilabel", (True, False, True)),
        ("segment", (True, False, False)),
        ("prompt", (True, False, False)),
    ],
)
def test_feedback_has_the_controls_of_the_task(task: str, expected: tuple[bool, bool, bool]) -> None:
    info = SimpleNamespace(task=task, classes=["a", "b"], takes_feedback=True)
    assert find_controls(info) == (*expected, ["a", "b"])
    assert find_controls(SimpleNamespace(task=task, classes=[]))[:3] == (False, False, False)


def test_layers_are_transparent_where_nothing_is_shown() -> None:
    mask = mask_layer(np.array([[0, 1, 255]], np.uint8), 2)
    assert mask[0, :, 3].tolist() == [0, 255, 0]
    assert mask_layer(np.array([[0, 255]], np.uint8), 3)[0, :, 3].tolist() == [255, 0]
    heat = heat_layer(np.array([[0.0, 1.0, -0.5]]), 1.0)
    assert heat[0, :, 3].tolist() == [0, 255, 128] and heat[0, 1, :3].tolist() == [*FOR]
    assert not heat_layer(np.ones((2, 2)), 0.0)[..., 3].any()


def test_the_card_has_no_html_and_no_link_of_a_class_name() -> None:
    names = ["<form action=http://host.invalid>", "[a](http://host.invalid)", "www.host.invalid"]
    fields = info(classes=names, made_by="x@host.invalid").model_dump(by_alias=True)
    card, _ = describe_model(ServedModel.model_validate({**fields, "model_version": "v"}))
    assert "host.invalid" in card
    assert not re.search(r"[<\[@`]|://|www\.", card)
    assert names[0] in html.unescape(card)


def test_a_newer_task_names_no_folder_of_the_server() -> None:
    with pytest.raises(PupilaError, match="ask who runs this page"):
        find_view("detect")


@pytest.mark.parametrize(
    ("correct", "label", "message", "sent"),
    [
        (False, "a", "recorded as wrong, and as right: a.", [{"correct": False, "label": "a", "who": None}]),
        (False, None, "recorded as wrong.", [{"correct": False, "label": None, "who": None}]),
        (True, "<b>", "recorded as right.", [{"correct": True, "label": "<b>", "who": None}]),
        (True, "a", "press Wrong", []),
        (False, ["<b>"], "press Right", []),
    ],
)
def test_feedback_agrees_with_itself_and_repeats_the_class(
    correct: bool, label: Any, message: str, sent: list[Any]
) -> None:
    service = Service()
    shown = open_photo(service)
    single.predict(service, shown, False)
    service.calls.clear()
    assert message in send(service, shown, correct, label, None)
    assert service.calls == sent


def test_the_predicted_class_is_no_choice_where_it_is_wrong() -> None:
    service = Service()
    shown = open_photo(service)
    assert find_choices(None) == [] and find_choices(shown) == ["a", "b"]
    shown.prediction = service._wrap(ClassPrediction("a", 0.9, {"a": 0.9, "b": 0.1}, False, np.zeros(0)))
    assert find_choices(shown) == ["b"]


def test_a_refused_token_is_the_business_of_who_runs_the_page() -> None:
    text = describe_error(
        ServiceError("No", "", "", "curl -H ...", RefusedRequest(401, "r", "unauthenticated"))
    )
    assert "ask who runs this page" in text and "curl" not in text


def test_a_name_is_escaped() -> None:
    assert "<img" not in draw_verdict("<img src=x>", "<img src=x>", False)
