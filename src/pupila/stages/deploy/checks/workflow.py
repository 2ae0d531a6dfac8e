"""GitHub Actions workflows: what actionlint finds, and what a deployment without long-lived keys needs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pupila.core.messages import say, say_count
from pupila.stages.deploy.checks import actionlint
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.secret_names import is_secret
from pupila.stages.deploy.checks.yaml_text import LinedDict, LinedList, read_each, walk_values

CHECK = "Workflows"
_NAMES = (
    "github-workflow*.yml",
    "github-workflow*.yaml",
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
)
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|docker://\S+@sha256:[0-9a-f]{64}|\./\S+")
_CREDENTIALS = "aws-actions/configure-aws-credentials"
_IDENTITY = "id-token"
_KEYS = re.compile(
    r"\bAWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)\b|^aws-(access-key-id|secret-access-key)$"
)
_FOREIGN = re.compile(r"\$\{\{[^}]*\bgithub\.(event\b|head_ref\b)[^}]*\}\}")
_AWS = re.compile(r"(?:^|[\s;&|($])aws\s+[a-z]")
_SCRIPTS = ("run", "script")

Place = tuple[int, str, str]  # line, problem, remedy


def check(folder: Path) -> CheckResult | None:
    """Check the workflows of a folder."""
    names = sorted(str(path.relative_to(folder)) for pattern in _NAMES for path in folder.glob(pattern))
    if not names:
        return None
    faults: list[Fault] = []
    for name, content in read_each(folder, names, faults):
        faults += [Fault(name, str(line), *words) for line, *words in _check_content(content)]
    linted = actionlint.lint(folder, names)
    skipped = "" if linted is not None else say(
        "actionlint did not check: install it with {command}", command=actionlint.INSTALL
    )  # fmt: skip
    counted = say_count("{n} workflow", "{n} workflows", len(names))
    return CheckResult(CHECK, counted, (*faults, *(linted or ())), skipped)


def _check_content(content: LinedDict) -> Iterator[Place]:
    yield from _check_triggers(content)
    jobs = content.get("jobs")
    yield from _check_permissions(content, jobs if isinstance(jobs, LinedDict) else LinedDict(1))
    for job in jobs.values() if isinstance(jobs, LinedDict) else ():
        if isinstance(job, LinedDict):
            yield from _check_identity(job, content.get("permissions"))
            yield from _check_steps(job)
    yield from _check_values(content)


def _check_triggers(content: LinedDict) -> Iterator[Place]:
    events = content.get("on")
    if events == "pull_request_target" or (
        isinstance(events, dict | list) and "pull_request_target" in events
    ):
        line = content.find_line("on")
        if isinstance(events, LinedDict):
            line = events.find_line("pull_request_target")
        problem = say("pull_request_target gives the permissions of this repository to the code of others")
        yield line, problem, "pull_request"


def _check_permissions(content: LinedDict, jobs: LinedDict) -> Iterator[Place]:
    whole = [each for each in (content, *jobs.values()) if isinstance(each, LinedDict)]
    if "permissions" not in content:
        for name, job in jobs.items():
            if isinstance(job, LinedDict) and "permissions" not in job:
                problem = say(
                    "The job {job} has the default permissions, which may include writing", job=name
                )
                yield jobs.find_line(name), problem, "permissions: {contents: read}"
    for each in whole:
        given = each.get("permissions")
        if isinstance(given, str):
            problem = say("{permissions} gives more than any job needs", permissions=given)
            yield each.find_line("permissions"), problem, "permissions: {contents: read}"
        if isinstance(given, LinedDict):
            for scope, right in given.items():
                if right == "write" and scope != _IDENTITY:
                    problem = say("A deployment does not write to the repository: {scope}", scope=scope)
                    yield given.find_line(scope), problem, f"{scope}: read"
    top = content.get("permissions")
    if isinstance(top, LinedDict) and top.get(_IDENTITY) == "write":
        problem = say("Every job can ask for an identity, also one that needs none")
        yield top.find_line(_IDENTITY), problem, say("give it to the job that assumes the role")


def _check_identity(job: LinedDict, permissions: Any) -> Iterator[Place]:
    """A job uses AWS through a role, and only such a job may ask for an identity."""
    own = job.get("permissions", permissions)
    has_identity = isinstance(own, dict) and own.get(_IDENTITY) == "write"
    steps = _steps(job)
    roles = [step for step in steps if str(step.get("uses", "")).startswith(f"{_CREDENTIALS}@")]
    for step in roles:
        given = step.get("with")
        if not isinstance(given, LinedDict) or "role-to-assume" not in given:
            yield step.find_line("uses"), say("The step assumes no role"), "role-to-assume: ARN"
        elif not has_identity:
            problem = say("The job can't assume the role: it may not ask for an identity")
            yield step.find_line("uses"), problem, "permissions: {id-token: write}"
    if "permissions" in job and has_identity and not roles:
        line = job["permissions"].find_line(_IDENTITY)
        yield line, say("The job assumes no role, and may ask for an identity"), say("remove the line")
    for step in steps:
        if not roles and _AWS.search(str(step.get("run", ""))):
            yield step.find_line("run"), say("The step uses AWS, and the job assumes no role"), _CREDENTIALS
            return


def _check_steps(job: LinedDict) -> Iterator[Place]:
    for each in (job, *_steps(job)):
        uses = each.get("uses")
        if isinstance(uses, str) and not _PINNED.fullmatch(uses):
            problem = say("{action} is not pinned by the hash of a commit: its tag may move", action=uses)
            yield each.find_line("uses"), problem, "OWNER/NAME@HASH"


def _check_values(content: LinedDict) -> Iterator[Place]:
    for key, value, line in walk_values(content, content.line):
        text = "" if value is None else str(value)
        if _KEYS.search(text) or _KEYS.search(key) or is_secret("", text):
            problem = say("The workflow has a long-lived key: {name}", name=key)
            yield line, problem, "role-to-assume: ARN"
        if key in _SCRIPTS and _FOREIGN.search(text):
            problem = say("The script has a text that others write, and runs it")
            yield line, problem, 'env: {NAME: ${{ ... }}}, "$NAME"'


def _steps(job: LinedDict) -> list[LinedDict]:
    steps = job.get("steps")
    return [step for step in steps if isinstance(step, LinedDict)] if isinstance(steps, LinedList) else []
