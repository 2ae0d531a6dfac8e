"""A CloudFormation template that was read, with the lines of its resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATTERN = "cloudformation*.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """A file and its content."""

    name: str
    content: Mapping[str, Any]

    def locate(self, resource: str) -> str:
        """A resource with its line, for a fault: "320 (Group)"."""
        given = self.content["Resources"].get(resource)
        return resource if given is None else f"{given.start_mark.line} ({resource})"


def list_templates(folder: Path) -> list[Path]:
    """The files of templates; a pipe or a folder is none."""
    return sorted(path for path in folder.glob(PATTERN) if path.is_file())


def read_templates(folder: Path) -> list[Template]:
    """The templates of a folder that can be read; what is wrong with the others the linter says."""
    templates = []
    for path in list_templates(folder):
        from cfnlint.decode import decode  # of an extra, which a folder without templates does not need

        content, errors = decode(str(path))
        if content is None or errors or not isinstance(content.get("Resources"), dict):
            continue
        for part in ("Resources", "Parameters"):  # whatever has no type says the linter, too
            if part in content:
                content[part] = _keep_typed(content[part])
        templates.append(Template(path.name, content))
    return templates


def _keep_typed(entries: Any) -> dict[str, Any]:
    """The entries that have a type, and properties where they have any."""
    pairs = entries.items() if isinstance(entries, dict) else ()
    return {
        name: entry for name, entry in pairs
        if isinstance(entry, dict) and isinstance(entry.get("Type"), str)
        and isinstance(entry.get("Properties", {}), dict)
    }  # fmt: skip
