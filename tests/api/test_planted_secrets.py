"""Secrets that a user gives are in nothing that Pupila prints, logs or writes, in whatever form."""

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import polars
import pytest

import pupila
from pupila.artifacts.web.tokens import add_token
from pupila.core.errors import PupilaError
from pupila.demo.labeller import Fault, Loopback, run_loopback
from pupila.demo.shop import Shop
from tests.colours import plain, write_colours
from tests.pictures import encoded

PLANTED = (
    "open/sesame+login",
    "sk-open/sesame?key",
    "open/sesame&mlflow",
    "open=sesame:wandb",
    "open sesame path",
)
LOGIN, KEY, TRACKER, WANDB, ADDRESS = PLANTED


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in an address, in JSON, and in base64 from each of its three offsets."""
    yield from {secret.encode(), quote(secret).encode(), quote(secret, safe="").encode(), quote_plus(secret).encode(),
                json.dumps(secret)[1:-1].encode()}  # fmt: skip
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + secret.encode())
            yield text[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]


@dataclass
class Scenario:
    """A place for all that is written, and the secrets that must not be there."""

    folder: Path
    hidden: Path  # files with secrets, which lie elsewhere
    secrets: list[str] = field(default_factory=lambda: list(PLANTED))

    def leaks(self, *texts: str) -> list[str]:
        """Where a secret is: in a file or in one of the texts."""
        contents = {f"text {number}": text.encode() for number, text in enumerate(texts)}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                contents[str(path.relative_to(self.folder))] = path.read_bytes()
                if path.suffix == ".parquet":  # compressed
                    contents[f"{path} read"] = str(polars.read_parquet(path).rows()).encode()
        assert len(contents) > len(texts) + 10
        return [
            f"{secret} in {name}"
            for secret in self.secrets
            for form in set(forms(secret))
            for name, content in contents.items()
            if form in content or form in name.encode()
        ]


@pytest.fixture
def scenario(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """All that Pupila and its libraries write lies below one folder."""
    folder, hidden = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("hidden")
    for name in ("HOME", "PUPILA_CACHE", "TMPDIR", "XDG_CACHE_HOME", "WANDB_DIR"):
        (folder / name).mkdir()
        monkeypatch.setenv(name, str(folder / name))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SHOP_LOGIN", f"ann:{LOGIN}")
    (hidden / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(hidden / "key"))
    monkeypatch.setenv("WANDB_API_KEY", WANDB)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:{quote(TRACKER, safe='')}@127.0.0.1:1")
    return Scenario(folder, hidden)


def collect_and_label(folder: str, products: int) -> None:
    """Collect a shop behind a login, and label it by a model that repeats its key in an error."""
    shop = Shop(products)
    with shop.open() as address:
        pupila.collect(
            "static", out=folder, start=f"{address}/static", allow_private=True, rate=1000, login="SHOP_LOGIN"
        )
    faults = [Fault(500, f"bad key {KEY}", {"Retry-After": "0"}), Fault(429, KEY, {"Retry-After": "0"})]
    names = ["con_octogono", "sin_octogono"]
    server = Loopback(
        lambda _: names[len(server.requests) % 2],
        key=KEY,
        fault=lambda number, _: dict(enumerate(faults)).get(number),
    )
    with run_loopback(server):
        print(
            pupila.label(
                folder,
                with_="vlm:synthetic",
                question="octagons",
                base_url=server.url,
                key="SOME_KEY",
                concurrency=1,
            )
        )
    with (
        run_loopback(Loopback(lambda _: "", key="other")) as strict,
        pytest.raises(PupilaError, match="rejected") as fault,
    ):
        pupila.label(
            folder,
            with_="vlm:strict",
            question="octagons",
            base_url=strict.url,
            key="SOME_KEY",
            everything=True,
        )
    print(fault.value)


def serve_and_predict(scenario: Scenario, bundle: str) -> None:
    """Serve with tokens and logs; clients show a right, a wrong and a foreign one."""
    _, secret = add_token(str(scenario.folder / "tokens.json"), ["predict"], None, None, "a test")
    scenario.secrets += [secret, f"{secret[:-1]}x"]
    with pupila.serve(
        bundle, tokens=str(scenario.folder / "tokens.json"), log_folder=str(scenario.folder / "logs")
    ) as service:
        for token in scenario.secrets:
            if token.isascii() and token != ADDRESS:
                with pupila.Client(service.url, token, retries=0) as client:
                    print(client, client.__dict__)
                    try:
                        print(client.predict(encoded(plain(255, 0, 0))))
                    except pupila.ServiceError as fault:
                        print(fault, repr(fault))


def print_errors() -> None:
    """Addresses with a password, wherever one may be given by mistake."""
    address = f"s3://{quote(ADDRESS)}:{quote(ADDRESS)}@bucket/data?token={quote(ADDRESS)}"
    for call in (
        lambda: pupila.open(address),
        lambda: pupila.open(address.replace("s3://", "ftp://")),
        lambda: pupila.load(address.replace("s3://", "http://")),
        lambda: pupila.collect("static", out="x", start=address.replace("s3://", "http://")),
        lambda: pupila.Client(address.replace("s3://", "http://")),
        lambda: pupila.track("runs", to=f"mlflow:{address}"),
        lambda: pupila.predict(address, b"x"),
        lambda: pupila.registry(address).show("x"),
    ):
        with pytest.raises(PupilaError) as fault:
            call()
        print(fault.value)


def test_no_secret_is_printed_logged_or_written(
    scenario: Scenario, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    collect_and_label("shop", 6)
    serve_and_predict(scenario, write_colours(scenario.folder / "bundle").folder)
    print_errors()
    printed = capfd.readouterr()
    assert printed.out.count("HTTP 401") >= 4
    assert scenario.leaks(printed.out, printed.err, caplog.text) == []


@pytest.mark.slow
def test_no_secret_of_a_training_and_its_trackers_is_printed_logged_or_written(
    scenario: Scenario, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    collect_and_label("shop", 30)
    run = pupila.train(
        "shop", out="runs/first", track="mlflow", model="lenet", epochs=1, image_size=32, weights="none"
    )
    pupila.track(run, to=f"wandb:{scenario.folder}")
    with pytest.raises(PupilaError) as fault:
        pupila.track(run, to="mlflow")
    print(fault.value)
    pupila.evaluate(run, "shop", split="val")
    serve_and_predict(scenario, "runs/first/bundle")
    printed = capfd.readouterr()
    assert "mlflow:http://***@127.0.0.1:1" in printed.out
    assert scenario.leaks(printed.out, printed.err, caplog.text) == []


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, tmp_path, [KEY])
    for number in range(11):
        (tmp_path / str(number)).write_text("nothing")
    assert scenario.leaks("nothing") == []
    for before in ("", "a", "ab"):
        text = base64.b64encode(f"{before}{KEY} and more".encode()).decode()
        assert scenario.leaks(text)
    polars.DataFrame({"x": [f"see {KEY}"] * 100}).write_parquet(tmp_path / "x.parquet")
    assert scenario.leaks()
    (tmp_path / "x.parquet").unlink()
    assert scenario.leaks(quote(KEY, safe=""))
