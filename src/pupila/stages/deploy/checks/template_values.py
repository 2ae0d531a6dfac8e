"""The values of a CloudFormation template as far as they are known before a stack exists."""

import re
from typing import Any

from pupila.stages.deploy.checks.yaml_text import LinedDict

_VARIABLE = re.compile(r"\$\{(!?)([\w.:]+)\}")


class TemplateValues:
    """Resolves references to the defaults of parameters; others stay as `${Name}`, the same text wherever they occur.

    Args:
        template: read with its tags.
    """

    def __init__(self, template: LinedDict) -> None:
        given = template.get("Parameters")
        parameters = given if isinstance(given, dict) else {}
        self._defaults = {
            name: each["Default"]
            for name, each in parameters.items()
            if isinstance(each, dict) and "Default" in each
        }
        conditions = template.get("Conditions")
        self._conditions = conditions if isinstance(conditions, dict) else {}

    def resolve(self, value: Any) -> Any:
        """The value without references, at any depth of lists and mappings."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Ref":
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
        """Whether a condition holds with the defaults; one that is not known does."""
        if isinstance(condition, str):
            return condition not in self._conditions or self.holds(self._conditions[condition])
        if not isinstance(condition, dict) or len(condition) != 1:
            return True
        ((key, argument),) = condition.items()
        if key == "Fn::Equals":
            left, right = (str(self.resolve(side)) for side in argument)
            return left == right or "${" in left + right
        if key == "Fn::Not":
            return not self.holds(argument[0])
        if key in ("Fn::And", "Fn::Or"):
            return (all if key == "Fn::And" else any)(self.holds(each) for each in argument)
        return self.holds(argument) if key == "Condition" else True

    def _substitute(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            if match[1]:  # ${!Name} is the text ${Name}
                return f"${{{match[2]}}}"
            value = own.get(match[2], self._defaults.get(match[2], match[0]))
            return str(self.resolve(value))

        return _VARIABLE.sub(replace, str(text))
