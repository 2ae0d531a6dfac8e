"""The training stack: its user data runs in bash, with programs that record their arguments, and a bucket of moto."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

import pupila
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core import files
from pupila.stages.deploy.aws_train import TEMPLATE, render
from pupila.stages.deploy.deployment import Deployment
from tests.conftest import REPOSITORY
from tests.s3 import BUCKET, Server, emptied, s3_server
from tests.stages.train.mirrored import SETTINGS, upload, write_pets

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/octagons-train:1.2.0"
ARGUMENTS = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in SETTINGS.items())
VALUES = {
    "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "octagons-train", "ImageTag": "1.2.0", "AlarmTopic": "arn:topic",
    "LogGroup": "/pupila/octagons-train",
    "DataBucket": BUCKET, "DataPrefix": "data", "Bucket": BUCKET, "RunName": "first", "ModelName": "octagons",
    "Arguments": ARGUMENTS, "MaximumHours": "12", "GpuOption": "",
}  # fmt: skip
# Each records its arguments first. The bucket is real, and so is pupila; spot's notice comes after the first epoch.
PROGRAMS = {
    "aws": '[ "$1" != s3 ] || [ ! -e "$MACHINE/broken" ] || exit 254; '
           'case "$1 $2" in "s3 ls"|"s3 cp"|"s3 rm") exec python -m tests.stages.deploy.aws_s3 "${@:2}";; '
           'ecr*) echo secret;; esac',
    "docker": f"""case "$1" in
    run) while [ "$1" != {IMAGE} ]; do shift; done; echo $$ > "$MACHINE/pid"; exec python -m pupila "${{@:2}}";;
    login) cat > "$MACHINE/password";;
    kill) kill -TERM "$(cat "$MACHINE/pid")";; esac""",
    "curl": 'case "$*" in *PUT*) echo token;; *) [ -e "$MACHINE/spot" ] && [ -e "$WORK/first/log.jsonl" ];; esac',
    "sleep": 'if [ "$1" -gt 99 ]; then exec /bin/sleep 300; fi; exec /bin/sleep 0.05',
    "timeout": 'if [ "$1" != -k ]; then exec "${@:2}"; fi; if [ -e "$MACHINE/slow" ]; then exit 124; fi; '
    'exec "${@:4}"',
    "chown": "", "dnf": "", "systemctl": "", "shutdown": "",
}  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as their arguments."""


def _argument(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True)


_Loader.add_multi_constructor("!", _argument)


def rendered() -> str:
    info = BundleInfo.model_construct()
    return render(Deployment("octagons", "", "", info, "1.2.0", ""))[TEMPLATE].decode()


def user_data(**values: str) -> str:
    """The script as CloudFormation hands it to the instance."""
    template = yaml.load(rendered(), _Loader)
    data = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    (head, script) = data["Fn::Base64"]["Fn::Join"][1]
    text: str = head["Fn::Sub"][0]
    for name, value in (VALUES | values).items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    return text + str(script)


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as server:
        yield server


@pytest.fixture
def bucket(started: Server) -> str:
    """The address of an empty bucket."""
    emptied(started)
    return f"s3://{BUCKET}"


def boot(machine: Path, *marks: str, **values: str) -> list[str]:
    """Run the user data on a machine of its own; the calls of other programs."""
    programs = machine / "programs"
    programs.mkdir(parents=True)
    for mark in marks:
        (machine / mark).touch()
    for name, body in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/bash\necho "{name} $*" >> "$MACHINE/calls"\n{body}\n')
        (programs / name).chmod(0o755)
    surroundings = os.environ | {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}", "MACHINE": str(machine),
        "WORK": str(machine / "work"), "PUPILA_CACHE": str(machine / "cache"), "PYTHONPATH": os.pathsep.join(sys.path),
        "PUPILA_REGISTRY": f"s3://{BUCKET}/models",
    }  # fmt: skip
    script = machine / "user-data"
    script.write_text(user_data(**values))
    with (machine / "output").open("wb") as output:
        process = subprocess.Popen(["bash", str(script)], cwd=REPOSITORY, env=surroundings, stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    process.wait()
    with suppress(ProcessLookupError):
        os.killpg(
            process.pid, signal.SIGKILL
        )  # the watches in the background, which a machine ends with itself
    return (machine / "calls").read_text().splitlines()


def mails(calls: list[str]) -> list[str]:
    return [call.partition("--subject ")[2] for call in calls if call.startswith("aws sns")]


def is_stopped(calls: list[str]) -> bool:
    scaled = (
        "aws autoscaling set-desired-capacity --auto-scaling-group-name octagons-train --desired-capacity 0"
    )
    return scaled in calls and "shutdown -h now" in calls


@pytest.mark.slow
def test_an_interrupted_training_is_resumed_and_registered(bucket: str, tmp_path: Path) -> None:
    upload(write_pets(tmp_path / "pets"), f"{bucket}/data")
    calls = boot(tmp_path / "taken", "spot")
    assert "docker kill --signal TERM pupila-train" in calls
    assert not mails(calls) and not is_stopped(calls)  # the group starts the next one
    shutil.rmtree(tmp_path / "taken")
    calls = boot(tmp_path / "next")
    output = (tmp_path / "next" / "work.log").read_text()
    assert "Restored the run from its mirror" in output, output
    (mail,) = mails(calls)
    assert mail.startswith(
        "Pupila training first: registered as octagons, with its evaluation on the test split"
    )
    assert is_stopped(calls)
    version = f"registry:{bucket}/models#octagons@1"
    assert pupila.load(version).bundle.hash == pupila.load(f"{bucket}/runs/first").bundle.hash
    pupila.registry(f"{bucket}/models").promote(
        "octagons@1", "production"
    )  # by the evaluation on the test split
    assert files.exists(f"{bucket}/runs/first/bundle/bundle.json") and files.exists(
        f"{bucket}/runs/first.log"
    )
    assert not files.exists(f"{bucket}/runs/first.begin")
    (run, *_) = [call for call in calls if call.startswith("docker run")]
    for option in ("--read-only", "--cap-drop ALL", "--user 10001:10001", "--env HF_HUB_OFFLINE=1"):
        assert option in run


@pytest.mark.parametrize(("values", "marks", "outcome"), [
    ({"Arguments": "--epoch 3"}, (), "failed while training"),
    ({}, ("slow",), "failed: longer than 12 hours"),
])  # fmt: skip
def test_what_fails_is_mailed_and_stopped(
    values: dict[str, str], marks: tuple[str, ...], outcome: str, bucket: str, tmp_path: Path
) -> None:
    calls = boot(tmp_path / "machine", *marks, **values)
    assert mails(calls)[0].startswith(f"Pupila training first: {outcome} --message")
    assert is_stopped(calls)
    assert files.read_bytes(f"{bucket}/runs/first.log")


def test_the_limit_counts_from_the_first_instance(bucket: str, tmp_path: Path) -> None:
    files.write_bytes(f"{bucket}/runs/first.begin", str(int(time.time()) - 12 * 3600 - 1).encode())
    calls = boot(tmp_path / "machine")
    assert mails(calls)[0].startswith("Pupila training first: failed: longer than 12 hours")
    assert is_stopped(calls) and not any(call.startswith("docker") for call in calls)


def test_a_store_that_fails_does_not_begin_the_limit_again(bucket: str, tmp_path: Path) -> None:
    begin = str(int(time.time()) - 3600).encode()
    files.write_bytes(f"{bucket}/runs/first.begin", begin)
    calls = boot(tmp_path / "machine", "broken")
    assert mails(calls)[0].startswith(
        "Pupila training first: failed: the time limit of the run can't be read"
    )
    assert is_stopped(calls) and not any(call.startswith("docker") for call in calls)
    assert files.read_bytes(f"{bucket}/runs/first.begin") == begin


def test_the_template_is_clean(tmp_path: Path) -> None:
    (tmp_path / TEMPLATE).write_text(rendered())
    program = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert program
    lint = subprocess.run([program, str(tmp_path / TEMPLATE)], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout
    assert len(user_data().encode()) < 16384  # what EC2 takes
    if (shellcheck := shutil.which("shellcheck")) is None:
        pytest.skip("no shellcheck, the rest was checked")
    (tmp_path / "script").write_text(user_data())
    assert not subprocess.run([shellcheck, str(tmp_path / "script")], capture_output=True, check=False).stdout
