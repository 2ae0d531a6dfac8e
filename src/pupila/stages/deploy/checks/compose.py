"""compose.yaml: the schema of the format, and what a service in production needs besides."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pupila.core.messages import listing, say, say_count
from pupila.stages.deploy.checks.programs import find_program, run_program
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.secret_names import is_secret
from pupila.stages.deploy.checks.yaml_text import LinedDict, LinedList, read_each

CHECK = "Compose"
_NAMES = ("compose*.yaml", "compose*.yml", "docker-compose*.yaml", "docker-compose*.yml")
_PROGRAM, _SCHEMA = "check-jsonschema", "vendor.compose-spec"
_VARIABLE = re.compile(r"\$\{\w+(?::?-([^}]*))?[^}]*\}|\$\w+")
_UNKNOWN = "\0"  # stands for a variable without a default
_LOOPBACK = re.compile(r"127\.|\[?::1\]?(:|$)|localhost(:|$)")
_SOCKET = "docker.sock"
# What shares a part of the machine -> the value that does not.
_HOST = {"pid": "", "ipc": "private", "network_mode": "", "userns_mode": "", "uts": ""}
_GRANTED = ("cap_add", "devices", "device_cgroup_rules")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]")

Place = tuple[int, str, str]  # line, problem, remedy


def check(folder: Path) -> CheckResult | None:
    """Check every `compose*.yaml` of a folder."""
    names = sorted({path.name for pattern in _NAMES for path in folder.glob(pattern)})
    if not names:
        return None
    faults: list[Fault] = []
    notes: list[str] = []
    program = find_program(_PROGRAM)
    skipped = "" if program else say(
        "The schema was not checked: install it with {command}", command="pip install check-jsonschema"
    )  # fmt: skip
    services = 0
    for name, content in read_each(folder, names, faults):
        faults += _check_schema(program, folder, name, content) if program else []
        services += len(_mapping(content, "services"))
        faults += [Fault(name, str(line), *words) for line, *words in _check_content(folder, content)]
        if missing := _list_missing(folder, content):
            notes.append(say("Write these before the start: {paths}", paths=listing(missing)))
    return CheckResult(
        CHECK, say_count("{n} service", "{n} services", services), tuple(faults), skipped, tuple(notes)
    )


def _check_schema(program: str, folder: Path, name: str, content: LinedDict) -> list[Fault]:
    run = run_program([program, "--builtin-schema", _SCHEMA, "--output-format", "json", name], folder)
    try:
        report: dict[str, list[dict[str, Any]]] = json.loads(run.stdout)
    except ValueError:
        return [Fault(name, "", say("check-jsonschema failed: {reason}", reason=run.stderr.strip()))]
    return [
        Fault(
            name,
            str(_find_line(content, each["path"])),
            f"{each['path'].lstrip('$.') or name}: {each['message']}",
        )
        for each in report["errors"]
    ]


def _find_line(content: Any, path: str) -> int:
    """The line of a JSON path such as `$.services.api.ports[0]`."""
    line = 1
    for key, index, quoted in _STEP.findall(path):
        if isinstance(content, LinedList) and index and int(index) < len(content):
            line, content = content.lines[int(index)], content[int(index)]
        elif isinstance(content, LinedDict) and (key or quoted) in content:
            line, content = content.find_line(key or quoted), content[key or quoted]
    return line


def _check_content(folder: Path, content: LinedDict) -> Iterator[Place]:
    for name, service in _mapping(content, "services").items():
        if isinstance(service, LinedDict):
            yield from _check_service(name, service, content["services"].find_line(name))
            yield from _check_files(folder, service)
    for config in _mapping(content, "configs").values():
        if isinstance(config, LinedDict) and "file" in config:
            yield from _check_path(folder, config["file"], config.find_line("file"))


def _check_service(name: str, service: LinedDict, line: int) -> Iterator[Place]:
    if service.get("privileged"):
        problem = say("{service} is privileged: it is root on the machine", service=name)
        yield service.find_line("privileged"), problem, say("remove the line")
    for key, harmless in _HOST.items():
        if str(service.get(key, harmless)) not in ("", harmless):
            problem = say("{service} is not kept apart from the machine: {key}", service=name, key=key)
            yield service.find_line(key), problem, say("remove the line")
    for key in _GRANTED:
        if service.get(key):
            problem = say("{service} gets more of the machine than it needs: {key}", service=name, key=key)
            yield service.find_line(key), problem, say("remove the line")
    for option, at in _items(service, "security_opt"):
        if "unconfined" in str(option):
            yield at, say("{service} runs without the kernel's filters", service=name), say("remove the line")
    if str(service.get("user", "")).partition(":")[0] in ("root", "0"):
        yield service.find_line("user"), say("{service} runs as root", service=name), 'user: "10001:10001"'
    if service.get("read_only") is not True:
        problem = say("{service} can write to its root file system", service=name)
        yield line, problem, say("read_only: true, with tmpfs where it writes")
    for port, at in _items(service, "ports"):
        if not _is_bound(port):
            problem = say("{service} listens on all interfaces of the machine", service=name)
            yield at, problem, "127.0.0.1:PORT:PORT"
    for variable, value, at in _list_variables(service):
        if is_secret(variable, value):
            problem = say("{service} gets the secret {name} as a variable, which inspection and child processes show",
                          service=name, name=variable)  # fmt: skip
            yield at, problem, "secrets: [NAME], /run/secrets/NAME"
    for volume, at in _items(service, "volumes"):
        source = volume.get("source", "") if isinstance(volume, dict) else str(volume)
        if _SOCKET in str(source) or str(source).partition(":")[0] in ("/", "/var/run", "/run"):
            yield (
                at,
                say("{service} controls Docker, and so the machine", service=name),
                say("remove the volume"),
            )
    image = _fill_in(service.get("image", ""))
    if image and _UNKNOWN not in image and not _has_version(image):
        problem = say("{service} has an image without a version: {image}", service=name, image=image)
        yield service.find_line("image"), problem, "NAME:VERSION"


def _is_bound(port: Any) -> bool:
    """Whether a port is bound to this machine alone, or to what a variable will say."""
    if isinstance(port, dict):
        host = _fill_in(port.get("host_ip", ""))
    else:
        text = _fill_in(port)
        host = text if text.startswith(_UNKNOWN) or text.count(":") >= 2 else ""
    return host.startswith(_UNKNOWN) or bool(_LOOPBACK.match(host))


def _has_version(image: str) -> bool:
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "@sha256:" in image or bool(tag and tag != "latest")


def _list_variables(service: LinedDict) -> Iterator[tuple[str, str, int]]:
    given = service.get("environment")
    if isinstance(given, LinedDict):
        for name, value in given.items():
            yield name, "" if value is None else str(value), given.find_line(name)
    for item, line in _items(service, "environment"):
        name, _, value = str(item).partition("=")
        yield name, value, line


def _check_files(folder: Path, service: LinedDict) -> Iterator[Place]:
    build = service.get("build")
    if isinstance(build, LinedDict):
        context = _fill_in(build.get("context", "."))
        line = build.find_line("dockerfile" if "dockerfile" in build else "context")
        yield from _check_path(folder / context, build.get("dockerfile", "Dockerfile"), line)
    elif isinstance(build, str):
        yield from _check_path(folder / build, "Dockerfile", service.find_line("build"))
    env_files = service.get("env_file", [])
    for item in env_files if isinstance(env_files, list) else [env_files]:
        path = item.get("path", "") if isinstance(item, dict) else item
        yield from _check_path(folder, path, service.find_line("env_file"))
    for source, line, created in _list_mounts(service):
        if created:
            yield from _check_path(folder, source, line)


def _list_mounts(service: LinedDict) -> Iterator[tuple[str, int, bool]]:
    """The files and folders that a service mounts: path, line, and whether Docker creates a folder in want of it."""
    for volume, line in _items(service, "volumes"):
        if isinstance(volume, LinedDict):
            bind = volume.get("bind")
            created = not (isinstance(bind, dict) and bind.get("create_host_path") is False)
            source = str(volume.get("source", ""))
        else:
            source, created = _fill_in(volume).split(":")[0], True
        if source.startswith("."):
            yield source, line, created


def _check_path(folder: Path, path: Any, line: int) -> Iterator[Place]:
    text = _fill_in(path)
    if _UNKNOWN not in text and not (folder / text).exists():
        yield line, say("There is no {path} in the folder", path=text), ""


def _list_missing(folder: Path, content: LinedDict) -> list[str]:
    """What is not rendered, and has to be there before Docker starts: secrets, and what Docker refuses to create."""
    secrets = [
        each.get("file", "") for each in _mapping(content, "secrets").values() if isinstance(each, dict)
    ]
    services = [each for each in _mapping(content, "services").values() if isinstance(each, LinedDict)]
    mounts = [source for each in services for source, _, created in _list_mounts(each) if not created]
    paths = [_fill_in(path) for path in (*secrets, *mounts)]
    return [path for path in paths if path and _UNKNOWN not in path and not (folder / path).exists()]


def _mapping(content: LinedDict, key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _items(service: LinedDict, key: str) -> list[tuple[Any, int]]:
    value = service.get(key)
    return list(zip(value, value.lines, strict=True)) if isinstance(value, LinedList) else []


def _fill_in(value: Any) -> str:
    """The text with the defaults of its variables."""
    return _VARIABLE.sub(lambda match: _UNKNOWN if match[1] is None else match[1], str(value))
