"""The templates of the rendered files: plain text, in which `<<name>>` stands for a value."""

import re
from importlib.resources import files as resources

_PLACEHOLDER = re.compile(r"^(?P<indent>[ ]*)<<(?P<block>\w+)>>$|<<(?P<value>\w+)>>", re.MULTILINE)


def fill(template: str, /, **values: str) -> str:
    """The text of a template with its values.

    Args:
        template: name of a file in the folder of templates.
        values: by placeholder; a value of several lines, alone on its line, is indented as its placeholder is.

    Raises:
        KeyError: a placeholder has no value.
        ValueError: a value has no placeholder.
    """
    text = (resources("pupila") / "stages" / "deploy" / "templates" / template).read_text(encoding="utf-8")
    used = set()

    def replace(match: re.Match[str]) -> str:
        name = match["block"] or match["value"]
        used.add(name)
        if match["block"] is None:
            return values[name]
        indent = match["indent"]
        return "\n".join(indent + line if line else "" for line in values[name].rstrip("\n").split("\n"))

    filled = _PLACEHOLDER.sub(replace, text)
    if unused := sorted(values.keys() - used):
        raise ValueError(f"{template} has no placeholder for {', '.join(unused)}")
    return filled
