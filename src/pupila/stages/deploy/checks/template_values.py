"""The values of a CloudFormation template as far as they are known before a stack exists."""

import re
from typing import Any

from pupila.stages.deploy.checks.yaml_text import LinedDict

_VARIABLE = re.compile(r"\$\{(!?)([\w.:]+)\}")


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping as it is; nothing in place of another value, whose form cfn-lint reports."""
    return value if isinstance(value, dict) else {}


def list_dicts(value: Any) -> list[dict[str, Any]]:
    """The mappings of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class TemplateValues:
    """Resolves references to the defaults of parameters; others stay as `${Name}`, the same text wherever they occur.

    Args:
        template: read with its tags.
    """

    def __init__(self, template: LinedDict) -> None:
        parameters = as_dict(template.get("Parameters"))
        self._defaults = {
            name: each["Default"] for name, each in parameters.items() if "Default" in as_dict(each)
        }
        self._conditions = as_dict(template.get("Conditions"))
        self._deciding: set[str] = set()  # conditions that are being decided

    def resolve(self, value: Any) -> Any:
        """The value without references, at any depth of lists and mappings."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Ref" and isinstance(argument, str):
                return self._defaults.get(argument, f"${{{argument}}}")
            if key == "Fn::GetAtt":
                parts = argument if isinstance(argument, list) else [argument]
                return "${" + ".".join(map(str, parts)) + "}"
            if key == "Fn::Sub":
                return self._substitute(argument)
            if key == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
                return str(argument[0]).join(str(self.resolve(item)) for item in argument[1])
            if key == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
                return self.resolve(argument[1] if self.holds(argument[0]) else argument[2])
        return {key: self.resolve(item) for key, item in value.items()}

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds with the defaults, or may hold with other values of empty parameters."""
        return self._decide(condition) is not False

    def _decide(self, condition: Any) -> bool | None:
        """Whether it holds; None: an empty parameter, which somebody fills in, or what exists later decides."""
        if isinstance(condition, str):
            if condition in self._deciding:  # it names itself, which the linter reports
                return None
            self._deciding.add(condition)
            outcome = self._decide(self._conditions.get(condition))
            self._deciding.discard(condition)
            return outcome
        key, argument = next(iter(as_dict(condition).items()), ("", None))
        if key == "Condition":
            return self._decide(argument)
        if not isinstance(argument, list):
            return None
        if key == "Fn::Equals":
            values = [self.resolve(side) for side in argument]
            is_open = any("${" in str(value) or (value == "" and isinstance(side, dict))
                          for side, value in zip(argument, values, strict=True))  # fmt: skip
            return None if is_open else len({str(value) for value in values}) == 1
        decided = [self._decide(each) for each in argument]
        if key == "Fn::Not":
            return None if decided == [None] else decided == [False]
        decisive = key == "Fn::Or"  # one of them is enough
        if decisive in decided:
            return decisive
        return None if None in decided else not decisive

    def _substitute(self, argument: Any) -> str:
        pair = isinstance(argument, list) and len(argument) == 2
        text, own = (argument[0], as_dict(argument[1])) if pair else (argument, {})

        def replace(match: re.Match[str]) -> str:
            if match[1]:  # ${!Name} is the text ${Name}
                return f"${{{match[2]}}}"
            value = own.get(match[2], self._defaults.get(match[2], match[0]))
            return str(self.resolve(value))

        return _VARIABLE.sub(replace, str(text))
