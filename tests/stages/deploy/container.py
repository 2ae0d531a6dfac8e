"""A small runner of images: the built root, read-only, in namespaces of its own, as the image's user.

Docker and Podman need rights to start a container that some machines do not give. This does what they do with the
parts of an image that Pupila uses: environment, user, folder, entrypoint, volumes, health check and stop signal. The
network is the machine's.
"""

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROTECTED = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
_NAMESPACES = ["--mount", "--pid", "--uts", "--ipc"]


@dataclass(frozen=True)
class Image:
    """A built image: its root on this machine, and its configuration as Docker has it."""

    root: Path
    config: Mapping[str, Any]

    def command(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        """The command inside the root, as the image's user and in its folder and environment."""
        user, group = self.config["User"].split(":")
        given = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        return [
            "/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", *_PROTECTED, "/usr/bin/env", "-i",
            f"--chdir={self.config['WorkingDir']}", *given, *command,
        ]  # fmt: skip


@dataclass
class Container:
    """A running container."""

    image: Image
    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    output: Path  # of both its streams

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in it, as its user."""
        inside = self.image.command(list(command), self.environment)
        enter = ["nsenter", f"--target={self.find_first_process()}", *_NAMESPACES, "--root", "--", *inside]
        return subprocess.run(enter, capture_output=True, text=True, timeout=120)

    def is_healthy(self, port: int) -> bool:
        """The result of the image's health check, with another port than the image's."""
        kind, *command = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        (exposed,) = (each.partition("/")[0] for each in self.image.config["ExposedPorts"])
        return self.run(*(part.replace(exposed, str(port)) for part in command)).returncode == 0

    def wait_until_healthy(self, port: int) -> None:
        """Until its health check passes; the test fails where it ends before."""
        while not self.is_healthy(port):
            pass

    def stop(self) -> int:
        """Send the image's stop signal, as `docker stop` does; the exit code."""
        self.send_stop_signal()
        return self.process.wait(120)

    def send_stop_signal(self) -> None:
        signal_number = signal.Signals[self.image.config.get("StopSignal") or "SIGTERM"]
        subprocess.run(["kill", f"-{signal_number.value}", self.find_first_process()], check=True)

    def kill(self) -> None:
        """End it at once, if it still runs: with its process 1 all others end."""
        if self.process.poll() is None:
            subprocess.run(["kill", "-9", self.find_first_process()], check=False)
        self.process.wait()

    def find_first_process(self) -> str:
        """The id of its process 1 on this machine; the test fails where it has ended."""
        parent = self.process.pid
        while self.process.poll() is None:
            if children := Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                return children[0]
        raise AssertionError(f"it has ended with {self.process.returncode}:\n{self.output.read_text()}")


@contextmanager
def start(
    image: Image, output: Path, *arguments: str, volumes: Mapping[str, Path] | None = None,
    environment: Mapping[str, str] | None = None, entrypoint: list[str] | None = None,
) -> Iterator[Container]:  # fmt: skip
    """A container of the image; it is killed at the end, if it still runs.

    Args:
        image: whose entrypoint is started.
        output: file of what it prints.
        *arguments: of the entrypoint.
        volumes: by their folders in the container; those that the image declares can be written to.
        environment: more of it.
        entrypoint: another one than the image's.
    """
    for folder in volumes or {}:
        (image.root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    command = image.command([*(entrypoint or image.config["Entrypoint"]), *arguments], environment or {})
    script = "\n".join([*_mount(image, volumes or {}), f"exec chroot {image.root} {shlex.join(command)}"])
    with output.open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *_NAMESPACES, "--fork", "sh", "-ec", script], stdout=log, stderr=log
        )
    container = Container(image, process, environment or {}, output)
    try:
        yield container
    finally:
        container.kill()


def _mount(image: Image, volumes: Mapping[str, Path]) -> Iterator[str]:
    """The commands that lay out its file systems."""
    root = image.root
    yield "mount --make-rprivate /"
    yield f"mount --bind {root} {root}"
    for folder, source in volumes.items():
        yield f"mount --bind {source} {root}{folder}"
        if folder not in (image.config.get("Volumes") or {}):
            yield f"mount -o remount,bind,ro {root}{folder}"
    yield f"mount -o remount,bind,ro {root}"
    yield f"mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs {root}/tmp"
    yield f"mount -t tmpfs -o mode=755,nosuid tmpfs {root}/dev"
    for device in _DEVICES:
        yield f"touch {root}/dev/{device}; mount --bind /dev/{device} {root}/dev/{device}"
    yield f"mount -t proc -o nosuid,nodev,noexec proc {root}/proc"


def read_config(inspected: str) -> dict[str, Any]:
    """The configuration in what `buildah inspect --type image` prints."""
    config: dict[str, Any] = json.loads(inspected)["Docker"]["config"]
    return config
