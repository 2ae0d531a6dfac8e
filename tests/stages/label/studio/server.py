"""A real Label Studio for tests: started with data of its own, spoken to as its pages and its users' scripts do."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any

import httpx

PROGRAM = "PUPILA_LABEL_STUDIO"  # environment variable: the program, where it is not on the path
_TOKEN = "0123456789abcdef0123456789abcdef01234567"
_STARTED = "Starting development server"  # of Django, when it is about to listen
_ATTEMPTS = 6  # to reach it then, each after twice the time of the one before
_SECONDS = 120  # for one response


def find_program() -> str | None:
    """Label Studio's program; None where it is not installed."""
    return os.environ.get(PROGRAM) or shutil.which("label-studio")


class Studio:
    """A running Label Studio.

    Args:
        client: that its API lets in.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def _call(self, method: str, path: str, **more: Any) -> Any:
        response = self.client.request(method, path, **more)
        assert response.is_success, f"{response.status_code} {response.text[:500]}"
        return response.json()

    def create_project(self, config: str) -> int:
        """The number of a new project with this labelling configuration."""
        return int(self._call("POST", "/api/projects", json={"title": "test", "label_config": config})["id"])

    def import_tasks(self, project: int, tasks: Any) -> list[Any]:
        """The tasks as Label Studio has them, with predictions, in their order."""
        path = f"/api/projects/{project}/import"
        numbers = self._call("POST", path, params={"return_task_ids": "true"}, json=tasks)["task_ids"]
        return [self._call("GET", f"/api/tasks/{number}") for number in numbers]

    def upload(self, project: int, name: str, content: bytes) -> Any:
        """The task of a file that was dropped onto the page of a project."""
        path, file = f"/api/projects/{project}/import", {"file": (name, content, "image/png")}
        imported = self._call("POST", path, params={"return_task_ids": "true"}, files=file)
        return self._call("GET", f"/api/tasks/{imported['task_ids'][0]}")

    def annotate(self, task: Any, results: Sequence[Any], **more: Any) -> None:
        """Submit an annotation."""
        body = {"result": list(results), "lead_time": 2.5, **more}
        self._call("POST", f"/api/tasks/{task['id']}/annotations", json=body)

    def accept_predictions(self, tasks: Sequence[Any]) -> None:
        """Submit the predictions of all tasks as they are; nothing where there is none."""
        for task in tasks:
            if task["predictions"]:
                self.annotate(task, task["predictions"][0]["result"])

    def export(self, project: int, form: str) -> bytes:
        """The export in a form that the project offers, such as JSON_MIN: a file, or an archive of files."""
        response = self.client.get(f"/api/projects/{project}/export", params={"exportType": form})
        assert response.is_success, f"{form} {response.status_code} {response.text[:500]}"
        return response.content


@contextmanager
def start_studio(program: str, folder: Path) -> Iterator[Studio]:
    """Label Studio on a free port of this machine, with its data in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "studio"),
        "COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "",
        "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    command = [
        program, "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port), "--username",
        "ana@shop.example", "--password", "correct-horse-battery", "--user-token", _TOKEN, "--enable-legacy-api-token",
    ]  # fmt: skip
    with subprocess.Popen(command, env=environment, cwd=home, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
        assert process.stdout is not None
        drain = Thread(target=_drain, args=(process.stdout,))  # a full pipe would stop it
        try:
            log = []
            for line in process.stdout:  # until it listens; or ends, and says why
                log.append(line)
                if _STARTED in line:
                    break
            drain.start()
            assert process.poll() is None, "".join(log)
            transport = httpx.HTTPTransport(retries=_ATTEMPTS)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=_SECONDS,
                              headers={"Authorization": f"Token {_TOKEN}"}) as client:  # fmt: skip
                assert client.get("/health").is_success
                yield Studio(client)
        finally:
            process.terminate()
            drain.join()


def _drain(stream: IO[str]) -> None:
    for _ in stream:
        pass
