"""The files that put a bundle behind an address: rendered, and checked."""

import base64
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import TYPE_CHECKING

from pupila.api.inputs import ModelInput, Path, path_text
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import integer, listing, say, say_count

if TYPE_CHECKING:
    from pupila.artifacts.bundle.folder import Bundle
    from pupila.artifacts.run.source import PredictingSource
    from pupila.stages.deploy.checks.result import CheckResult
    from pupila.stages.deploy.record import DeployRecord

_PATIENCE = 60.0  # seconds for the service to start or to end
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True, repr=False)
class RenderedDeployment(Displayed):
    """A folder of deployment files."""

    folder: str
    name: str  # of the service
    targets: list[str]  # all that the folder has
    files: list[str]  # of these targets
    changed: list[str]  # those that are new or other than before
    notes: list[str]  # what was decided about the model

    def summary(self) -> Summary:
        """The folder, and the files."""
        count = say_count("{n} file", "{n} files", len(self.files))
        targets = ", ".join(self.targets)
        return Summary("RenderedDeployment", f"{self.folder}: {targets}, {count}", {say("name"): self.name})


@dataclass(frozen=True, slots=True, repr=False)
class CheckedDeployment(Displayed):
    """The results of all checks of a folder."""

    folder: str
    results: "list[CheckResult]"  # of each check that has a file in the folder

    @property
    def faults(self) -> int:
        """How many there are."""
        return sum(len(result.faults) for result in self.results)

    def summary(self) -> Summary:
        """The verdict."""
        return Summary("CheckedDeployment", self._verdict(), {})

    def sentences(self) -> list[str]:
        """The verdict, then each check with its faults, and with what it could not check."""
        lines = [self._verdict()]
        for result in self.results:
            lines += ["", f"{result.check}: {result.checked or result.skipped}"]
            if result.checked and result.skipped:
                lines.append(f"  - {result.skipped}")
            for fault in result.faults:
                place = f"{fault.file}:{fault.where}" if fault.where else fault.file
                lines.append("  ! " + say("{place}: {problem}", place=place, problem=fault.problem))
                if fault.remedy:
                    lines.append("    " + say("Try: {remedy}", remedy=fault.remedy))
            lines += [f"  - {note}" for note in result.notes]
        return lines

    def _verdict(self) -> str:
        skipped = sum(bool(result.skipped) for result in self.results)
        if self.faults:
            verdict = say_count(
                "{n} fault in {folder}.", "{n} faults in {folder}.", self.faults, folder=self.folder
            )
        else:
            verdict = say("No fault in {folder}.", folder=self.folder)
        if skipped:
            verdict += " " + say_count("{n} check is incomplete.", "{n} checks are incomplete.", skipped)
        return verdict


@public
def render_deployment(
    model: ModelInput, *, target: str, out: Path = "deploy", name: str | None = None, force: bool = False
) -> RenderedDeployment:
    """Write the files that deploy a bundle: images, a compose file, or a stack on AWS.

    The service is started for a moment on this machine, and the metrics that it writes are recorded beside the files:
    alarms are checked against them.

    Args:
        model: a bundle or a run, its folder or address, or a version of a registry.
        target: docker, compose, aws or aws-train; aws has all of compose, and compose has all of docker.
        out: folder of the files.
        name: of the service; None: that of an earlier rendering into the folder, else that of the model.
        force: whether files that were edited after an earlier rendering are overwritten.

    Raises:
        PupilaError: no bundle, an unknown target, an invalid name, a service that does not start, or edited files.
    """
    from pupila.artifacts.run.source import parse_predicting
    from pupila.core import files
    from pupila.core.version import __version__
    from pupila.stages.deploy.deployment import Deployment, check_service_name, suggest_service_name
    from pupila.stages.deploy.record import DeployRecord, read_deploy_record, write_rendered
    from pupila.stages.deploy.rendering import TARGETS, render_files

    folder = Folder(path_text(out))
    _check_request(target, TARGETS, folder)
    earlier = read_deploy_record(folder)
    source = parse_predicting(model)
    suggested = earlier.name if earlier else suggest_service_name(source.name.partition("@")[0])
    service = suggested if name is None else check_service_name(name)
    bundle = source.bundle
    opened, local = _find_address(model, source)
    beside = files.relative(files.absolute(local), files.absolute(str(folder))) if local else ""
    log = _find_log(folder, earlier, bundle, service) or _record_metrics(bundle, service)
    deployment = Deployment(service, opened, bundle.hash, bundle.info, __version__, log, beside)
    targets = [each for each in TARGETS if each == target or (earlier and each in earlier.targets)]
    rendered = render_files(deployment, targets)
    record = DeployRecord(
        pupila=__version__,
        name=service,
        model=opened or beside,
        bundle=bundle.hash,
        targets=targets,
        files={},
    )
    changes = write_rendered(folder, rendered, record, force)
    notes = _describe_model(model, bundle, opened)
    if changes.deleted:
        notes.append(say("Deleted, as they are no longer rendered: {names}.", names=listing(changes.deleted)))
    if changes.left:
        notes.append(
            say("No longer rendered, but edited, so they are left: {names}.", names=listing(changes.left))
        )
    return RenderedDeployment(str(folder), service, targets, sorted(rendered), changes.written, notes)


@public
def check_deployment(folder: Path = "deploy") -> CheckedDeployment:
    """Check the files of a folder: nothing is deployed, and no cloud is reached.

    Args:
        folder: that `render_deployment` wrote, with whatever was edited since.

    Raises:
        PupilaError: no such folder, or nothing was rendered into it.
    """
    from pupila.stages.deploy.checks.run import check_folder

    path = path_text(folder)
    return CheckedDeployment(path, check_folder(Folder(path)))


def _check_request(target: str, targets: Iterable[str], folder: Folder) -> None:
    """Refuse an unknown target, and a file in the place of the folder."""
    if target not in targets:
        raise PupilaError(
            say("Unknown target"),
            actual=f"'{target}'",
            expected=", ".join(targets),
            remedy="--target compose",
        )
    if folder.exists() and not folder.is_dir():
        raise PupilaError(
            say("{path} is no folder", path=folder),
            expected=say("a folder, or a new name"),
            remedy="--out deploy",
        )


def _find_address(model: ModelInput, source: "PredictingSource") -> tuple[str, str]:
    """(how a service elsewhere opens the model, folder of the bundle on this disk); one of them is ""."""
    from pupila.artifacts.registry.names import PREFIX, is_reference, parse_reference
    from pupila.core import files

    local = "" if files.is_remote(source.bundle.folder) else source.bundle.folder
    if local:
        return "", local
    if is_reference(model):
        reference = parse_reference(str(model))
        return f"{PREFIX}{reference.registry}#{reference.name}@{reference.selector}", ""
    return source.bundle.folder, ""


def _describe_model(model: ModelInput, bundle: "Bundle", opened: str) -> list[str]:
    """Which model the service opens, in words."""
    from pupila.artifacts.registry.names import is_reference

    if bundle.info.drift is None:
        notes = [
            say(
                "The bundle has no reference: its service does not monitor drift, and there is no alarm of it."
            )
        ]
    else:
        notes = []
    if opened:
        return [*notes, say("The service opens {model}.", model=opened)]
    notes.append(say("The bundle {folder} lies on this disk: it is mounted, or copied to a store, by its hash.",
                     folder=bundle.folder))  # fmt: skip
    if is_reference(model):
        notes.append(
            say("A registry on this disk can't be followed from elsewhere: the service keeps this version.")
        )
    return notes


def _find_log(folder: Folder, earlier: "DeployRecord | None", bundle: "Bundle", name: str) -> str:
    """The log in the folder, if a service of this name, bundle and code wrote it; else empty."""
    from pupila.core import files
    from pupila.stages.deploy.rendering import METRICS_LOG
    from pupila.stages.deploy.wheel import WHEEL_NAME, build_wheel

    path = folder / METRICS_LOG
    if earlier is None or not path.is_file():
        return ""
    code = earlier.files.get(f"wheel/{WHEEL_NAME}")
    content = path.read_bytes()
    is_same = (earlier.bundle, earlier.name, code) == (bundle.hash, name, files.sha256(build_wheel()))
    return content.decode() if is_same and files.sha256(content) == earlier.files.get(METRICS_LOG) else ""


def _record_metrics(bundle: "Bundle", name: str) -> str:
    """What a service of the bundle writes for CloudWatch: it is started, gets images, and is stopped.

    Raises:
        PupilaError: the service does not start.
    """
    from pupila.artifacts.bundle.golden import golden_images
    from pupila.tasks import TASKS

    prompts = TASKS[bundle.info.task].takes_prompts
    route, prompt = ("segment", {"points": [[1, 1]]}) if prompts else ("predict/single", {})
    with tempfile.TemporaryDirectory() as log, _serve(bundle, name, log) as (url, process):
        for image in golden_images().values():
            _post(f"{url}/{route}", {"image": base64.b64encode(image).decode(), **prompt})
        process.terminate()
        lines, _ = process.communicate(timeout=_PATIENCE)
    return "".join(line + "\n" for line in lines.splitlines() if '"_aws"' in line)


@contextmanager
def _serve(bundle: "Bundle", name: str, log: str) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """A service of the bundle in a process of its own.

    Raises:
        PupilaError: it does not start within a minute, or fails.
    """
    command = [sys.executable, "-m", "pupila", "serve", bundle.folder, "--port", "0", "--emf", name]
    process = subprocess.Popen(
        [*command, "--log-predictions", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    limit = threading.Timer(_PATIENCE, process.kill)
    limit.start()
    messages: list[str] = []
    try:
        with process:
            for line in process.stderr or ():
                messages.append(line)
                if address := _ADDRESS.search(line):
                    yield address[0], process
                    return
        raise PupilaError(
            say("The service did not start"), actual="".join(messages).strip()[-500:] or say("no message"),
            expected=say("a service whose metrics can be recorded"), remedy=f"pupila serve {bundle.folder} --port 0",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise PupilaError(
            say("The metrics of the service could not be recorded"), actual=f"{type(fault).__name__}: {fault}",
            expected=say("a service that responds within {n} s", n=integer(int(_PATIENCE))),
            remedy=f"pupila serve {bundle.folder} --port 0",
        ) from fault  # fmt: skip
    finally:
        limit.cancel()
        process.kill()


def _post(url: str, fields: dict[str, object]) -> None:
    """Send an image; a refusal is a metric like any other."""
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"content-type": "application/json"})
    with (
        contextlib.suppress(urllib.error.HTTPError),
        urllib.request.urlopen(request, timeout=_PATIENCE) as response,
    ):
        response.read()
