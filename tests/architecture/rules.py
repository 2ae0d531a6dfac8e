"""The rules of the house, one function each, and `check`, which asks them all."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

from tests.architecture import house
from tests.architecture.source import COMPUTED, PACKAGE, Import, Source, floor_of, last_name, read


class Violation(NamedTuple):
    """What breaks a rule, where, and what to do instead."""

    file: str
    line: int
    rule: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.says}"


class Checked(NamedTuple):
    """The violations of a check, and how much it read."""

    violations: list[Violation]
    files: int
    imports: int


Findings = Iterator[tuple[int, str]]  # (line, what to do instead)
ENTRANCES = ("__init__", "__main__")
IMPORTS_GO_DOWN = "imports go down: meet in a file, or move the code"
NEW_LIBRARY = "use one that has, or add it to DOORS, to pyproject.toml with a lower bound, and `make lock`"
Node = TypeVar("Node", bound=ast.AST)


def known_room(source: Source) -> Findings:
    floor, _, room = source.place.partition("/")
    if floor in ENTRANCES:
        return
    if floor not in house.LEVEL_OF:
        yield 1, f"folder '{floor}' is no floor; add it to FLOORS, or move the file into a room"
    elif room and room not in rooms_of(floor):
        yield 1, f"'{source.place}' is no room that the house knows; add it to its floor, or move the file"


def rooms_of(floor: str) -> tuple[str, ...]:
    """The rooms of a floor that has several; none for a floor that is one room."""
    return house.ORDERED.get(floor, ()) + house.STRANGERS.get(floor, ())


def direction(source: Source) -> Findings:
    for taken in source.imports:
        place = taken.place
        if taken.target.startswith("."):
            yield taken.line, f"'{taken.target}' is relative; imports are absolute"
        elif taken.target == COMPUTED and source.place != "__init__":
            yield taken.line, "a module by a computed name can't be checked; name it in a literal"
        elif place is None or place == source.place:
            continue
        elif floor_of(place) not in house.LEVEL_OF:
            yield taken.line, f"'{place}' is no floor; inside the house a name is imported from its own room"
        elif not may_know(source.place, place):
            yield taken.line, f"'{source.place}' may not import '{place}'; {IMPORTS_GO_DOWN}"


def may_know(importer: str, imported: str) -> bool:
    """Whether the first room may import the second."""
    if importer == "__init__":  # the Python face loads on use, or `import pupila` gets heavy
        return imported == "core/version"
    if importer == "__main__":
        return imported == "cli"
    ours, theirs = floor_of(importer), floor_of(imported)
    if ours not in house.LEVEL_OF or house.LEVEL_OF[theirs] != house.LEVEL_OF[ours]:
        return house.LEVEL_OF[theirs] < house.LEVEL_OF.get(ours, 0)
    left, right = imported.partition("/")[2], importer.partition("/")[2]
    rooms = house.ORDERED.get(ours, ())
    return ours == theirs and left in rooms and right in rooms and rooms.index(left) < rooms.index(right)


def stands_in(place: str, rooms: Iterable[str]) -> bool:
    """Whether a room is one of these, which may name whole floors."""
    return place in rooms or floor_of(place) in rooms


def torch_free(source: Source) -> Findings:
    if stands_in(source.place, (*house.TORCH_ROOMS, *house.MAY_NAME_TORCH)):
        return
    for taken in source.imports:
        if taken.library in house.TORCH:
            yield taken.line, f"'{source.place}' never imports {taken.library}; torch lives in learning"
        elif taken.place and floor_of(taken.place) == "learning" and floor_of(source.place) == "stages":
            yield taken.line, f"'{source.place}' runs without torch, which '{taken.place}' would bring"


def door(source: Source) -> Findings:
    level = house.LEVEL_OF.get(floor_of(source.place), 0)
    for taken in source.imports:
        library = taken.library
        if library is None or (library in house.TORCH and any(torch_free(source))):
            continue
        rooms = house.DOORS.get(library, ())
        from_floor = house.OPEN.get(library)
        if not rooms and from_floor is None:
            yield taken.line, f"'{library}' has no door; {NEW_LIBRARY}"
        elif not stands_in(source.place, rooms) and (
            from_floor is None or level < house.LEVEL_OF[from_floor]
        ):
            where = " and ".join(rooms) or "higher floors"
            yield taken.line, f"'{library}' enters through {where}; call that room"


def pickles(source: Source) -> Findings:
    for taken in source.imports:
        if taken.target.partition(".")[0] in house.PICKLES or taken.target == "torch.load":
            yield taken.line, f"no pickle crosses a border ({taken.target}); write safetensors and JSON"
    names = {a.asname for node in _all(source, ast.Import) for a in node.names if a.name == "torch"}
    for node in _all(source, ast.Attribute):
        if node.attr == "load" and isinstance(node.value, ast.Name) and node.value.id in {"torch", *names}:
            yield node.lineno, "torch.load reads pickles; read safetensors"
    for word in _all(source, ast.keyword):
        refused = isinstance(word.value, ast.Constant) and word.value.value is False
        if word.arg == "allow_pickle" and not refused:
            yield word.value.lineno, "allow_pickle reads pickles; write plain arrays"


def environment(source: Source) -> Findings:
    """Who reads the environment is listed, and secrets are read in one file."""
    readers = [node for node in _all(source, ast.Attribute) if node.attr in ("environ", "environb", "getenv")]
    imported = [
        taken for taken in source.imports if taken.target in ("os.environ", "os.environb", "os.getenv")
    ]
    if source.name not in house.ENVIRONMENT:
        for line in {node.lineno for node in readers} | {taken.line for taken in imported}:
            yield line, "settings are arguments; a path of the environment needs a row in ENVIRONMENT"
    elif source.name != house.SECRETS_FILE:
        lines = {node.lineno for node in readers}
        for node in _all(source, ast.Constant):
            if (
                node.lineno in lines
                and isinstance(node.value, str)
                and re.search(house.SECRET_VARIABLE, node.value)
            ):
                yield node.lineno, f"{node.value} may be a secret; call read_secret of core/secrets"


def task_comparison(source: Source) -> Findings:
    if source.place == "tasks":
        return
    says = "tasks are told apart in tasks/ alone; add a field to the task's record"
    for node in _all(source, ast.Compare):
        operands = [node.left, *node.comparators]
        absent = any(isinstance(side, ast.Constant) and side.value is None for side in operands)
        if any(map(_is_task, operands)) and not absent:  # `task is None`: no labels yet
            yield node.lineno, says
    for switch in _all(source, ast.Match):
        if _is_task(switch.subject):
            yield switch.lineno, says


def _is_task(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "name":
        node = node.value
    return last_name(node) == "task"


def work_on_import(source: Source) -> Findings:
    if source.place == "cli":  # typer's commands are registered there, and nobody imports it as a library
        return
    todo: list[ast.stmt] = list(source.tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and not _is_main(node.test):
            todo += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            todo += [*node.body, *node.orelse, *node.finalbody]
        elif isinstance(node, (ast.For, ast.While, ast.With)):
            yield node.lineno, "no work happens on import; put it into a function"
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            yield node.lineno, "no work happens on import; put the call into a function"


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and last_name(test.left) == "__name__"


def file_size(source: Source) -> Findings:
    if source.lines > house.FILE_LINES:
        yield source.lines, f"{source.lines} lines, at most {house.FILE_LINES}; split it by purpose"


def function_size(source: Source) -> Findings:
    for node in _functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > house.FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {lines} lines, at most {house.FUNCTION_LINES}; split it"


def parameters(source: Source) -> Findings:
    for node in _functions(source):
        if source.place == "cli" and not node.name.startswith("_"):
            continue  # a command's options are its parameters: that is how typer reads them
        given = node.args
        names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > house.PARAMETERS:
            yield (
                node.lineno,
                f"{node.name} has {count} parameters, at most {house.PARAMETERS}; pass a record",
            )


def _all(source: Source, kind: type[Node]) -> Iterator[Node]:
    return (node for node in ast.walk(source.tree) if isinstance(node, kind))


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from _all(source, ast.FunctionDef)
    yield from _all(source, ast.AsyncFunctionDef)


RULES: dict[str, Callable[[Source], Findings]] = {
    "room": known_room,
    "direction": direction,
    "torch": torch_free,
    "door": door,
    "pickle": pickles,
    "environment": environment,
    "task": task_comparison,
    "import work": work_on_import,
    "file size": file_size,
    "function size": function_size,
    "parameters": parameters,
}


def base_install(sources: list[Source]) -> Iterator[Violation]:
    """Loading a room of the base, with all that it loads in turn, needs the base's libraries alone."""
    modules = {source.module: source for source in sources}
    for source in sources:
        if not stands_in(source.place, house.BASE_ROOMS):
            continue
        for taken in source.imports:
            if taken.late or (taken.place and stands_in(taken.place, house.BASE_ROOMS)):
                continue  # another room of the base answers for itself
            if source.place == "cli" and taken.place:
                says = f"a command imports '{taken.place}' inside its function, or `pupila --help` gets heavy"
                yield Violation(source.name, taken.line, "base", says)
            elif brought := sorted(loaded(taken, modules) - house.BASE_LIBRARIES):
                says = f"{taken.target} brings {', '.join(brought)}, which the base lacks; import it late"
                yield Violation(source.name, taken.line, "base", says)


def requirements(sources: list[Source], pyproject: str) -> Iterator[Violation]:
    """Every requirement has a lower bound, and a file that imports it; every door has somebody who goes through."""
    project = tomllib.loads(pyproject)["project"]
    imported = {taken.library for source in sources for taken in source.imports} - {None}
    lists = {"dependencies": project["dependencies"], **project.get("optional-dependencies", {})}
    for name, required in lists.items():
        for requirement in required:
            distribution = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
            module = house.MODULE_OF.get(distribution, distribution.replace("-", "_"))
            if distribution == PACKAGE:
                continue
            if ">=" not in requirement:
                yield Violation(
                    "pyproject.toml", 0, "requirement", f"'{distribution}' ({name}) has no lower bound"
                )
            if module not in imported and distribution not in house.LOADED_BY_OTHERS:
                yield Violation(
                    "pyproject.toml", 0, "requirement", f"nothing imports '{distribution}' ({name})"
                )
    for library in sorted({*house.DOORS} - imported):
        yield Violation(
            "house.py", 0, "requirement", f"nobody goes through the door of '{library}'; delete its row"
        )


def loaded(taken: Import, modules: dict[str, Source]) -> set[str]:
    """The third parties that are loaded as soon as this import runs."""
    libraries: set[str] = set()
    todo, visited = [taken], set()
    while todo:
        current = todo.pop()
        if current.library:
            libraries.add(current.library)
        parts = current.target.split(".")
        for end in range(2, len(parts) + 1) if parts[0] == PACKAGE else ():
            module = ".".join(parts[:end])
            if module in modules and module not in visited:
                visited.add(module)
                todo += [i for i in modules[module].imports if not i.late]
    return libraries


def check(
    package: Path, exceptions: dict[tuple[str, str], str] | None = None, pyproject: Path | None = None
) -> Checked:
    """Ask every rule about every file of the package in this folder."""
    sources, allowed = read(package), house.EXCEPTIONS if exceptions is None else exceptions
    violations = {
        Violation(s.name, line, name, says)
        for s in sources
        for name, rule in RULES.items()
        for line, says in rule(s)
    }
    violations.update(base_install(sources))
    if pyproject is not None:
        violations.update(requirements(sources, pyproject.read_text(encoding="utf-8")))
    middle = median(source.lines for source in sources)
    if middle > house.FILE_LINES_MEDIAN:
        says = f"the median file has {middle:g} lines, at most {house.FILE_LINES_MEDIAN}"
        violations.add(Violation(".", 0, "median size", says))
    broken = {(v.file, v.rule) for v in violations}
    violations = {v for v in violations if (v.file, v.rule) not in allowed}
    violations |= {
        Violation(f, 0, "exception", f"nothing breaks '{r}' here; delete the row")
        for f, r in allowed
        if (f, r) not in broken
    }
    return Checked(sorted(violations), len(sources), sum(len({i.line for i in s.imports}) for s in sources))
