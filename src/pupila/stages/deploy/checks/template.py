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


def read_templates(folder: Path) -> list[Template]:
    """The templates of a folder that can be read; what is wrong with the others the linter says."""
    from cfnlint.decode import decode

    templates = []
    for path in sorted(folder.glob(PATTERN)):
        content, errors = decode(str(path))
        if content is not None and not errors and isinstance(content.get("Resources"), dict):
            templates.append(Template(path.name, content))
    return templates
