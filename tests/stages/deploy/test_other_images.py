"""The images of the page and of training, built and started."""

import shutil
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.web.login import set_login
from pupila.stages.deploy import docker
from tests.colours import write_colours
from tests.stages.deploy.container import Image, start
from tests.stages.deploy.images import Builder
from tests.stages.deploy.serving import USER, find_free_port, serve

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"


def own(folder: Path) -> Path:
    """The folder and its files belong to the user of the containers, as the README asks."""
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, USER, USER)
    return folder


def test_the_page_asks_for_a_login_and_reaches_the_service_with_its_token(
    api: Image, builder: Builder, context: Path, tmp_path: Path
) -> None:
    page = builder.build(context, "page")
    bundle = write_colours(tmp_path / "bundle")
    secrets = {name: tmp_path / name for name in ("api", "page")}
    for folder in secrets.values():
        folder.mkdir()
    issued = pupila.tokens(secrets["api"] / "tokens.json").issue(["predict", "feedback"])
    (secrets["page"] / "token").write_text(issued.secret)
    set_login(str(secrets["page"] / "login.json"), "ana", PASSWORD)
    volumes = {"/bundle": Path(bundle.folder), "/run/secrets": own(secrets["api"])}
    options = ("--host=0.0.0.0", "--tokens=/run/secrets/tokens.json")
    port = find_free_port()
    with serve(api, tmp_path, "/bundle", *options, volumes=volumes) as (container, service):
        arguments = [f"http://127.0.0.1:{service}", "--token-file=/run/secrets/token", "--host=0.0.0.0",
                     f"--port={port}", "--login=/run/secrets/login.json"]  # fmt: skip
        volumes = {"/run/secrets": own(secrets["page"])}
        with start(page, tmp_path / "page-output", *arguments, volumes=volumes) as shown:
            shown.wait_until_healthy(port)
            address = f"http://127.0.0.1:{port}"
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(f"{address}/config", timeout=60)
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            form = urllib.parse.urlencode({"name": "ana", "password": PASSWORD}).encode()
            opener.open(urllib.request.Request(f"{address}/login", form, {"origin": address}), timeout=60)
            with opener.open(f"{address}/config", timeout=60) as response:
                assert response.status == 200
            assert shown.stop() == 0
        assert "without a service" not in (tmp_path / "page-output").read_text()  # the token was accepted
        assert container.stop() == 0


def test_the_instructions_of_the_image_for_training(builder: Builder, context: Path, tmp_path: Path) -> None:
    """With the requirements of the service: torch for a GPU has 5 GB."""
    folder = tmp_path / "context"
    shutil.copytree(context, folder)
    (folder / "requirements" / "train.txt").write_bytes(docker.read_lock("api"))
    train = builder.build(folder, "train")
    assert (train.config["Entrypoint"], train.config["StopSignal"]) == (["pupila"], "SIGINT")
    assert train.config["Healthcheck"]["Test"] == ["NONE"]
    with start(train, tmp_path / "output", "train", "/var/lib/pupila") as container:
        assert container.process.wait(60) == 2
    assert "pupila[" in (tmp_path / "output").read_text()  # the extra that it lacks
