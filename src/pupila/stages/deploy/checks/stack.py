"""CloudFormation templates by AWS's own linter: types, properties, values, references and regions."""

from pathlib import Path

from pupila.core.messages import say_count
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.checks.template import list_templates, read_templates

CHECK = "cfn-lint"


def check(folder: Path) -> CheckResult | None:
    """Lint the `cloudformation*.yaml` of a folder."""
    paths = list_templates(folder)
    if not paths:
        return None
    faults = [fault for path in paths for fault in _lint(path)]
    resources = sum(len(template.content["Resources"]) for template in read_templates(folder))
    return CheckResult(CHECK, say_count("{n} resource", "{n} resources", resources), tuple(faults))


def _lint(path: Path) -> list[Fault]:
    from cfnlint.api import lint_file

    faults = []
    for match in lint_file(path):
        words = [str(word) for word in getattr(match, "path", None) or ()]
        name = f" ({words[1]})" if words[:1] == ["Resources"] and len(words) > 1 else ""
        problem = f"{match.rule.id}: {match.message}"
        faults.append(Fault(path.name, f"{match.linenumber}{name}", problem, match.rule.shortdesc))
    return faults
