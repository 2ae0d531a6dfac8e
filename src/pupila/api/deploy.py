"""The files that put a bundle behind an address: rendered, and checked."""

import base64
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import TYPE_CHECKING

from pupila.api.inputs import ModelInput, Path, path_text
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say, say_count

if TYPE_CHECKING:
    from pupila.artifacts.bundle.folder import Bundle
    from pupila.artifacts.run.source import PredictingSource
    from pupila.stages.deploy.checks.result import CheckResult

_PATIENCE = 60.0  # seconds for the service to start or to end


@dataclass(frozen=True, slots=True, repr=False)
class RenderedDeployment(Displayed):
    """A folder of deployment files."""

    folder: str
    name: str  # of the service
    target: str
    files: list[str]  # all that the target has
    changed: list[str]  # those that are new or other than before
    notes: list[str]  # what was decided about the model

    def summary(self) -> Summary:
        """The folder, and the files."""
        count = say_count("{n} file", "{n} files", len(self.files))
        return Summary(
            "RenderedDeployment", f"{self.folder}: {self.target}, {count}", {say("name"): self.name}
        )


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
            verdict += " " + say_count("{n} check could not run.", "{n} checks could not run.", skipped)
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
        PupilaError: no bundle, an unknown target, an invalid name, or edited files.
    """
    from pupila.artifacts.run.source import parse_predicting
    from pupila.core import files
    from pupila.core.version import __version__
    from pupila.stages.deploy.deployment import Deployment, check_service_name, suggest_service_name
    from pupila.stages.deploy.record import DeployRecord, read_deploy_record, write_rendered
    from pupila.stages.deploy.rendering import METRICS_LOG, TARGETS, render_files

    if target not in TARGETS:
        raise PupilaError(say("Unknown target"), actual=f"'{target}'", expected=", ".join(TARGETS))
    folder = Folder(path_text(out))
    earlier = read_deploy_record(folder)
    source = parse_predicting(model)
    suggested = earlier.name if earlier else suggest_service_name(source.name.partition("@")[0])
    service = suggested if name is None else check_service_name(name)
    bundle = source.bundle
    opened, local = _find_address(model, source)
    recorded = folder / METRICS_LOG
    same = earlier is not None and (earlier.bundle, earlier.name, earlier.pupila) == (
        bundle.hash,
        service,
        __version__,
    )
    log = recorded.read_text("utf-8") if same and recorded.is_file() else _record_metrics(bundle, service)
    beside = files.relative(files.absolute(local), files.absolute(str(folder))) if local else ""
    deployment = Deployment(service, opened, bundle.hash, bundle.info, __version__, log, beside)
    targets = [*(earlier.targets if earlier else []), target]
    targets = [each for each in TARGETS if each in targets]
    rendered = render_files(deployment, target, targets)
    record = DeployRecord(
        pupila=__version__, name=service, model=source.path, bundle=bundle.hash, targets=targets, files={}
    )
    changed = write_rendered(folder, rendered, record, force)
    return RenderedDeployment(
        str(folder), service, target, sorted(rendered), changed, _describe_model(model, bundle, opened)
    )


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
    """A service of the bundle in a process of its own."""
    command = [sys.executable, "-m", "pupila", "serve", bundle.folder, "--port", "0", "--emf", name]
    process = subprocess.Popen(
        [*command, "--log-predictions", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stderr is not None
            messages = []
            for line in process.stderr:
                messages.append(line)
                if "http://" in line:
                    yield next(word for word in line.split() if word.startswith("http://")), process
                    return
            raise PupilaError(say("The service did not start"), actual="".join(messages).strip()[-500:])
        finally:
            process.kill()


def _post(url: str, fields: dict[str, object]) -> None:
    """Send an image; a refusal is a metric like any other."""
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
            response.read()
    except urllib.error.HTTPError:
        pass
