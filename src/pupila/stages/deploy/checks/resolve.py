"""The values of a template in a stack: parameters, conditions and references resolved."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_VARIABLE = re.compile(r"\$\{(?P<literal>!?)(?P<name>[^}]+)\}")
NO_VALUE = "AWS::NoValue"


@dataclass(slots=True)
class Scope:
    """What the names of a template stand for."""

    template: Mapping[str, Any]
    values: dict[str, Any]  # of parameters, AWS's own names, and resources: their physical ids
    attribute: Callable[[str, str], str]  # of the logical name of a resource and the name of an attribute
    _conditions: dict[str, bool] = field(default_factory=dict)

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template is true."""
        if condition not in self._conditions:
            self._conditions[condition] = (
                False  # as long as it is decided: it may name itself, which the linter reports
            )
            self._conditions[condition] = bool(self.resolve(self.template["Conditions"][condition]))
        return self._conditions[condition]

    def resources(self) -> dict[str, Mapping[str, Any]]:
        """The resources whose condition is true."""
        return {
            name: resource
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """The value without functions; a key or an item of no value is left out.

        Raises:
            KeyError: a name that stands for nothing.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in _FUNCTIONS:
                return _FUNCTIONS[key](self, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def reference(self, name: str) -> Any:
        """What `Ref` of a name is."""
        return NO_VALUE if name == NO_VALUE else self.values[name]

    def substitute(self, argument: Any) -> str:
        """What `Fn::Sub` of a text, or of a text and values, is."""
        text, own = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            name = match["name"]
            if match["literal"]:
                return f"${{{name}}}"
            if name in own:
                return str(self.resolve(own[name]))
            return str(self.attribute(*name.split(".", 1)) if "." in name else self.reference(name))

        return _VARIABLE.sub(replace, text)


def _if(scope: Scope, argument: Any) -> Any:
    return scope.resolve(argument[1] if scope.holds(argument[0]) else argument[2])


def _equals(scope: Scope, argument: Any) -> bool:
    left, right = map(scope.resolve, argument)
    return str(left) == str(right)


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": lambda scope, name: scope.reference(name),
    "Condition": lambda scope, name: (
        scope.holds(name) if isinstance(name, str) else {"Condition": scope.resolve(name)}
    ),
    "Fn::GetAtt": lambda scope, names: scope.attribute(*names),
    "Fn::Sub": lambda scope, argument: scope.substitute(argument),
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::Not": lambda scope, argument: not scope.resolve(argument[0]),
    "Fn::And": lambda scope, argument: all(map(scope.resolve, argument)),
    "Fn::Or": lambda scope, argument: any(map(scope.resolve, argument)),
    "Fn::Join": lambda scope, argument: argument[0].join(map(str, scope.resolve(argument[1]))),
    "Fn::Split": lambda scope, argument: scope.resolve(argument[1]).split(argument[0]),
    "Fn::Select": lambda scope, argument: scope.resolve(argument[1])[int(scope.resolve(argument[0]))],
    "Fn::Base64": lambda scope, argument: base64.b64encode(scope.resolve(argument).encode()).decode(),
}


def list_references(value: Any) -> Iterator[str]:
    """The names that a value refers to, resources and parameters; it may name them twice."""
    if isinstance(value, list):
        for item in value:
            yield from list_references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                text = item[0] if isinstance(item, list) else item
                yield from (
                    match["name"].split(".")[0] for match in _VARIABLE.finditer(text) if not match["literal"]
                )
                yield from list_references(item[1:] if isinstance(item, list) else [])
            else:
                yield from list_references(item)
