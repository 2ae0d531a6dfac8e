"""The stack of a template in moto, resource by resource and property by property.

moto's CloudFormation leaves out types and properties without a word. Those are written through the API of their
service, so that botocore validates them, and what nobody holds is a note.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pupila.core.messages import say, say_count
from pupila.stages.deploy.checks.cloud import ATTRIBUTES, REGION, Cloud, open_account, prepare_network
from pupila.stages.deploy.checks.compare import compare
from pupila.stages.deploy.checks.readers import READERS
from pupila.stages.deploy.checks.resolve import NO_VALUE, Scope, list_references
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.template import Template, read_templates
from pupila.stages.deploy.checks.writers import CREATORS, PROPERTY_WRITERS

CHECK = "moto"
_STACK = "pupila"
_IMAGES = "AWS::SSM::Parameter::Value"
_ACCOUNT = "123456789012"  # moto's own

# Optional parameters, empty in one stack, and what another gives them: each has resources that the other has not.
_OPTIONAL = {
    "AlarmMail": "alarms@example.org",
    "GitHubRepository": "owner/name",
    "ImageTag": "1.0",
    "ModelAddress": "s3://models/octagons",
    "ModelSha256": "0" * 64,
    "ModelsBucketName": "models",
    "ModelsPrefix": "octagons/",
    "Gpu": "yes",
    "Purchase": "on-demand",
}

_CHOICES = ("Gpu", "Purchase")  # their defaults are not empty


@dataclass(slots=True)
class Replayed:
    """What was compared of all stacks, and what was not."""

    resources: set[str] = field(default_factory=set)
    properties: set[str] = field(default_factory=set)
    faults: dict[tuple[str, str], Fault] = field(
        default_factory=dict
    )  # by file, and by resource and problem: each once
    replayed: dict[str, None] = field(default_factory=dict)  # types and properties, in their order
    unchecked: dict[str, str] = field(default_factory=dict)  # with the reason


def check(folder: Path) -> CheckResult | None:
    """Create the stacks of `cloudformation*.yaml` in moto and compare what it holds with what they declare."""
    templates = read_templates(folder)
    if not templates:
        return None
    replayed = Replayed()
    for template in templates:
        given = _OPTIONAL.keys() & template.content.get("Parameters", {}).keys()
        empty = {name: "" for name in _OPTIONAL if name not in _CHOICES}
        for optional in (empty, _OPTIONAL) if given else ({},):
            with open_account() as cloud:
                _compare_stack(template, cloud, optional, replayed)
        for name in template.content["Resources"]:
            path = f"{template.name}: {name}"
            if path not in replayed.resources and path not in replayed.unchecked:
                replayed.unchecked[path] = say("no stack of this check has it")
    resources = say_count("{n} resource", "{n} resources", len(replayed.resources))
    properties = say_count("{n} property", "{n} properties", len(replayed.properties))
    checked = say("{resources}, {properties}", resources=resources, properties=properties)
    return CheckResult(CHECK, checked, tuple(replayed.faults.values()), notes=tuple(_say_notes(replayed)))


def _compare_stack(template: Template, cloud: Cloud, optional: Mapping[str, str], replayed: Replayed) -> None:
    """Compare a stack of the template; one that can't be built is a fault of its file, and stops no other."""
    try:
        _Stack(template, cloud, optional, replayed).compare()
    except Exception as fault:  # noqa: BLE001 -- of a template that the linter reports, too
        problem = say("The stack can't be created: {reason}", reason=_say_reason(fault))
        replayed.faults.setdefault((template.name, problem), Fault(template.name, "", problem))


def _say_notes(replayed: Replayed) -> Iterator[str]:
    if replayed.replayed:
        yield say(
            "Moto's CloudFormation leaves these out; they were written through their APIs: {names}",
            names=", ".join(replayed.replayed),
        )
    for reason in dict.fromkeys(replayed.unchecked.values()):
        names = [name for name, own in replayed.unchecked.items() if own == reason]
        yield say("Not checked ({reason}): {names}", reason=reason, names=", ".join(names))


class _Stack:
    """One stack, with its parameters, in an account of its own."""

    def __init__(
        self, template: Template, cloud: Cloud, optional: Mapping[str, str], replayed: Replayed
    ) -> None:
        self._template, self._cloud, self._replayed = template, cloud, replayed
        self._parameters = self._choose_parameters(optional)
        values = {
            "AWS::AccountId": _ACCOUNT, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::StackName": _STACK,
            "AWS::URLSuffix": "amazonaws.com", NO_VALUE: NO_VALUE, **self._parameters,
        }  # fmt: skip
        for name, given in template.content.get("Parameters", {}).items():
            if str(given["Type"]).startswith(("List<", "CommaDelimitedList")):
                values[name] = values[name].split(",")
        self._scope = Scope(template.content, values, self._attribute)
        self._resources = self._scope.resources()

    def _choose_parameters(self, optional: Mapping[str, str]) -> dict[str, Any]:
        network, chosen = prepare_network(self._cloud), {}
        for name, given in self._template.content.get("Parameters", {}).items():
            fallback = given.get("Default", (given.get("AllowedValues") or [_STACK])[0])
            known = network.get(name, network.get(given["Type"], fallback))
            chosen[name] = str(optional.get(name, known))
        return chosen

    def _attribute(self, resource: str, attribute: str) -> str:
        kind = self._template.content["Resources"][resource]["Type"]
        return ATTRIBUTES[f"{kind}.{attribute}"](self._cloud, self._scope.values[resource])

    def compare(self) -> None:
        """Create the stack and compare all of it."""
        created_here = [name for name in self._resources if self._is_created_here(name)]
        early = [name for name in created_here if not self._needs(name)]
        self._create(early)
        if not self._create_by_cloudformation():
            return
        self._create(self._sort([name for name in created_here if name not in early]))
        for name in self._resources:
            self._compare_resource(name)

    def _is_created_here(self, name: str) -> bool:
        return self._resources[name]["Type"] in CREATORS

    def _needs(self, name: str) -> set[str]:
        return set(list_references(self._resources[name].get("Properties", {}))) & self._resources.keys()

    def _sort(self, names: list[str]) -> list[str]:
        """The resources, each after those that it needs."""
        ordered: list[str] = []
        while len(ordered) < len(names):
            ready = [
                name
                for name in names
                if name not in ordered and not self._needs(name) & {*names} - {*ordered}
            ]
            if not ready:  # a circle, which the linter reports
                return names
            ordered += ready
        return ordered

    def _create(self, names: list[str]) -> None:
        """Create resources through the APIs of their services."""
        for name in names:
            resource = self._resources[name]
            try:
                properties = self._scope.resolve(resource.get("Properties", {}))
                physical = CREATORS[resource["Type"]](self._cloud, properties, f"{_STACK}-{name}")
            except Exception as fault:  # noqa: BLE001 -- of botocore, of moto, or a name that stands for nothing
                self._add_fault(name, say("It can't be created: {reason}", reason=_say_reason(fault)))
                continue
            self._scope.values[name] = physical
            self._replayed.replayed[resource["Type"]] = None

    def _create_by_cloudformation(self) -> bool:
        cloudformation = self._cloud("cloudformation")
        parameters = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self._parameters.items()
        ]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # about types that moto leaves out: they are notes of the result
                cloudformation.create_stack(
                    StackName=_STACK, TemplateBody=json.dumps(self._reduce()), Parameters=parameters,
                    Capabilities=["CAPABILITY_IAM"],
                )  # fmt: skip
                created = cloudformation.describe_stack_resources(StackName=_STACK)["StackResources"]
        except Exception as fault:  # noqa: BLE001 -- moto raises whatever its code stumbles upon
            self._add_fault("", say("The stack can't be created: {reason}", reason=_say_reason(fault)))
            return False
        for each in created:
            if "PhysicalResourceId" in each:  # none: moto has no such type
                self._scope.values[each["LogicalResourceId"]] = each["PhysicalResourceId"]
        return True

    def _reduce(self) -> dict[str, Any]:
        """The template without the resources that are created here, and what refers to them."""
        created = {name: value for name, value in self._scope.values.items() if name in self._resources}
        resources = {}
        for name, resource in self._resources.items():
            if resource["Type"] not in CREATORS:
                own = {
                    key: value
                    for key, value in resource.items()
                    if key in ("Type", "Properties", "Condition")
                }
                after = resource.get("DependsOn", [])
                own["DependsOn"] = [
                    other for other in ([after] if isinstance(after, str) else after)
                    if other in self._resources and not self._is_created_here(other)
                ]  # fmt: skip
                resources[name] = _insert(own, created)
        content = self._template.content
        parameters = {  # moto has few of the images that AWS names; their values are given
            name: {"Type": "String"} if given["Type"].startswith(_IMAGES) else given
            for name, given in content.get("Parameters", {}).items()
        }
        rest = {key: content[key] for key in ("Conditions", "Mappings") if key in content}
        return {"Parameters": parameters, "Resources": resources, **rest}

    def _compare_resource(self, name: str) -> None:
        resource = self._resources[name]
        kind, path = resource["Type"], f"{self._template.name}: {name}"
        for key in resource.keys() & {"UpdatePolicy", "CreationPolicy"}:
            self._replayed.unchecked[f"{path}.{key}"] = say("moto has no instances that start")
        if name not in self._scope.values or kind not in READERS:
            self._replayed.unchecked[path] = say(
                "moto has no {kind}, or the check does not read it", kind=kind
            )
            return
        physical, properties = self._scope.values[name], resource.get("Properties", {})
        self._replayed.resources.add(path)
        for key, value in properties.items():
            try:
                self._compare_property(name, kind, physical, key, self._scope.resolve(value))
            except Exception as fault:  # noqa: BLE001 -- of botocore, of moto, or a name that stands for nothing
                self._add_fault(name, say("{name} is refused: {reason}", name=key, reason=_say_reason(fault)))

    def _compare_property(self, name: str, kind: str, physical: str, key: str, declared: Any) -> None:
        if declared is NO_VALUE:
            return
        write = PROPERTY_WRITERS.get(f"{kind}.{key}")
        read = READERS[kind]
        differences = list(compare({key: declared}, read(self._cloud, physical)))
        if write is not None and any(each.verdict != "equal" for each in differences):
            write(self._cloud, physical, declared)
            differences = list(compare({key: declared}, read(self._cloud, physical)))
            if any(each.verdict == "equal" for each in differences):
                self._replayed.replayed[f"{kind}.{key}"] = None
        for each in differences:
            path = f"{self._template.name}: {name}.{each.path}"
            if each.verdict == "absent":
                self._replayed.unchecked[f"{kind}.{each.path}"] = say("moto has no such property")
                continue
            self._replayed.properties.add(path)
            if each.verdict == "different":
                actual, expected = json.dumps(each.actual), json.dumps(each.declared)
                problem = say("{path} is {actual} in the stack, not {expected}", path=each.path, actual=actual,
                              expected=expected)  # fmt: skip
                self._add_fault(name, problem)

    def _add_fault(self, name: str, problem: str) -> None:
        fault = Fault(self._template.name, self._template.locate(name) if name else "", problem)
        self._replayed.faults.setdefault((fault.file, f"{name} {problem}"), fault)


def _insert(value: Any, created: Mapping[str, str]) -> Any:
    """A value in which references to resources are their physical ids."""
    if isinstance(value, list):
        return [_insert(item, created) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in created:
        return created[value["Ref"]]
    if value.keys() == {"Fn::Sub"}:
        argument = value["Fn::Sub"]
        text, own = argument if isinstance(argument, list) else (argument, {})
        for name, physical in created.items():
            text = text.replace(f"${{{name}}}", physical)
        return {"Fn::Sub": [text, _insert(own, created)] if own else text}
    return {key: _insert(item, created) for key, item in value.items()}


def _say_reason(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}" if not str(fault).startswith("An error") else str(fault)
