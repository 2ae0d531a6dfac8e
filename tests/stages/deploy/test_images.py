"""The image of the service, built and started: as its user, on a read-only root."""

import json
import os
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.core import files
from pupila.stages.deploy import docker
from tests.colours import plain, write_colours, write_painted
from tests.pictures import encoded, photo
from tests.s3 import BUCKET, Server, emptied, s3_server
from tests.stages.deploy.container import Image, start
from tests.stages.deploy.serving import USER, serve
from tests.stages.deploy.test_docker import read_pins
from tests.stages.serve.test_metrics import send
from tests.stages.serve.test_service import send_request

pytestmark = pytest.mark.slow
PACKAGES_LIMIT, ROOT_LIMIT = 215, 370  # MB
SITE = "opt/pupila/lib/python3.11/site-packages"
NOT_IN_IT = re.compile(
    r"(torch|torchvision|pip|setuptools|wheel|gcc|g\+\+|cc|c99|cpp|clang|ld|as|strip|objdump|make|polars|scipy|matplotlib)"
    r"(-[\d.]+)?(\.dist-info)?"
)
LIST = (
    "import json; from importlib.metadata import distributions as d\n"
    "print(json.dumps(sorted((x.name.lower().replace('_', '-').replace('.', '-'), x.version) for x in d())))"
)
LOAD = (
    "import ctypes, pathlib, sys; root = pathlib.Path(sys.argv[1])\n"
    "import numpy, PIL.Image, onnxruntime\n"
    "libraries = [x for x in root.rglob('*.so*') if x.is_file()]\n"
    "for x in libraries: ctypes.CDLL(str(x))\n"
    "print(len(libraries))"
)
AUTHORITIES = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"


def megabytes(folder: Path) -> float:
    """Sizes of the files, as in the base install's test."""
    return (
        sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        / 1e6
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_colours(tmp_path_factory.mktemp("bundles") / "colours")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images in all formats that the image must decode."""
    folder = tmp_path_factory.mktemp("pictures")
    folder.chmod(0o755)
    for number, format in enumerate(("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000")):
        (folder / f"{number}.{format.lower()}").write_bytes(encoded(photo(number, 300, 200), format))
    return folder


def test_the_configuration_is_the_dockerfile_s(api: Image) -> None:
    config = api.config
    assert (config["User"], config["Entrypoint"]) == ("10001:10001", ["pupila", "serve"])
    assert (config["StopSignal"], list(config["Volumes"])) == ("SIGTERM", ["/var/lib/pupila"])
    assert list(config["ExposedPorts"]) == ["8000/tcp"] and config["Healthcheck"]["Retries"] == 3
    environment = dict(each.split("=", 1) for each in config["Env"])
    assert environment["HOME"].startswith("/tmp") and environment["PUPILA_CACHE"].startswith("/tmp")


def test_sizes_are_within_their_limits(api: Image) -> None:
    packages, root = megabytes(api.root / "opt/pupila/lib"), megabytes(api.root)
    print(f"\napi image: packages {packages:.1f} MB, root {root:.1f} MB")
    assert packages <= PACKAGES_LIMIT and root <= ROOT_LIMIT


def test_no_torch_no_pip_and_no_compiler_are_in_it(api: Image) -> None:
    names = [path for path in api.root.rglob("*") if NOT_IN_IT.fullmatch(path.name)]
    programs = [path for path in names if path.is_dir() or os.access(path, os.X_OK)]
    assert [str(path.relative_to(api.root)) for path in programs if "share" not in path.parts] == []


def test_nothing_in_it_belongs_to_its_user_or_is_writable_by_it(api: Image) -> None:
    checked = 0
    for path in (api.root / "opt").rglob("*"):
        entry = path.lstat()
        assert entry.st_uid == 0 and (path.is_symlink() or not entry.st_mode & 0o022), path
        checked += 1
    assert checked > 3000


def test_the_bill_of_materials_lists_what_is_installed(api: Image, tmp_path: Path) -> None:
    with start(api, tmp_path / "output", "-c", LIST, entrypoint=["python"]) as container:
        assert container.process.wait(60) == 0
    installed = {(name, version) for name, version in json.loads((tmp_path / "output").read_text())}
    bill = json.loads((api.root / "opt/pupila/sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {
        (re.sub(r"[-_.]+", "-", each["name"]).lower(), each["version"]) for each in bill["components"]
    } == installed
    locked = {tuple(pin.split(" ;")[0].split("==")) for pin in read_pins(docker.read_lock("api").decode())}
    assert installed - locked == {("pupila", pupila.__version__)}


def test_stripped_libraries_load_and_public_authorities_are_known(api: Image, tmp_path: Path) -> None:
    for number, (command, least) in enumerate((([LOAD, f"/{SITE}"], 60), ([AUTHORITIES], 100))):
        output = tmp_path / str(number)
        with start(api, output, "-c", *command, entrypoint=["python"]) as container:
            assert container.process.wait(60) == 0, output.read_text()
        assert int(output.read_text()) >= least


def test_it_serves_as_its_user_on_a_read_only_root_and_answers_like_predict(
    api: Image, bundle: Bundle, pictures: Path, tmp_path: Path
) -> None:
    expected = pupila.predict(bundle.folder, str(pictures))
    with serve(api, tmp_path, "/bundle", volumes={"/bundle": Path(bundle.folder)}) as (container, port):
        with pupila.Client(f"http://127.0.0.1:{port}", retries=0) as client:
            paths = sorted(pictures.iterdir())
            assert len(expected) == len(paths) == 8
            for path, row in zip(paths, expected, strict=True):
                response = client.predict(path)
                assert response.probabilities == row.probabilities, path.name  # to the digit
        writes = "touch /x /opt/pupila/x /bundle/x /etc/x; touch /tmp/x /var/lib/pupila/x && id -u"
        written = container.run("sh", "-c", writes)
        assert (written.returncode, written.stdout.strip()) == (0, str(USER))
        assert written.stderr.count("Read-only file system") == 4
        status = container.run("cat", "/proc/1/status").stdout
        assert re.findall(r"^Cap\w+:\t(\w+)$", status, re.MULTILINE) == ["0" * 16] * 5
        assert "NoNewPrivs:\t1" in status
        assert container.stop() == 0
    assert len((tmp_path / "log" / "predictions.jsonl").read_text().splitlines()) == 8


def test_masks_are_predicted_as_elsewhere(api: Image, pictures: Path, tmp_path: Path) -> None:
    painted = write_painted(tmp_path / "painted")
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    for folder in (outside, inside):
        folder.mkdir()
        os.chown(folder, USER, USER)
    pupila.predict_files(
        painted.folder, pictures, write=pupila.PredictionFiles(str(outside / "rows.csv"), str(outside / "m"))
    )
    volumes = {"/painted": Path(painted.folder), "/pictures": pictures, "/var/lib/pupila": inside}
    arguments = ["predict", "/painted", "/pictures", "--csv", "rows.csv", "--out", "m"]
    with start(api, tmp_path / "output", *arguments, volumes=volumes, entrypoint=["pupila"]) as container:
        assert container.process.wait(120) == 0, (tmp_path / "output").read_text()
    files = sorted(path.relative_to(outside / "m") for path in (outside / "m").rglob("*.png"))
    assert len(files) >= 8
    for path in files:
        assert (outside / "m" / path).read_bytes() == (inside / "m" / path).read_bytes()


def test_it_drains_under_load_without_a_lost_request(api: Image, bundle: Bundle, tmp_path: Path) -> None:
    picture = encoded(plain(255, 0, 0))
    statuses: list[int] = []
    stop = threading.Event()

    volumes = {"/bundle": Path(bundle.folder)}
    with serve(api, tmp_path, "/bundle", "--drain-seconds=3", volumes=volumes) as (container, port):
        address = f"127.0.0.1:{port}"

        def send_until_stopped() -> None:
            while not stop.is_set():
                statuses.append(send(address, picture))

        threads = [threading.Thread(target=send_until_stopped) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(statuses) < 50:
            pass
        container.send_stop_signal()
        while (
            send_request(address, "GET", "/health/ready")[0] == 200
        ):  # as a load balancer asks before it sends
            pass
        assert not container.is_healthy(port)
        stop.set()
        for thread in threads:
            thread.join()
        assert container.process.wait(60) == 0
    assert len(statuses) > 50 and set(statuses) == {200}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with s3_server(monkeypatch) as server:
        yield emptied(server)


@pytest.fixture
def stored(store: Server, bundle: Bundle) -> tuple[str, dict[str, str]]:
    """The address of the bundle in a store, and the environment of who reads it."""
    uri = f"s3://{BUCKET}/colours"
    for name in (*bundle.info.files, "bundle.json"):
        files.write_bytes(files.join(uri, name), files.read_bytes(files.join(bundle.folder, name)))
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    own.pop("AWS_CA_BUNDLE", None)  # a file of this machine
    return uri, own


def test_a_bundle_from_a_store_is_fetched_by_its_hash(
    api: Image, bundle: Bundle, stored: tuple[str, dict[str, str]], pictures: Path, tmp_path: Path
) -> None:
    (expected,) = pupila.predict(bundle.folder, [pictures / "1.jpeg"])
    with serve(api, tmp_path, stored[0], f"--sha256={bundle.hash}", environment=stored[1]) as (
        container,
        port,
    ):
        with pupila.Client(f"http://127.0.0.1:{port}", retries=0) as client:
            assert client.predict(pictures / "1.jpeg").probabilities == expected.probabilities
        assert container.stop() == 0


def test_a_bundle_with_another_hash_is_refused(
    api: Image, bundle: Bundle, stored: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    arguments = [stored[0], f"--sha256={'0' * 64}"]
    with start(api, output, *arguments, environment=stored[1]) as container:
        assert container.process.wait(60) == 2
    assert bundle.hash in output.read_text() and "0" * 64 in output.read_text()


@contextmanager
def run_https_store(folder: Path) -> Iterator[tuple[str, Path]]:
    """The same store behind a certificate of its own: its address and the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True,
    )  # fmt: skip
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=secure)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", certificate
    server.shutdown()
    server.server_close()


def test_the_certificate_of_a_store_is_checked(
    api: Image, bundle: Bundle, stored: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    with run_https_store(tmp_path) as (url, certificate):
        environment = {**stored[1], "AWS_ENDPOINT_URL": url}
        with start(api, tmp_path / "refused", stored[0], environment=environment) as container:
            assert container.process.wait(120) == 2
        assert "certificate" in (tmp_path / "refused").read_text().lower()
        volumes = {"/run/secrets": tmp_path / "trusted"}
        volumes["/run/secrets"].mkdir(mode=0o755)
        shutil.copy(certificate, volumes["/run/secrets"] / "ca.pem")
        environment["AWS_CA_BUNDLE"] = "/run/secrets/ca.pem"
        with serve(api, tmp_path, stored[0], volumes=volumes, environment=environment) as (container, _):
            assert container.stop() == 0
