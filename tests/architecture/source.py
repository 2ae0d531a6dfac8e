"""Reading the source: every file with its room and its imports, without executing it."""

import ast
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.architecture import house

PACKAGE = "pupila"
COMPUTED = "<computed>"  # stands for a module whose name is not a literal


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file takes in."""

    target: str  # dotted and absolute: "pupila.core.files", "numpy.typing.NDArray"; relative ones begin with a dot
    line: int
    late: bool  # inside a function, so that loading the file doesn't need it

    @property
    def place(self) -> str | None:
        """The room of ours that it enters, such as "imaging/masks" or "cli"; None for foreign code."""
        head, _, rest = self.target.partition(".")
        return place_of(tuple(rest.split("."))) if head == PACKAGE and rest else None

    @property
    def library(self) -> str | None:
        """The third party; None for ours, the standard library, and computed names."""
        head = self.target.partition(".")[0]
        ours = {PACKAGE, COMPUTED, "", *sys.stdlib_module_names}
        return None if head in ours else head


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the package."""

    name: str  # "duplicates/pairs.py"
    tree: ast.Module
    lines: int
    imports: tuple[Import, ...]

    @property
    def place(self) -> str:
        """Its room: its folder on a floor of many rooms, else its floor; a floor's own `__init__` is the floor."""
        parts = tuple(self.name.removesuffix(".py").split("/"))
        return place_of(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @property
    def module(self) -> str:
        """Its dotted name: "pupila.imaging.duplicates.pairs"."""
        parts = [PACKAGE, *self.name.removesuffix(".py").split("/")]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place_of(parts: tuple[str, ...]) -> str:
    """From ("imaging", "masks", "codec") to "imaging/masks"; from ("cli", "app") to "cli"."""
    floor = parts[0]
    many = floor in house.ORDERED or floor in house.STRANGERS
    return "/".join(parts[:2]) if many else floor


def floor_of(place: str) -> str:
    """The floor of a room: "imaging" for "imaging/masks"."""
    return place.partition("/")[0]


def read(package: Path) -> list[Source]:
    """Every Python file under the package's folder."""
    sources = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
        name = path.relative_to(package).as_posix()
        reader = _Reader(skip_type_checking=name == "__init__.py")
        reader.visit(tree)
        sources.append(Source(name, tree, len(text.splitlines()), tuple(reader.imports)))
    return sources


@dataclass
class _Reader(ast.NodeVisitor):
    """Collects imports, also those by `import_module` and by `pupila.room` after a bare `import pupila`."""

    skip_type_checking: bool
    imports: list[Import] = field(default_factory=list)
    depth: int = 0
    package_names: set[str] = field(default_factory=set)

    def _add(self, target: str, node: ast.stmt | ast.expr) -> None:
        self.imports.append(Import(target, node.lineno, self.depth > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)
            if alias.name == PACKAGE:
                self.package_names.add(alias.asname or alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._add("." * node.level + f"{node.module or ''}.{alias.name}", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in self.package_names:
            self._add(f"{PACKAGE}.{node.attr}", node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if last_name(node.func) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            self._add(str(first.value) if literal and isinstance(first, ast.Constant) else COMPUTED, node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if self.skip_type_checking and last_name(node.test) == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def _inside(self, node: ast.AST) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _inside


def last_name(node: ast.expr) -> str:
    """The last word of a dotted expression: "task" for `data.task`; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
