"""The field's words in names and sentences: what is read, and `check`, which compares it with the glossary."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.architecture import glossary
from tests.architecture.glossary import Ban
from tests.architecture.source import last_name

CODE = ("src", "tests", "benchmarks")
TEXTS = ("docs/**/*.md", "*.md", "src/**/*.html", "src/**/*.yaml")
SPOKEN = {"say", "say_count", "mark"}
DESCRIBED = {"description", "help"}
BY_KEY = {"get", "pop", "setdefault", "col"}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
QUOTED = re.compile(r"`-{0,2}([A-Za-z_][\w.-]*)`")
YAML_KEY = re.compile(r"^[ -]*([A-Za-z_]\w*):", re.MULTILINE)


class Name(NamedTuple):
    """A name that this repository defines."""

    file: str
    line: int
    kind: (
        str  # variable, parameter, field, setting, function, property, class, module, key, flag, placeholder
    )
    path: str  # qualified, "Class.method.variable"

    @property
    def words(self) -> str:
        """Its words in lower case, with blanks between them."""
        return " ".join(WORD.findall(self.path.rpartition(".")[2])).lower()


class Text(NamedTuple):
    """A sentence, or several, that a user or a developer reads."""

    file: str
    line: int
    kind: str  # message, description, literal, docstring, comment, test, document
    text: str


class Violation(NamedTuple):
    """A banned word, where it stands, and what to write instead."""

    file: str
    line: int
    kind: str
    words: str  # as they stand there, in lower case
    where: str  # the qualified name, or the sentence around the words
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind} '{self.where}': not '{self.words}'; {self.instead}"


class Checked(NamedTuple):
    """The violations, and how much was checked."""

    violations: list[Violation]
    files: int
    names: int
    texts: int


def check(root: Path, exceptions: dict[tuple[str, str], str] | None = None) -> Checked:
    """Compare every name and every sentence of the repository in this folder with the glossary."""
    allowed = glossary.EXCEPTIONS if exceptions is None else exceptions
    names, texts, files = read(root)
    violations = [*banned_names(names), *banned_phrases(texts)]
    needed = {(v.file, v.words) for v in violations}
    violations = [v for v in violations if (v.file, v.words) not in allowed]
    violations += [
        Violation(file, 0, "exception", words, file, "nothing needs this row; delete it")
        for file, words in allowed
        if (file, words) not in needed
    ]
    return Checked(sorted(violations), files, len(names), len(texts))


def banned_names(names: Iterable[Name]) -> Iterator[Violation]:
    """The names that the glossary bans, each once, by its first row that fits."""
    bans = [(ban, re.compile(rf"\b(?:{ban.pattern})\b")) for ban in glossary.NAMES]
    for name in names:
        for ban, pattern in bans:
            if _applies(ban, name):
                match = (
                    pattern.search(name.words)
                    if ban.scope in ("part", "class")
                    else pattern.fullmatch(name.words)
                )
                if match:
                    words = match[0] if ban.scope != "function" else _form(name.words)
                    yield Violation(name.file, name.line, name.kind, words, name.path, ban.instead)
                    break


def _applies(ban: Ban, name: Name) -> bool:
    if ban.free and re.search(ban.free, name.file):
        return False
    if ban.scope == "class":
        return name.kind == "class"
    if ban.scope == "function":
        return name.kind == "function" and not name.file.startswith("tests/")
    return ban.scope != "setting" or name.kind in ("setting", "key")


def _form(words: str) -> str:
    return "(function) * of" if words.endswith(" of") else "(function) *ed"


def banned_phrases(texts: Iterable[Text]) -> Iterator[Violation]:
    """Every banned phrase in every text; of phrases that overlap, the one that stands first in the glossary."""
    bans = [
        (ban, re.compile(rf"(?<![\w-])(?:{ban.pattern})(?!\w)".replace(" ", r"\s+"), re.IGNORECASE))
        for ban in glossary.PHRASES
    ]
    for text in texts:
        taken = list[tuple[int, int]]()  # what an earlier row has reported is not reported again
        for ban, pattern in bans:
            for match in pattern.finditer(text.text):
                start, end = match.span()
                if any(start < until and begin < end for begin, until in taken):
                    continue
                taken.append((start, end))
                line = text.line + text.text.count("\n", 0, start)
                around = " ".join(text.text[max(0, start - 40) : end + 40].split())
                words = " ".join(match[0].split()).lower()
                yield Violation(text.file, line, text.kind, words, around, ban.instead)


def read(root: Path) -> tuple[list[Name], list[Text], int]:
    """All names and texts under this folder, and the number of files that they stand in."""
    sources = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for folder in CODE
        for path in sorted((root / folder).rglob("*.py"))
    }
    trees = {file: ast.parse(text, file) for file, text in sources.items()}
    settings = _settings_classes(trees.values())
    names: list[Name] = []
    texts: list[Text] = []
    for file, tree in trees.items():
        reader = _Reader(file, settings)
        reader.visit(tree)
        names += [Name(file, 1, "module", file.removesuffix(".py").replace("/", ".")), *reader.names]
        texts += [*reader.texts, *_comments(file, sources[file])]
    others = sorted({path for pattern in TEXTS for path in root.glob(pattern)})
    for path in others:
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        texts.append(Text(file, 1, "document", text))
        keys = {".md": QUOTED, ".yaml": YAML_KEY}.get(path.suffix)
        for match in keys.finditer(text) if keys else ():
            line = text.count("\n", 0, match.start(1)) + 1
            names += [Name(file, line, "key", part) for part in match[1].split(".")]
    return names, texts, len(trees) + len(others)


def _settings_classes(trees: Iterable[ast.Module]) -> set[str]:
    """The names of all classes that come from Settings, directly or not."""
    bases = [
        (node.name, {last_name(base) for base in node.bases})
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    settings = {"Settings"}
    while more := {name for name, above in bases if above & settings} - settings:
        settings |= more
    return settings


def _comments(file: str, source: str) -> Iterator[Text]:
    """The comments; those that fill successive lines are one text."""
    start, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            fills_line = token.line.lstrip().startswith("#")
            if lines and not (fills_line and token.start[0] == start + len(lines)):
                yield Text(file, start, "comment", "\n".join(lines))
                lines = []
            start = token.start[0] - len(lines)
            lines.append(token.string.lstrip("#: "))
    if lines:
        yield Text(file, start, "comment", "\n".join(lines))


@dataclass
class _Reader(ast.NodeVisitor):
    """Collects the names that a file defines, and its literals and docstrings."""

    file: str
    settings: set[str]
    names: list[Name] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    scopes: list[tuple[str, str]] = field(default_factory=list)  # (kind, name) from outside in
    literal: str = "literal"  # what a string in the current place is

    def _name(self, node: ast.AST, kind: str, name: str | None) -> None:
        if name:
            path = ".".join([*(scope for _, scope in self.scopes), name])
            self.names.append(Name(self.file, getattr(node, "lineno", 1), kind, path))

    def _key(self, node: ast.AST | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            self._name(node, "key", node.value)

    def _inside(self, node: ast.AST, kind: str, name: str) -> None:
        self.scopes.append((kind, name))
        self.generic_visit(node)
        self.scopes.pop()

    def _docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            self.texts.append(Text(self.file, first.lineno, "docstring", first.value.value))

    def visit_Module(self, node: ast.Module) -> None:
        self._docstring(node)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._name(node, "class", node.name)
        self._docstring(node)
        self._inside(node, "setting" if node.name in self.settings else "field", node.name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name.startswith("test_"):  # the name of a test is a sentence
            self.texts.append(Text(self.file, node.lineno, "test", node.name.replace("_", " ")))
        else:
            decorators = {last_name(decorator) for decorator in node.decorator_list}
            is_property = decorators & {"property", "cached_property", "setter"}
            self._name(node, "property" if is_property else "function", node.name)
        self._docstring(node)
        self._inside(node, "variable", node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> None:
        self._name(node, "parameter", node.arg)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            kind = self.scopes[-1][0] if self.scopes else "variable"
            is_alias = kind == "variable" and re.fullmatch(r"_?[A-Z]+[a-z]\w*", node.id)
            self._name(node, "class" if is_alias else kind, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Store) and last_name(node.value) == "self":
            self._name(node, "field", node.attr)
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        self._name(node, "variable", node.asname)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._name(node, "variable", node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._name(node, "variable", node.name)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key in node.keys:
            self._key(key)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._key(node.slice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called, before = last_name(node.func), self.literal
        if called in BY_KEY and node.args:
            self._key(node.args[0])
        if called in SPOKEN:
            for word in node.keywords:
                self._name(word.value, "placeholder", word.arg)
        self.visit(node.func)
        self.literal = "message" if called in SPOKEN else before
        for argument in node.args:
            self.visit(argument)
        self.literal = before
        for word in node.keywords:
            self.literal = "description" if word.arg in DESCRIBED else before
            self.visit(word.value)
            self.literal = before

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # docstrings are read where they stand
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str):
            return
        if re.fullmatch(r"--[a-z][a-z-]*", node.value):
            self._name(node, "flag", node.value)
        elif not self.file.startswith("tests/") and (self.literal != "literal" or " " in node.value):
            self.texts.append(Text(self.file, node.lineno, self.literal, node.value))
