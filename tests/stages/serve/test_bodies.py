"""The three forms of a request with an image, overlays and boxes, as a front-end developer uses them."""

import http.client
import io
import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

import pupila
from pupila.artifacts.web.app import App
from pupila.artifacts.web.description import EXAMPLE_IMAGE
from pupila.artifacts.web.reasons import STATUS
from pupila.artifacts.web.refusals import Problem
from pupila.imaging.masks.codec import decode_png
from pupila.imaging.masks.drawing import overlay
from pupila.learning.models.settings import ClassifierSettings
from pupila.stages.serve.app import make_service
from pupila.stages.serve.prompt import EXAMPLE, PromptResponse
from pupila.stages.serve.settings import ServeSettings
from pupila.stages.serve.shapes import RESPONSE_FORMATS
from tests.colours import plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded, photo
from tests.stages.predict.test_prompt import scene as pointed_scene
from tests.stages.predict.test_segment import expected_mask, scene
from tests.stages.serve.test_segment import click
from tests.stages.serve.test_service import form, send_request
from tests.untrained import draw_network, write_network

PHOTO = encoded(photo(5, 300, 200), "JPEG")
RED = encoded(plain(255, 0, 0))
SCENE = encoded(scene())
POINTED = encoded(pointed_scene())
JSON = {"Content-Type": "application/json"}
Sent = tuple[bytes, dict[str, str]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a service for each kind of model."""
    folder = tmp_path_factory.mktemp("served")
    tiny = ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
    bundles = {
        "colours": write_colours(folder / "colours"), "masks": write_painted(folder / "masks"),
        "prompts": write_pointing(folder / "prompts"),
        "network": write_network(folder / "network", draw_network("classify", tiny, 96, seed=3)),
    }  # fmt: skip
    services = {name: pupila.serve(bundle.folder, threads=1) for name, bundle in bundles.items()}
    yield {name: service.url.removeprefix("http://") for name, service in services.items()}
    for service in services.values():
        service.stop()


def as_json(**fields: Any) -> Sent:
    return json.dumps(fields).encode(), JSON


def text(data: bytes) -> str:
    return b64encode(data).decode()


def stripped(response: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from request to request."""
    return {
        name: field
        for name, field in response.items()
        if name not in ("request_id", "processing_time", "encoded")
    }


def ask(server: str, path: str, sent: Sent, **headers: str) -> tuple[int, Any]:
    status, body, _ = send_request(server, "POST", path, sent[0], {**sent[1], **headers})
    return status, body


def picture(server: str, path: str, sent: Sent) -> Any:
    """The pixels of a PNG."""
    request = Request(f"http://{server}{path}", sent[0], {**sent[1], "Accept": "image/png"})
    with urlopen(request) as response:
        assert (response.headers["content-type"], response.headers["vary"]) == ("image/png", "accept")
        return np.asarray(Image.open(io.BytesIO(response.read())))


@pytest.mark.parametrize(
    ("model", "image"), [("colours", PHOTO), ("masks", SCENE), ("network", PHOTO), ("colours", RED)]
)
def test_the_three_forms_have_one_prediction(servers: dict[str, str], model: str, image: bytes) -> None:
    bodies: list[Sent] = [
        form(("x", image)), (image, {"Content-Type": "image/jpeg"}),
        (image, {"Content-Type": "application/octet-stream"}),
        as_json(image=text(image)), as_json(image=f"data:image/png;base64,{text(image)}"),
    ]  # fmt: skip
    responses = [ask(servers[model], "/predict/single", sent) for sent in bodies]
    assert [status for status, _ in responses] == [200] * 5
    assert all(stripped(body) == stripped(responses[0][1]) for _, body in responses)
    several = [
        form(("", image), field="files"),
        (image, {"Content-Type": "image/png"}),
        as_json(images=[text(image)]),
    ]
    batches = [ask(servers[model], "/predict/batch", sent)[1]["items"] for sent in several]
    assert all(stripped(item["result"]) == stripped(responses[0][1]) for (item,) in batches)


def test_a_prompt_has_one_mask_in_the_three_forms(servers: dict[str, str]) -> None:
    point = "%5B%5B9.5,5.5%5D%5D"
    bodies = {
        "/segment": [
            click(POINTED, points="[[9.5, 5.5]]"),
            as_json(image=text(POINTED), points=[[9.5, 5.5]]),
        ],
        f"/segment?points={point}": [(POINTED, {"Content-Type": "image/png"})],
    }
    first, *others = [
        stripped(ask(servers["prompts"], path, sent)[1])
        for path, several in bodies.items()
        for sent in several
    ]
    assert first["share"] == 0.125 and others == [first, first]
    again = as_json(image_id=first["image_id"], points=[[9.5, 5.5]], box=None)
    assert stripped(ask(servers["prompts"], "/segment", again)[1]) == first
    assert stripped(
        ask(servers["prompts"], f"/segment?points={point}&image_id={first['image_id']}", (b"", {}))[1]
    ) == first  # fmt: skip


def test_one_bad_text_of_a_batch_gets_an_error(servers: dict[str, str]) -> None:
    sent = as_json(images=[text(RED), "QQ=", "data:image/png,x", text(b"<html>"), text(RED), 5, {}])
    status, body = ask(servers["colours"], "/predict/batch", sent)
    codes = [item["error"] and item["error"]["code"] for item in body["items"]]
    invalid = "invalid-base64"
    assert (status, codes) == (200, [None, invalid, invalid, "not-an-image", None, invalid, invalid])
    assert body["items"][5]["error"]["reason"] == "5 is no text"


def test_a_large_image_in_json_is_refused_with_the_size_of_an_image(tmp_path: Path) -> None:
    with pupila.serve(write_colours(tmp_path / "b").folder, max_bytes=100_000, threads=1) as service:
        server = service.url.removeprefix("http://")
        single = ask(server, "/predict/single", as_json(image="A" * 1_500_000))
        batch = ask(server, "/predict/batch", as_json(images=["A" * 1_500_000]))
    assert (single[0], single[1]["remedy"]) == (413, "send an image of at most 100000 bytes")
    assert (batch[0], batch[1]["remedy"]) == (413, "send the images as a multipart form")


def test_an_overlay_is_the_image_with_its_mask(servers: dict[str, str]) -> None:
    path = "/predict/single?overlay=true"
    assert (picture(servers["masks"], path, form(("x", SCENE))) == overlay(scene(), expected_mask(), 3)).all()
    drawn = picture(servers["prompts"], "/segment?overlay=true", click(POINTED, points="[[9.5, 5.5]]"))
    assert drawn.shape == pointed_scene().shape and (drawn != pointed_scene()).any()
    body, headers = SCENE, {"Accept": "image/png", "Content-Type": "image/png"}
    with urlopen(Request(f"http://{servers['masks']}/predict/single", body, headers)) as mask:
        assert (
            decode_png(mask.read()) == expected_mask()
        ).all()  # without overlay the mask itself, as before


def test_an_overlay_of_a_class_is_its_heat_map(servers: dict[str, str]) -> None:
    drawn = picture(servers["network"], "/predict/single?overlay=true&explain=true", form(("x", PHOTO)))
    rgb = np.asarray(Image.open(io.BytesIO(PHOTO)))
    assert drawn.shape == rgb.shape
    coloured = (drawn.max(axis=2).astype(int) - drawn.min(axis=2)) > 40  # grey but for the evidence
    assert 0 < coloured.mean() < 1
    large = encoded(plain(200, 100, 50, side=2000)[:1500], "JPEG")
    path = "/predict/single?overlay=true&explain=true"
    assert picture(servers["network"], path, form(("x", large))).shape == (1200, 1600, 3)


@pytest.mark.parametrize(
    ("model", "path", "accept", "expected"),
    [
        ("masks", "/predict/single?overlay=true", "application/json", "the header Accept: image/png"),
        ("colours", "/predict/single?overlay=true", "image/png", "explain=true"),
        ("masks", "/predict/batch?overlay=true", "image/png", "/predict/single"),
        ("colours", "/predict/single?boxes=true", "*/*", "a model of masks"),
        ("masks", "/predict/single?boxes=true", "image/png", "Accept: application/json"),
        ("prompts", "/segment?overlay=true&points=%5B%5B1,1%5D%5D", "*/*", "the header Accept: image/png"),
        ("prompts", "/segment?boxes=true", "*/*", "file, image_id, points"),
    ],
)  # fmt: skip
def test_an_option_without_effect_is_refused(
    servers: dict[str, str], model: str, path: str, accept: str, expected: str
) -> None:
    status, body = ask(servers[model], path, (SCENE, {"Content-Type": "image/png"}), Accept=accept)
    assert (status, body["type"]) == (422, "urn:pupila:problem:invalid-request")
    assert expected in body["expected"]


def test_an_overlay_of_an_image_that_is_not_sent_is_refused(servers: dict[str, str]) -> None:
    sent = as_json(image_id="a" * 64, points=[[1, 1]], overlay=True)
    status, body = ask(servers["prompts"], "/segment", sent, Accept="image/png")
    assert (status, body["expected"]) == (422, "the image instead of its image_id")


def test_boxes_are_those_of_the_regions(servers: dict[str, str]) -> None:
    _, body = ask(servers["masks"], "/predict/single", as_json(image=text(SCENE), boxes=True))
    assert body["boxes"] == {
        "red": [[0, 0, 30, 17], [7, 6, 9, 8]], "green": [[5, 4, 11, 10], [20, 2, 22, 3]], "blue": [[0, 17, 30, 20]],
    }  # fmt: skip
    assert ask(servers["masks"], "/predict/single", as_json(image=text(SCENE)))[1]["boxes"] is None


def test_a_heic_without_the_extra_is_a_415_that_names_it(
    servers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
    for sent in (
        (heic, {"Content-Type": "image/heic"}),
        as_json(image=f"data:image/heic;base64,{text(heic)}"),
    ):
        status, body = ask(servers["colours"], "/predict/single", sent)
        assert (status, body["type"].rpartition(":")[2]) == (415, "missing-extra")
        assert "pupila[heif]" in body["actual"]


def paths(app: App) -> dict[str, set[str]]:
    return {getattr(route, "path", ""): getattr(route, "methods", set()) for route in app.router.routes}


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, App]:
    folder = tmp_path_factory.mktemp("apps")
    bundles = {"colours": write_colours, "masks": write_painted, "prompts": write_pointing}
    return {
        name: make_service(write(folder / name), ServeSettings(threads=1)) for name, write in bundles.items()
    }


@pytest.mark.parametrize("model", ["colours", "masks", "prompts"])
def test_every_route_has_options_and_every_get_a_head(
    servers: dict[str, str], apps: dict[str, App], model: str
) -> None:
    routes = paths(apps[model])
    assert {"/", "/docs", "/openapi.json", "/health", "/model/info"} < set(routes)
    for path, methods in routes.items():
        status, headers = head(servers[model], "OPTIONS", path)
        expected = {"OPTIONS", *methods, *(["HEAD"] if "GET" in methods else [])}
        assert (status, set(headers["allow"].split(", "))) == (204, expected)
        status, headers = head(servers[model], "DELETE", path)
        assert (status, set(headers["allow"].split(", "))) == (405, expected)
        if "GET" in methods:
            got, known = head(servers[model], "HEAD", path), head(servers[model], "GET", path)
            assert (got[0], got[1]["content-type"]) == (200, known[1]["content-type"])
            assert int(got[1]["content-length"]) > 0
    assert head(servers[model], "OPTIONS", "/nothing")[0] == 404


def head(server: str, method: str, path: str) -> tuple[int, dict[str, str]]:
    """Status and headers."""
    connection = http.client.HTTPConnection(server, timeout=60)
    connection.request(method, path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.parametrize("model", ["colours", "masks", "prompts"])
def test_the_description_is_valid_and_its_examples_are_true(
    servers: dict[str, str], apps: dict[str, App], model: str
) -> None:
    described = apps[model].openapi()
    OpenAPIV31SpecValidator(described).validate()
    for reason, example in described["components"]["examples"].items():
        assert Problem.model_validate(example["value"]).status == STATUS[reason]
    routes = 0
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert {"400", "401", "403", "429", "500", "503"} <= set(operation["responses"])
            content = operation.get("requestBody", {}).get("content", {})
            if path == "/feedback":  # it needs a log: see test_feedback
                continue
            for example in content.get("application/json", {}).get("examples", {}).values():
                assert ask(servers[model], path, as_json(**example["value"]))[0] == 200
                assert set(content) == {
                    "multipart/form-data",
                    "application/json",
                    "image/*",
                    "application/octet-stream",
                }
                assert operation["responses"]["200"]["content"]["application/json"]["example"]
                routes += 1
    assert routes == (1 if model == "prompts" else 2)


def test_the_examples_of_responses_are_responses() -> None:
    for response_format in RESPONSE_FORMATS.values():
        response_format.model.model_validate(response_format.example)
        assert set(response_format.example) <= set(response_format.model.model_fields)
    PromptResponse.model_validate(EXAMPLE)
    assert EXAMPLE_IMAGE.startswith("data:image/png;base64,")


def test_the_page_loads_nothing_and_runs_only_its_own_script(servers: dict[str, str]) -> None:
    with urlopen(f"http://{servers['masks']}/docs") as response:
        page, policy = response.read().decode(), response.headers["content-security-policy"]
    own = f"http://{servers['masks']}/"
    addresses = re.findall(r"https?://[^\s'\"<]*", page)
    assert len(addresses) > 5 and all(address.startswith(own) for address in addresses)
    assert not re.search(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page)
    assert not re.search(r"\son\w+=|style=|javascript:", page)
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    for path in ("/predict/single", "/predict/batch", "/health", "/model/info"):
        assert f'id="{path}"' in page
    assert all(f'id="{reason}"' in page for reason in STATUS)
    names = re.findall(r'href="#([^"]+)"', page)
    assert len(names) > 50 and set(names) <= set(re.findall(r'id="([^"]+)"', page))
    for hostile in ("<script>alert(1)</script>", '"><img src=x>'):
        sent = Request(f"{own}docs", headers={"Host": hostile})
        with urlopen(sent) as response:
            assert hostile not in response.read().decode()


def test_the_first_page_says_what_this_is_and_no_more(servers: dict[str, str]) -> None:
    status, body, _ = send_request(servers["colours"], "GET", "/")
    assert (status, body) == (200, {
        "service": "Pupila", "version": pupila.__version__, "status": "ok", "documentation": "/docs",
        "description": "/openapi.json", "health": "/health",
    })  # fmt: skip
    with urlopen(
        Request(f"http://{servers['colours']}/", headers={"Accept": "text/html,*/*;q=0.8"})
    ) as response:
        page = response.read().decode()
    assert 'href="docs"' in page and pupila.__version__ in page and "colours" not in page


def test_a_body_of_another_type_says_how_to_send_an_image(servers: dict[str, str], tmp_path: Path) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}  # curl's, where --data-binary has no type
    status, body = ask(servers["colours"], "/predict/single", (RED, kind))
    assert (status, body["type"]) == (415, "urn:pupila:problem:unsupported-media-type")
    assert body["remedy"] == (
        "send the image as multipart field 'file', as a raw image body, or as JSON {\"image\": base64}"
    )
