"""The page in Chromium: uploads, clicks at every zoom and orientation, keyboard, phone, faults, login."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import pupila
from pupila.artifacts.web.login import set_login
from tests.colours import plain, write_colours, write_pointing
from tests.pictures import encoded
from tests.stages.page.pages import Page, read_log, run_browser, run_pages

PASSWORD = "correct horse"
NAMES = ["red", "green", "blue"]
TABS = ["One image", "Many images", "Model", "Health"]


@dataclass(frozen=True, slots=True)
class Site:
    """A browser, the pages, and the services behind them."""

    browser: Any
    colours: Page  # classes, with feedback, behind a login
    pointing: Page  # prompts
    log: Path  # of predictions and feedback
    services: dict[str, Any]
    bundle: str
    foreign: list[str]  # requests of the browser to other hosts


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    bundle = write_colours(folder / "colours", scale=4).folder
    pointing = write_pointing(folder / "pointing").folder
    logins, log = folder / "logins.txt", folder / "log"
    set_login(str(logins), "ana", PASSWORD)
    services = {
        "colours": pupila.serve(bundle, log_predictions=str(log)),
        "pointing": pupila.serve(pointing, log_predictions=str(folder / "more")),
    }
    commands = (
        (services["colours"].url, "--login", str(logins), "--trusted-proxy", "127.0.0.1"),
        (services["pointing"].url,),
    )
    with run_pages(folder, *commands) as pages, run_browser() as browser:
        yield Site(browser, pages[0], pages[1], log, services, bundle, [])
    for service in services.values():
        service.stop()


@contextmanager
def open_page(
    site: Site, page: Page, width: int = 1000, zoom: float = 1.0, login: bool = True
) -> Iterator[Any]:
    """A tab at this width, logged in; `zoom` does to the page what a browser's does: fewer, larger CSS pixels."""
    size = {"width": round(width / zoom), "height": round(800 / zoom)}
    context = site.browser.new_context(viewport=size, device_scale_factor=zoom, accept_downloads=True)
    faults: list[str] = []
    tab = context.new_page()
    tab.set_default_timeout(15_000)
    tab.on("pageerror", lambda fault: faults.append(str(fault)))

    def note(request: Any) -> None:
        if not request.url.startswith((page.url, "data:", "blob:")):
            site.foreign.append(request.url)

    tab.on("request", note)
    try:
        if login and page is site.colours:
            form = {
                "form": {"name": "ana", "password": PASSWORD},
                "headers": {"origin": page.url.rstrip("/")},
            }
            assert context.request.post(page.url + "login", **form).ok
        tab.goto(page.url)
        yield tab
    finally:
        context.close()
    assert not faults and not site.foreign


def upload(tab: Any, *contents: tuple[str, bytes], place: str = "#pp-file") -> None:
    payload = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in contents
    ]
    tab.set_input_files(f"{place} input[type=file]", payload)


def headline(tab: Any, text: str) -> None:
    tab.wait_for_function(
        "text => document.querySelector('.pp-headline')?.innerText.includes(text)", arg=text
    )


def test_one_image_its_feedback_and_no_trace_of_it(site: Site) -> None:
    with open_page(site, site.colours) as tab:
        tab.get_by_label("Heat map").check()
        upload(tab, ("röt.png", encoded(plain(255, 0, 0))))
        headline(tab, "red (96.5 %)")
        assert "no heat map" in tab.inner_text(".pp-verdict")
        names = tab.locator(".pp-figures th").all_inner_texts()
        assert names[0] == "red" and sorted(names) == sorted(NAMES)
        places = [
            tab.locator(part).bounding_box()["y"] for part in (".pp-verdict", ".pp-image", ".pp-figures")
        ]
        assert places == sorted(places)
        tab.get_by_label("the right class").click()
        tab.get_by_role("option", name="blue").wait_for()
        assert sorted(tab.get_by_role("option").all_inner_texts()) == ["blue", "green"]
        tab.get_by_role("option", name="blue").click()
        tab.get_by_role("button", name="Right", exact=True).click()
        tab.wait_for_selector("#pp-feedback >> text=Right, with other classes")
        tab.get_by_role("button", name="Wrong", exact=True).click()
        tab.wait_for_selector("#pp-feedback >> text=recorded as wrong, and as right: blue.")
    [record] = read_log(site.log / "feedback.jsonl", "blue", 1)
    assert {"correct": False, "label": "blue"}.items() <= record.items()
    assert site.colours.stored_bytes() == 0


def test_many_images_one_bad_file_and_no_formula(site: Site) -> None:
    good = [(f"{name}.png", encoded(plain(*(255 * (name == each) for each in NAMES)))) for name in NAMES]
    more = [(f"more {n}.png", good[0][1]) for n in range(20)]
    files = [*good, *more, ("=SUM(1).png", good[2][1]), ("a.txt", b"hello")]
    with open_page(site, site.colours) as tab:
        tab.get_by_role("tab", name="Many images").click()
        tab.get_by_role("textbox", name="Related images").fill("lamp 7")
        upload(tab, *files, place="#pp-files")
        tab.wait_for_function(
            "() => document.querySelector('#pp-many .pp-headline')?.innerText === '24 predictions, 1 error'"
        )
        assert "a.txt\tnot an image" in tab.locator(".pp-table").first.inner_text()
        assert "red\t21 images" in tab.inner_text("#pp-many .pp-facts")
        with tab.expect_download() as download:
            tab.click("text=Download as CSV")
        lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert lines[0] == "file,prediction,confidence,abstained,error"
    assert [line.split(",")[1] for line in lines[1:4]] == NAMES
    groups = [record["group"] for record in read_log(site.log / "predictions.jsonl", "lamp 7", 24)]
    assert groups == ["lamp 7"] * 24
    assert len(lines) == 26 and not any(line.startswith("=") for line in lines)
    assert site.colours.stored_bytes() == 0


def oriented(orientation: int) -> bytes:
    """A photo whose upright picture, 120 x 80, is blue with a red patch at 72..108 x 8..32."""
    upright = np.full((80, 120, 3), (0, 0, 255), np.uint8)
    upright[8:32, 72:108] = (255, 0, 0)
    stored = Image.fromarray(upright)
    for back in {1: (), 2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (2,), 7: (6,), 8: (4,)}[orientation]:
        stored = stored.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(Image.open(buffer)).convert("RGB")), upright)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("zoom", "orientations"),
    [
        (0.5, (6,)), (1.0, (1, 5)), (2.0, (8,)),
        *(pytest.param(zoom, tuple(range(1, 9)), marks=pytest.mark.slow) for zoom in (0.5, 1.0, 2.0)),
    ],
)  # fmt: skip
def test_a_click_lands_within_a_pixel_of_the_screen(
    site: Site, zoom: float, orientations: tuple[int, ...]
) -> None:
    with open_page(site, site.pointing, zoom=zoom) as tab:
        for orientation in orientations:
            upload(tab, (f"{orientation}.png", oriented(orientation)))
            tab.wait_for_function("name => document.querySelector('.pp-name')?.innerText === name",
                                  arg=f"{orientation}.png")  # fmt: skip
            tab.wait_for_function(
                "() => { const i = document.querySelector('.pp-image'); return i.complete; }"
            )
            tab.locator(".pp-image").scroll_into_view_if_needed()
            area = tab.locator(".pp-image").bounding_box()
            assert area["width"] / area["height"] == pytest.approx(1.5, abs=0.02)
            x, y = area["x"] + area["width"] * 0.75, area["y"] + area["height"] * 0.25
            tab.mouse.click(x, y)
            headline(tab, "predicted IoU")
            sent = [float(each) for each in tab.locator(".pp-point").get_attribute("data-at").split(",")]
            pixel = 120 / area["width"] / zoom  # of the screen, in pixels of the image
            assert sent == pytest.approx([90, 20], abs=pixel + 0.01)
            drawn = tab.locator(".pp-point").bounding_box()
            assert [drawn["x"] + drawn["width"] / 2, drawn["y"] + drawn["height"] / 2] == pytest.approx(
                [x, y], abs=1 / zoom
            )
            share = float(tab.inner_text(".pp-headline").split(" ")[0])
            assert share == pytest.approx(9, abs=4)  # the patch, as the model's 32 pixels have it


def marks(tab: Any) -> list[str]:
    return [each.get_attribute("class").removeprefix("pp-mark pp-") for each in tab.locator(".pp-mark").all()]


def test_points_a_box_undo_and_the_slider(site: Site) -> None:
    with open_page(site, site.pointing) as tab:
        sent: list[Any] = []
        upload(tab, ("a.png", oriented(1)))
        tab.wait_for_selector(".pp-prompts")
        area = tab.locator(".pp-image").bounding_box()

        def at(x: float, y: float) -> tuple[float, float]:
            return area["x"] + area["width"] * x / 120, area["y"] + area["height"] * y / 80

        tab.mouse.click(*at(90, 20), button="right")
        assert "selects nothing" in tab.inner_text(".pp-announce")
        tab.mouse.move(*at(70, 6))
        tab.mouse.down()
        tab.mouse.move(*at(90, 20), steps=3)
        tab.mouse.move(*at(110, 34))
        tab.mouse.up()
        headline(tab, "predicted IoU")
        assert marks(tab) == ["negative", "box"]
        box = [float(each) for each in tab.locator(".pp-box").get_attribute("data-at").split(",")]
        assert box == pytest.approx([70, 6, 110, 34], abs=1)
        tab.click("text=Undo")
        tab.click("text=Undo")
        assert marks(tab) == [] and tab.locator(".pp-layer").is_hidden()
        tab.mouse.click(*at(90, 20))
        tab.wait_for_selector(".pp-layer:not([hidden])")
        tab.on("request", lambda request: sent.append(request.url))
        tab.locator(".pp-slider input").fill("25")
        assert tab.locator(".pp-layer").evaluate("each => getComputedStyle(each).opacity") == "0.25"
        assert not sent
        tab.click("text=Clear")
        assert marks(tab) == []
        tab.get_by_role("button", name="Right", exact=True).click()
        tab.wait_for_selector("#pp-feedback >> text=recorded as right")


def test_the_keyboard_reaches_and_does_everything(site: Site) -> None:
    with open_page(site, site.pointing) as tab:
        upload(tab, ("a.png", oriented(1)))
        tab.wait_for_selector(".pp-prompts")
        reached = []
        for _ in range(20):
            tab.keyboard.press("Tab")
            reached.append(tab.evaluate(
                "() => (e => e.ariaLabel || e.innerText || e.type || e.tagName)(document.activeElement)"
            ))  # fmt: skip
            if reached[-1] == "range":
                break
        text = " | ".join(reached)
        for name in (
            *TABS,
            "Click to Upload",
            "Point",
            "Negative point",
            "Box",
            "Undo",
            "Clear",
            "Image: place",
        ):
            assert name.casefold() in text.casefold(), text
        tab.locator(".pp-prompts").focus()
        for key in ("ArrowRight",) * 8 + ("ArrowUp",) * 10 + ("Enter",):
            tab.keyboard.press(key)
        headline(tab, "predicted IoU")
        assert tab.locator(".pp-point").get_attribute("data-at") == "76,20"
        tab.keyboard.press("Backspace")
        assert "point" not in marks(tab)
        tab.get_by_role("button", name="Box", exact=True).press("Enter")
        tab.locator(".pp-prompts").focus()
        for key in ("Enter", "ArrowRight", "Shift+ArrowDown", "Enter"):
            tab.keyboard.press(key)
        assert tab.locator(".pp-box").get_attribute("data-at") == "76,20,78,21"
        tab.keyboard.press("Escape")
        assert marks(tab) == ["cross"]
        tab.get_by_role("tab", name="Many images").focus()
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#pp-files", state="visible")


def test_a_phone_scrolls_down_alone(site: Site) -> None:
    with open_page(site, site.colours, width=390) as tab:
        upload(
            tab,
            ("a very long name of a photo from a phone, 2026-11-30 at 20.40.png", encoded(plain(255, 0, 0))),
        )
        headline(tab, "red")
        for name in TABS:
            tab.get_by_role("tab", name=name).click()
            if name == "Many images":
                upload(tab, *[(f"image-{n}-of-the-camera.png", encoded(plain(0, 255, 0))) for n in range(3)],
                       ("b.txt", b"no"), place="#pp-files")  # fmt: skip
                tab.wait_for_selector("#pp-many .pp-table >> nth=1")
            if name == "Health":
                tab.wait_for_selector("#pp-health .pp-facts")
                assert "The service is ready." in tab.inner_text("#pp-health")
            if name == "Model":
                assert "The model was not validated." in tab.inner_text("#pp-card")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390, name
        assert tab.locator("footer").is_hidden() or tab.locator("footer").count() == 0


def test_a_wrong_file_and_a_stopped_service_are_described(site: Site) -> None:
    port = int(site.services["colours"].url.rpartition(":")[2])
    with open_page(site, site.colours) as tab:
        upload(tab, ("notes.txt", b"hello"))
        tab.wait_for_selector("#pp-verdict [role=alert] >> text=notes.txt can't be used")
        site.services["colours"].stop()
        upload(tab, ("a.png", encoded(plain(255, 0, 0))))
        tab.wait_for_selector("#pp-verdict [role=alert] >> text=Can't reach the service")
        assert "pupila serve BUNDLE" in tab.inner_text("#pp-verdict")
        tab.reload()
        tab.wait_for_selector("#pp-notice [role=alert] >> text=Can't reach the service")
        site.services["colours"] = pupila.serve(site.bundle, port=port)
        tab.click("#pp-retry")
        tab.wait_for_selector("#pp-notice [role=alert]", state="detached")
        upload(tab, ("a.png", encoded(plain(0, 255, 0))))
        headline(tab, "green")
    assert site.colours.stored_bytes() == 0


CLOSED = ["config", "theme.css", "assets/index.js", "gradio_api/info", "gradio_api/startup-events",
          "gradio_api/file=/etc/passwd", "gradio_api/heartbeat/abc", "gradio_api/queue/data?session_hash=a",
          "monitoring", "static/img/logo.svg", "manifest.json", "gradio_api/proxy=https://example.com"]  # fmt: skip


def test_all_of_gradio_is_behind_the_login(site: Site) -> None:
    with open_page(site, site.colours, login=False) as tab:

        def fetch(path: str) -> int:
            status: int = tab.request.get(site.colours.url + path).status
            return status

        assert {path: fetch(path) for path in CLOSED} == dict.fromkeys(CLOSED, 401)
        assert tab.request.post(site.colours.url + "gradio_api/upload").status == 403  # no origin
        flood = {
            "form": {"name": "ana", "password": "wrong"},
            "headers": {"origin": site.colours.url.rstrip("/"), "x-forwarded-for": "::2"},
        }
        statuses = [tab.request.post(site.colours.url + "login", **flood).status for _ in range(11)]
        assert statuses == [401] * 10 + [429]  # another client behind the proxy, who locks out nobody else
        for name, password in (("ana", "wrong password"), ("bob", PASSWORD)):
            tab.fill("[name=name]", name)
            tab.fill("[name=password]", password)
            tab.click("button")
            tab.wait_for_selector("[role=alert] >> text=Wrong name or password")
        tab.fill("[name=name]", "ana")
        tab.fill("[name=password]", PASSWORD)
        tab.keyboard.press("Enter")
        upload(tab, ("a.png", encoded(plain(255, 0, 0))))
        headline(tab, "red")
        [cookie] = tab.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
        assert (fetch("config"), fetch("monitoring"), fetch("gradio_api/file=/etc/passwd")) == (200, 404, 404)
        tab.click("text=Log out")
        tab.wait_for_selector("[name=password]")
        assert fetch("config") == 401


def test_gradios_queue_takes_uploads_alone(site: Site) -> None:
    [uploads] = site.colours.folder.glob("pupila-page-*")
    secret = site.colours.folder / "secret.png"
    secret.write_bytes(encoded(plain(255, 0, 0)))
    drawing = secret.with_suffix(".svg")  # which Gradio takes for its own after the address that leads to it
    drawing.write_bytes(encoded(plain(255, 0, 0)))
    (uploads / "link.png").symlink_to(secret)
    os.mkfifo(uploads / "pipe.png")
    base, origin = site.colours.url + "gradio_api/", {"origin": site.colours.url.rstrip("/")}
    files: list[tuple[dict[str, Any], str]] = [
        ({"path": str(secret)}, "was not uploaded"),
        ({"path": str(secret), "is_stream": True}, "was not uploaded"),
        ({"path": f"{uploads}/../secret.png"}, "was not uploaded"),
        ({"path": f"{secret}\0"}, '"success":false'),
        ({"path": str(uploads)}, "no longer here"),
        ({"path": str(uploads / "link.png")}, "was not uploaded"),
        ({"path": str(uploads / "pipe.png")}, "no longer here"),
        ({"path": "/dev/zero"}, "was not uploaded"),
        ({"path": secret.as_uri()}, "was not uploaded"),
        ({"path": "http://host.invalid/a.png"}, "no longer here"),
        ({"path": f"http://x/{'../' * 30}{secret}", "is_stream": True}, "no longer here"),
        ({"path": f"http://x/{'../' * 30}{drawing}", "is_stream": True}, "no longer here"),
        ({"path": str(drawing)}, "was not uploaded"),
    ]
    checked = 0
    with open_page(site, site.colours) as tab:
        config = tab.request.get(site.colours.url + "config").json()
        uploaders = {part["id"]: part["props"] for part in config["components"] if part["type"] == "file"}
        for call in config["dependencies"]:
            props = uploaders.get((call["inputs"] or [None])[0], {})
            for number, (each, message) in enumerate(files if props else []):
                file, session = {**each, "meta": {"_type": "gradio.FileData"}}, f"{call['id']}-{number}"
                first = [file] if props["file_count"] == "multiple" else file
                data = [first, *[None] * (len(call["inputs"]) - 1)]
                body = {"data": data, "fn_index": call["id"], "session_hash": session}
                assert tab.request.post(base + "queue/join", data=body, headers=origin).ok
                sent = tab.request.get(base + f"queue/data?session_hash={session}").text()
                assert message in sent and "pp-canvas" not in sent and "predictions" not in sent, sent
                checked += 1
        for closed in ("run/predict", "api/predict", "call/open_image", "queue/status"):
            assert tab.request.post(base + closed, data={}, headers=origin).status == 404, closed
        for event in ("999", "-1", "1e400", '"a"'):
            text = f'{{"data": [], "fn_index": {event}, "session_hash": "s"}}'
            kind = {**origin, "content-type": "application/json"}
            assert tab.request.post(base + "queue/join", data=text.encode(), headers=kind).status == 422, (
                number
            )
    assert checked == 26 and secret.exists() and drawing.exists()  # what the page reads it deletes


def test_nothing_leaves_for_another_host(site: Site) -> None:
    checked = 0
    for page in (site.colours, site.pointing):
        for address in page.connections():
            assert "127.0.0.1" in address or "localhost" in address, address
            checked += 1
    assert checked >= 2
