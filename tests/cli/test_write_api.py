"""The reference page of the Python functions is what the code says, and every command calls it."""

import ast
from pathlib import Path

import pupila
from pupila.cli import write_api

CLI = Path(write_api.__file__).parent
# Modules of commands that describe settings and write files, and names that only put a result into words.
TOOLS = {"stages.py", "write_api.py", "write_flags.py", "write_options.py", "write_schemas.py"}
WORDS = {
    "describe",
    "describe_run",
    "describe_split",
    "describe_visit",
    "has_errors",
    "describe_queue",
    "describe_result",
    "sentences",
    "title",
}


def test_the_page_is_up_to_date() -> None:
    assert write_api.PAGE.read_text() == write_api.text(), "run python -m pupila.cli.write_api"


def test_every_function_of_the_face_is_on_the_page() -> None:
    described = {name for names in write_api.SECTIONS.values() for name in names}
    functions = {name for name in pupila.__all__ if name[0].islower()}
    assert functions <= described


def test_commands_call_the_functions_of_the_api() -> None:
    checked = 0
    for file in sorted(CLI.glob("*.py")):
        if file.name in TOOLS:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                ("pupila.stages", "pupila.artifacts", "pupila.learning")
            ):
                names = {alias.name for alias in node.names if not alias.name.isupper()}  # constants are free
                assert names <= WORDS, (
                    f"{file.name} imports {names - WORDS} of {node.module}: call pupila.api"
                )
        checked += 1
    assert checked > 15
