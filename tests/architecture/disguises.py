"""Questions that find out what the task is without asking its record, as DESIGN.md, section 3, forbids them."""

import ast
from collections.abc import Iterator
from itertools import chain

from tests.architecture.source import Source, last_name

TASK_NAMES = ("classify", "multilabel", "segment", "prompt")
# Attributes that only one task has a value in -> whose they are: "*" of anything.
TASK_ATTRIBUTES = {
    "label_map": ("*",),
    "prompt_format": ("*",),
    "pooled": ("*",),
    "prompts": ("network", "info", "spec"),
}
PARTS = ("MODEL_FILE", "ENCODER", "DECODER", "onnx_file")  # of a bundle: which ones there are tells the task
AT_HOME = ("tasks", "artifacts/dataset")  # where tasks differ, and where masks are read
SAYS = (
    "asks what the task is in disguise; ask the task's record (target, capabilities), or use a file per task"
)


def disguises(source: Source) -> Iterator[tuple[int, str]]:
    """Lines that find out what the task is by the form of something else."""
    if source.place in AT_HOME:
        return
    theirs = set(_imported_from_task_files(source))
    for node in ast.walk(source.tree):
        if any(_tells(operand) for operand in _tested_values(node)) or _names_a_task(node) or _sniffs(node):
            yield getattr(node, "lineno", 0), SAYS
        elif isinstance(node, ast.Call) and last_name(node.func) == "isinstance":
            kinds = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else node.args[1:]
            if any(last_name(kind) in theirs for kind in kinds):
                yield node.lineno, SAYS


def _tested_values(node: ast.AST) -> list[ast.expr]:
    """The expressions that a node tests for being set."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        return [node.test]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [node.operand]
    if isinstance(node, ast.comprehension):
        return node.ifs
    if isinstance(node, ast.Call) and last_name(node.func) == "bool":
        return node.args
    if isinstance(node, ast.Compare) and any(map(_is_nothing, node.comparators)):
        return [node.left]
    return []


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, "")


def _tells(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in TASK_ATTRIBUTES:
        return False
    return "*" in TASK_ATTRIBUTES[node.attr] or last_name(node.value) in TASK_ATTRIBUTES[node.attr]


def _names_a_task(node: ast.AST) -> bool:
    """Whether a comparison has a task's name on one side, alone or in a row."""
    if not isinstance(node, ast.Compare):
        return False
    operands = [node.left, *node.comparators]
    rows = (value.elts for value in operands if isinstance(value, ast.Tuple | ast.List | ast.Set))
    words = [*operands, *chain.from_iterable(rows)]
    return any(isinstance(word, ast.Constant) and word.value in TASK_NAMES for word in words)


def _sniffs(node: ast.AST) -> bool:
    """Whether the files of a bundle are asked for one of a task's parts."""
    if isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
        return last_name(_called(node.left)) in PARTS
    if isinstance(node, ast.Call) and last_name(node.func) in ("exists", "is_file"):
        return any(
            last_name(_called(inner)) in PARTS for inner in ast.walk(node) if isinstance(inner, ast.expr)
        )
    return False


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _imported_from_task_files(source: Source) -> Iterator[str]:
    """Names of classes that come from a file with a task's name."""
    for taken in source.imports:
        *module, name = taken.target.split(".")
        is_class = name[:1].isupper() and name != name.upper()
        if is_class and module[:1] == ["pupila"] and {*module} & {*TASK_NAMES}:
            yield name
