"""Who may ask a service for what: every route with every kind of token, rates, logs, proxies, browsers and TLS."""

import contextlib
import json
import ssl
import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

import pupila
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.web import rates
from pupila.artifacts.web.app import App
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.scopes import PUBLIC, find_access, needs
from pupila.artifacts.web.tokens import add_token, revoke_token, rotate_token
from pupila.core.errors import PupilaError
from pupila.stages.serve.app import make_service
from pupila.stages.serve.exposure import open_gate
from pupila.stages.serve.settings import ServeSettings
from tests.artifacts.web.clients import connect, read_response
from tests.colours import plain, write_colours, write_pointing
from tests.pictures import encoded
from tests.stages.serve.test_service import form, send_request

RED = encoded(plain(255, 0, 0))
REMOTE, LOCAL = "203.0.113.9", "127.0.0.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_colours(tmp_path_factory.mktemp("served") / "bundle").folder


@dataclass
class Guarded:
    """A service with tokens, and the secrets of some."""

    app: App
    tokens: str
    logs: Path
    secrets: dict[str, str]
    ids: dict[str, str]

    def client(self, address: str = REMOTE, name: str = "service.example") -> TestClient:
        """A client with this address, that calls the service by this name."""
        return TestClient(self.app, f"http://{name}", raise_server_exceptions=False, client=(address, 50_000))

    def show(self, secret: str) -> dict[str, str]:
        """The header that shows a secret."""
        return {"Authorization": f"Bearer {self.secrets.get(secret, secret)}"}

    def security(self) -> list[dict[str, Any]]:
        """What the security log has; to be read at the end."""
        return [json.loads(line) for line in (self.logs / "security.jsonl").read_text().splitlines()]

    def access(self) -> list[dict[str, Any]]:
        """What the access log has; to be read at the end."""
        return [json.loads(line) for line in (self.logs / "access.jsonl").read_text().splitlines()]


@contextmanager
def guarded(folder: str, tmp_path: Path, **settings: Any) -> Iterator[Guarded]:
    path = str(tmp_path / "tokens.json")
    secrets, ids = {}, {}
    for name, scopes, lifetime in (
        ("predict", ["predict"], None), ("feedback", ["feedback"], None), ("metrics", ["metrics"], None),
        ("admin", ["admin"], None), ("expired", ["predict", "feedback", "metrics", "admin"], 1e-6),
        ("revoked", ["predict", "feedback", "metrics", "admin"], None),
        ("all", ["predict", "feedback", "metrics", "admin"], None),
    ):  # fmt: skip
        token, secrets[name] = add_token(path, scopes, lifetime, None, name)
        ids[name] = token.id
    revoke_token(path, ids["revoked"])
    parsed = ServeSettings(
        **{
            "threads": 1,
            "tokens": path,
            "log_folder": str(tmp_path / "logs"),
            "address_rate": "1000/s",
            **settings,
        }
    )
    gate = open_gate(parsed, "0.0.0.0")
    app = make_service(read_bundle(folder), parsed, None, gate)
    with TestClient(app):  # so that it starts, and ends its threads and logs
        yield Guarded(app, path, tmp_path / "logs", secrets, ids)


def walk(app: App) -> list[tuple[str, str, Any]]:
    """Method, path and access of every route."""
    return [
        (method, route.path, find_access(route.endpoint))
        for route in app.routes
        if isinstance(route, Route) and route.methods
        for method in sorted(route.methods)
    ]


@pytest.mark.parametrize("task", ["classify", "prompt"])
def test_every_route_asks_for_its_scope(
    folder: str, tmp_path: Path, task: str, request: pytest.FixtureRequest
) -> None:
    served = folder if task == "classify" else request.getfixturevalue("promptable")
    with guarded(served, tmp_path) as service:
        client, public = service.client(), []
        for method, path, access in walk(service.app):
            assert access is not None, f"{path} names no scope"
            if access.scope is None:
                public.append(path)
                assert client.request(method, path).status_code in (200, 204), path
                continue
            for name in ("", "nobody", "expired", "revoked"):
                shown = service.show(name) if name else {}
                response = client.request(method, path, headers=shown)
                assert response.status_code == 401, (path, name)
                assert response.headers["www-authenticate"].startswith("Bearer")
            for name in service.secrets:
                if name not in ("expired", "revoked", "all"):
                    status = client.request(method, path, headers=service.show(name)).status_code
                    assert (status == 403) == (name != access.scope), (path, name, status)
                    assert status not in (401, 500), (path, name, status)
        assert {path for path in public if not path.startswith("/health")} <= {"/"}


@pytest.fixture(scope="module")
def promptable(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_pointing(tmp_path_factory.mktemp("promptable") / "bundle").folder


def test_a_route_that_names_no_scope_is_closed(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:

        @service.app.get("/new")
        async def new() -> str:
            return "open"

        client = service.client()
        assert client.get("/new").status_code == 401
        for name in ("predict", "feedback", "metrics", "admin"):
            response = client.get("/new", headers=service.show(name))
            assert response.status_code == 403 and "names no scope" in response.json()["error"]


def test_an_unknown_page_needs_a_token_before_it_is_not_there(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        client = service.client()
        assert client.get("/secret").status_code == 401
        assert client.get("/secret", headers=service.show("metrics")).status_code == 404


def test_a_prediction_needs_a_token_in_either_header(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        client, secret = service.client(), service.secrets["predict"]
        body, headers = form(("x.png", RED))
        for shown in ({"Authorization": f"bearer  {secret} "}, {"X-API-Key": secret},
                      {"X-API-Key": secret, "Authorization": f"Bearer {secret}"}):  # fmt: skip
            response = client.post("/predict/single", content=body, headers={**headers, **shown})
            assert (response.status_code, response.json()["prediction"]) == (200, "red")
        two = {"X-API-Key": "a", "Authorization": f"Bearer {secret}"}
        assert client.post("/predict/single", content=body, headers={**headers, **two}).status_code == 401
        basic = {"Authorization": f"Basic {secret}"}
        assert client.post("/predict/single", content=body, headers={**headers, **basic}).status_code == 401


def test_only_who_has_an_ended_token_learns_that_it_has_ended(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        client = service.client()
        assert "expired" in client.get("/model/info", headers=service.show("expired")).text
        guess = f"pupila_{service.ids['expired']}_{'A' * 43}"
        unknown = client.get("/model/info", headers=service.show(guess)).json()
        nobody = client.get("/model/info", headers=service.show("x")).json()
        assert {**unknown, "request_id": "", "instance": ""} == {**nobody, "request_id": "", "instance": ""}


def test_tokens_have_rates_of_their_own(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        _, first = add_token(service.tokens, ["predict"], None, "2/min", "")
        _, second = add_token(service.tokens, ["predict"], None, "2/min", "")
        client = service.client()
        statuses = [client.get("/model/info", headers=service.show(first)).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
        refused = client.get("/model/info", headers=service.show(first))
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert client.get("/model/info", headers=service.show(second)).status_code == 200
        assert client.get("/model/info", headers=service.show("predict")).status_code == 200


def test_an_address_has_a_rate_until_it_shows_a_token(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path, address_rate="3/min") as service:
        client = service.client("2001:db8::1")
        neighbour = service.client("2001:db8::2:3")  # of the same client: it has 64 bits for itself
        statuses = [client.get("/model/info").status_code for _ in range(3)]
        statuses += [neighbour.get("/model/info", headers=service.show("x")).status_code for _ in range(2)]
        assert statuses == [401, 401, 401, 429, 429]
        assert client.get("/model/info", headers=service.show("predict")).status_code == 200
        assert service.client("2001:db8:0:1::1").get("/model/info").status_code == 401
        assert client.get("/health").status_code == 200
    reasons = [event["reason"] for event in service.security()]
    assert reasons == ["unauthenticated"] * 3 + ["rate-limited", "unauthenticated"]


def test_addresses_crowd_out_no_token(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_CLIENTS", 3)
    with guarded(folder, tmp_path, trusted_proxy=["127.0.0.1"], address_rate="2/min") as service:
        _, secret = add_token(service.tokens, ["predict"], None, "1/d", "")
        client = service.client(LOCAL)
        assert client.get("/model/info", headers=service.show(secret)).status_code == 200
        for number in range(10):
            forwarded = {"X-Forwarded-For": f"198.51.100.{number}"}
            assert client.get("/model/info", headers=forwarded).status_code == 401
        assert client.get("/model/info", headers=service.show(secret)).status_code == 429
        odd = [
            client.get("/model/info", headers={"X-Forwarded-For": f"odd{n}"}).status_code for n in range(4)
        ]
        assert odd == [401, 401, 429, 429]  # what is no address counts as one client


def test_the_logs_have_who_and_what_and_no_secret(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        client = service.client()
        body, headers = form(("my-private-name.png", RED))
        client.post("/predict/single", content=body, headers={**headers, **service.show("predict")})
        client.post("/predict/single?secret=1", content=body, headers={**headers, **service.show("metrics")})
        client.get("/no/such/page", headers={"x-request-id": "mine-1"})
        client.get("/model/info", headers={"x-request-id": "x\x7f" * 40, **service.show("expired")})
    rows = [(row["token"], row["route"], row["status"], row["reason"]) for row in service.access()]
    ids = service.ids
    assert rows == [
        (ids["predict"], "/predict/single", 200, ""), (ids["metrics"], "/predict/single", 403, "forbidden"),
        ("", "", 401, "unauthenticated"), (ids["expired"], "/model/info", 401, "unauthenticated"),
    ]  # fmt: skip
    first = service.access()[0]
    assert first["bytes_in"] == len(body) and first["bytes_out"] > 0 and first["address"] == REMOTE
    events = service.security()
    assert [event["reason"] for event in events] == ["forbidden", "unauthenticated", "unauthenticated"]
    assert events[1]["request_id"] == "mine-1"
    assert events[2]["request_id"].isalnum() and "expired" in events[2]["detail"]
    text = "".join(path.read_text() for path in service.logs.iterdir())
    assert not any(secret in text for secret in service.secrets.values())
    assert "my-private-name" not in text and "secret=1" not in text


def test_a_rotated_token_works_beside_the_new_one(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        _, secret, _ = rotate_token(service.tokens, service.ids["predict"], 60)
        for shown in (service.show("predict"), service.show(secret)):
            assert service.client().get("/model/info", headers=shown).status_code == 200
        revoke_token(service.tokens, service.ids["predict"])
        assert service.client().get("/model/info", headers=service.show("predict")).status_code == 401


@pytest.mark.parametrize(
    ("address", "name", "headers", "allowed"),
    [
        (LOCAL, "127.0.0.1:8000", {}, True), (LOCAL, "localhost", {}, True), ("::1", "[::1]:8000", {}, True),
        ("::ffff:127.0.0.1", "127.0.0.1", {}, True),
        (REMOTE, "127.0.0.1", {}, False), (LOCAL, "service.example", {}, False),
        (LOCAL, "127.0.0.1", {"X-Forwarded-For": REMOTE}, False), (LOCAL, "127.0.0.1", {"Forwarded": "for=a"}, False),
        (LOCAL, "127.0.0.1", {"Origin": "https://evil.example"}, False),
        (LOCAL, "127.0.0.1", {"X-Forwarded-Host": "a"}, False), (LOCAL, "127.0.0.1", {"Via": "1.1 a"}, False),
        (LOCAL, "LOCALHOST:80", {}, True), (LOCAL, "x", {"Host": "[::1]"}, True),
        (LOCAL, "x", {"Host": "[[localhost]]"}, False), (LOCAL, "x", {"Host": "localhost:80@evil.example"}, False),
        (LOCAL, "x", {"Host": "127.0.0.1:evil.example"}, False),
        (LOCAL, "x", {"Host": "localhost.evil.example"}, False),
    ],
)  # fmt: skip
def test_an_open_service_is_open_for_predictions_and_for_its_own_machine(
    folder: str, address: str, name: str, headers: dict[str, str], allowed: bool
) -> None:
    app = make_service(read_bundle(folder), ServeSettings(threads=1, open=True), None, None)

    @app.get("/closed")
    async def closed() -> str:
        return "open"

    with TestClient(app, f"http://{name}", client=(address, 1)) as client:
        assert client.get("/model/info", headers=headers).status_code == 200
        assert client.get("/closed", headers=headers).status_code == (200 if allowed else 403)


def test_a_proxy_that_is_trusted_names_the_client(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path, trusted_proxy=["10.0.0.0/8"]) as service:
        forwarded = {"X-Forwarded-For": "198.51.100.7, 10.1.1.1"}
        service.client("10.0.0.3").get("/health", headers=forwarded)
        service.client(REMOTE).get("/health", headers=forwarded)
    assert [row["address"] for row in service.access()] == ["198.51.100.7", REMOTE]


def test_pages_of_named_origins_may_call_it(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path, cors=["https://shop.example"]) as service:
        client = service.client()
        preflight = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        mine, other = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
        allowed = client.options("/predict/single", headers={**mine, **preflight})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert client.options("/predict/single", headers={**other, **preflight}).status_code == 400
        refused = client.get("/model/info", headers=mine)  # the page may read why
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in client.get("/model/info", headers=other).headers


def test_every_response_has_security_headers(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        client = service.client()
        for response in (client.get("/health"), client.get("/model/info"), client.get("/x")):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
            assert response.headers["cache-control"] == "no-store"
            assert "server" not in response.headers


@pytest.mark.parametrize(
    ("host", "settings", "match"),
    [
        ("0.0.0.0", {}, "has no tokens"), ("", {}, "has no tokens"), ("::", {}, "has no tokens"),
        ("127.0.0.1", {"open": True, "tokens": "x"}, "open, or it has tokens"),
        ("127.0.0.1", {"tokens": "no-such.json"}, "No file of tokens"),
        ("127.0.0.1", {"cors": ["shop.example"]}, "Invalid origin"),
        ("127.0.0.1", {"cors": ["https://shop.example/"]}, "Invalid origin"),
        ("127.0.0.1", {"trusted_proxy": ["proxy"]}, "Invalid trusted proxy"),
        ("127.0.0.1", {"address_rate": "many"}, "Invalid rate"),
        ("127.0.0.1", {"certificate": "a.pem"}, "TLS needs a certificate and its key"),
        ("127.0.0.1", {"certificate": "a.pem", "key": "b.pem"}, "No such file: a.pem"),
    ],
)  # fmt: skip
def test_what_would_not_be_safe_is_refused_before_anything_is_loaded(
    host: str, settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(PupilaError, match=match):
        pupila.serve("no such bundle", host=host, **settings)


def test_more_processes_are_refused() -> None:
    with pytest.raises(PupilaError, match="one serves with all cores"):
        ServeSettings.parse({"workers": 4}, "serve")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    chain, key = str(folder / "chain.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", chain, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


def test_a_certificate_makes_it_https(folder: str, certificate: tuple[str, str]) -> None:
    chain, key = certificate
    with pupila.serve(folder, certificate=chain, key=key, threads=1) as service:
        assert service.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=chain)
        body, headers = form(("x.png", RED))
        request = urllib.request.Request(f"{service.url}/predict/single", body, headers)
        with urllib.request.urlopen(request, context=context, timeout=60) as response:
            assert json.load(response)["prediction"] == "red"
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{service.url.replace('https', 'http')}/health", timeout=60)


def test_a_key_of_another_certificate_is_refused(
    folder: str, certificate: tuple[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(
        ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(other)], check=True
    )
    with pytest.raises(PupilaError, match="Can't use the certificate"):
        pupila.serve(folder, certificate=certificate[0], key=str(other))


def test_a_token_that_is_rotated_under_load_is_never_refused(folder: str, tmp_path: Path) -> None:
    path, stop = str(tmp_path / "tokens.json"), threading.Event()
    tokens = pupila.tokens(path)
    current = [tokens.issue(["predict"])]
    statuses: Counter[int] = Counter()

    def client(url: str) -> None:
        while not stop.is_set():
            headers = {"Authorization": f"Bearer {current[-1].secret}"}
            status, _, _ = send_request(url.removeprefix("http://"), "GET", "/model/info", headers=headers)
            statuses[status] += 1

    with pupila.serve(folder, tokens=path, threads=1) as service:
        threads = [threading.Thread(target=client, args=(service.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            current.append(tokens.rotate(current[-1].token.id, "1m"))
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200} and len(tokens.list()) == 31


def test_what_the_connection_refuses_is_in_the_access_log(folder: str, tmp_path: Path) -> None:
    with pupila.serve(folder, log_folder=str(tmp_path), threads=1) as service:
        port = int(service.url.rpartition(":")[2])
        for request in (b"no HTTP at all\r\n\r\n", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n"):
            _, response = read_response(connect(port, request))
            assert b"x-request-id" in response
    rows = [json.loads(line) for line in (tmp_path / "access.jsonl").read_text().splitlines()]
    assert [(row["status"], row["reason"], row["route"]) for row in rows] == [
        (400, "invalid-http", ""), (414, "long-address", "")
    ]  # fmt: skip
    assert all(row["address"] == LOCAL and row["request_id"] for row in rows)


def test_who_leaves_early_is_recorded_as_gone(folder: str, tmp_path: Path) -> None:
    body, headers = form(("x.png", RED))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = (
        f"POST /predict/single HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
    )
    with pupila.serve(folder, log_folder=str(tmp_path), threads=1) as service:
        connect(int(service.url.rpartition(":")[2]), request + body[:50]).close()
        send_request(service.url.removeprefix("http://"), "GET", "/health")  # accepted after the first one
    rows = [json.loads(line) for line in (tmp_path / "access.jsonl").read_text().splitlines()]
    (row,) = [row for row in rows if row["method"] == "POST"]
    assert (row["status"], row["bytes_in"], row["bytes_out"], row["reason"]) == (499, 50, 0, "")


def test_refusals_of_no_rate_are_counted_all_the_same(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path, address_rate="3/min") as service:
        _, secret = add_token(service.tokens, ["metrics"], None, "2/min", "")
        two = {"X-API-Key": "a", "Authorization": "Bearer b"}
        client = service.client()
        assert [client.get("/model/info", headers=two).status_code for _ in range(5)] == [401] * 3 + [429] * 2
        wrong = [client.get("/model/info", headers=service.show(secret)).status_code for _ in range(4)]
        assert wrong == [403, 403, 429, 429]


def test_each_method_of_a_path_has_its_own_scope(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:

        @service.app.get("/thing")
        @needs(PUBLIC)
        async def read() -> str:
            return "open"

        @service.app.post("/thing")
        @needs("admin")
        async def write() -> str:
            return "closed"

        client = service.client()
        assert client.get("/thing").status_code == client.head("/thing").status_code == 200
        assert client.post("/thing").status_code == 401
        assert client.post("/thing", headers=service.show("predict")).status_code == 403
        assert client.post("/thing", headers=service.show("admin")).status_code == 200
        security = service.app.openapi()["paths"]["/thing"]
        assert (security["get"]["security"], len(security["post"]["security"])) == ([], 2)


def test_an_error_that_nobody_foresaw_is_a_refusal_like_others(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path, cors=["https://shop.example"]) as service:

        @service.app.get("/broken")
        @needs(PUBLIC)
        async def broken() -> str:
            raise RuntimeError("unforeseen")

        response = service.client().get("/broken", headers={"Origin": "https://shop.example"})
        assert (response.status_code, response.json()["type"]) == (500, "urn:pupila:problem:internal-error")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        assert "unforeseen" not in response.text
    (row,) = service.access()
    assert (row["status"], row["reason"]) == (500, "internal-error") and row["bytes_out"] > 0


def test_an_ended_token_is_named_in_the_security_log(folder: str, tmp_path: Path) -> None:
    with guarded(folder, tmp_path) as service:
        service.client().get("/model/info", headers=service.show("revoked"))
    assert service.security()[0]["token"] == service.ids["revoked"]


def test_a_service_that_does_not_start_leaves_no_logs_open(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    for tokens in (None, str(tmp_path / "none.json")):
        with pytest.raises(PupilaError):
            pupila.serve("no such bundle", log_folder=str(tmp_path), tokens=tokens)
    assert set(threading.enumerate()) == before


def test_a_client_that_never_ends_its_handshake_is_disconnected(
    folder: str, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServeSettings, "connection_limits", lambda _: ConnectionLimits(head_seconds=0.2))
    with (
        pupila.serve(folder, certificate=certificate[0], key=certificate[1], threads=1) as service,
        connect(int(service.url.rpartition(":")[2])) as silent,
        contextlib.suppress(ConnectionResetError),
    ):
        assert silent.recv(1) == b""
