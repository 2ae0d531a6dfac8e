"""Writes docs/reference/api.md from the signatures and docstrings of the Python functions and from their options.

Run `python -m pupila.cli.write_api` after one of them changed; a test refuses a page that is not up to date.
"""

import ast
import re
import textwrap
from pathlib import Path

from pupila.cli.write_options import OPTIONS, options

PACKAGE = Path(__file__).parents[1]
PAGE = PACKAGE.parents[1] / "docs" / "reference" / "api.md"
# Title -> the names of the face, or of a module of `pupila.api`, in the order of the work.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Data": ("open", "collect", "doctor", "explore", "label", "split", "convert",
             "snapshot_data", "list_versions", "diff_data", "restore_data"),
    "Models": ("train", "sweep", "replay_table", "track", "evaluate", "explain", "compress", "load", "predict",
               "predict_files", "serve", "monitor", "tokens", "registry", "render_deployment", "check_deployment"),
    "Beside the face": ("experiments.sweep.preview", "api.split.plan_split", "api.train.make_plan", "api.train.preview",
                        "api.label.plan_labelling", "api.label.audit_labels", "api.label.review_suspects",
                        "api.label.review_queue",
                        "api.label.export_labels", "api.label.import_labels", "api.serve.serve_forever",
                        "api.versions.plan_restore"),
}  # fmt: skip
# Function of the face -> its module, where that is not the one of its name in `pupila.api`.
HOMES = {
    "predict_files": "api.predict",
    "sweep": "experiments.sweep",
    "replay_table": "experiments.replay.replay",
    **dict.fromkeys(("render_deployment", "check_deployment"), "api.deploy"),
    **dict.fromkeys(("snapshot_data", "list_versions", "diff_data", "restore_data"), "api.versions"),
}
# What the functions give -> its module and class.
RESULTS = (
    "artifacts.dataset.manifest.Dataset", "artifacts.dataset.sample.Sample", "artifacts.dataset.splits.SplitFile",
    "api.doctor.Faults", "api.explore.ExploreResult", "artifacts.run.folder.Run",
    "stages.train.run.TrainedRun", "artifacts.bundle.folder.Bundle",
    "stages.evaluate.run.EvaluationOutput", "api.explain.Explanations", "api.explain.ExplainedPrediction",
    "api.compress.CompressionResult", "api.monitor.MonitorResult",
    "api.deploy.RenderedDeployment", "api.deploy.CheckedDeployment",
    "api.load.Model", "api.predictions.Predictions",
    "api.predictions.Prediction", "api.predict.PredictionFiles", "api.predict.WrittenPredictions", "api.serve.Service",
    "api.tokens.TokenList", "api.tokens.IssuedToken", "api.tokens.ServiceToken",
    "api.client.Client", "api.client.AsyncClient", "api.client_images.ServedPrediction", "api.client_calls.ServedModel",
    "api.client_calls.ServiceHealth", "api.client_calls.ServiceReadiness", "api.client_calls.ServiceDrift",
    "artifacts.web.client_errors.ServiceError",
    "artifacts.web.client_errors.ServiceUnreachable",
    "api.registry.ModelRegistry", "api.registry.AddedVersion",
    "api.label.Review", "experiments.replay.replay.ReplayResult", "stages.track.replay.Tracking",
    "artifacts.dataset.versions.snapshot.Snapshot", "api.versions.VersionLog",
    "api.versions.LoggedVersion", "api.versions.DiffResult", "artifacts.dataset.versions.difference.VersionDiff",
    "artifacts.dataset.versions.bring_back.RestoreJob", "artifacts.dataset.versions.bring_back.RestoredVersion",
)  # fmt: skip
_WIDTH = 115
_HEAD = """# The Python functions

Every command has its function, and both do the same. Written by `python -m pupila.cli.write_api`; a test runs the
[notebook](../tutorials/python.ipynb) that shows them.

```python
import pupila
```

**Data** is the path of whatever [`pupila.open`](#pupilaopen) reads, or: a list of images or of `(image, label)`; a
polars or pandas table; a torchvision `ImageFolder`; a Hugging Face dataset; a mapping of split names to these; or an
open `Dataset`. An image in a list is a path, a Pillow image, a numpy array (height, width, 3) of uint8 or the bytes of
a file; a label is a class, or a mask as an image. Images in memory are written once, without loss, into a folder of
Pupila's cache, or into `pupila.open(..., out=FOLDER)`; split and labels lie beside them.

**A model** is the folder of a bundle or of a run, or the `Bundle`, `Run` or `Model` itself.

**Images** to predict are a path, a folder, a pattern, a Pillow image, a numpy array, the bytes of a file, a list of
these, or a `Dataset`. An image in memory is prepared exactly like a PNG file of its pixels. A large JPEG is decoded at
a fraction of its size, so the probabilities of its decoded pixels may differ in the last digits.

Any other type is a `PupilaError` that lists what is taken. So is a library that is missing: the error names the one
command that brings it. **Settings** are keyword arguments with types that editors complete and type checkers check.
Errors name a setting as the command has it: `--image-size 64` is `image_size=64` in Python, `--resume` is
`resume=True`. Every result shows itself in one line, and as a card in a notebook.
"""


def text() -> str:
    """The content of the page."""
    parts = [_HEAD]
    for title, names in SECTIONS.items():
        parts += [f"## {title}\n", *map(_describe_function, names)]
    parts += [
        "## Results\n",
        *map(_describe_class, RESULTS),
        "## Settings\n",
        *map(_describe_options, OPTIONS),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _describe_function(path: str) -> str:
    module, _, name = path.rpartition(".")
    node = _find(module or HOMES.get(name, f"api.{name}"), name)
    assert isinstance(node, ast.FunctionDef)
    title = f"pupila.{path}"
    imported = f"from pupila.{module} import {name}\n\n" if module else ""
    signature = _signature(name if module else title, node)
    return f"### {title}\n\n```python\n{imported}{signature}\n```\n\n{_render_docstring(node)}"


def _describe_class(path: str) -> str:
    module, _, name = path.rpartition(".")
    node = _find(module, name)
    assert isinstance(node, ast.ClassDef)
    lines = [f"### {name}\n", _wrap(_escape(_first(ast.get_docstring(node)))), ""]
    source = _read_source(module).splitlines()
    for member in node.body:
        if (
            isinstance(member, ast.AnnAssign)
            and isinstance(member.target, ast.Name)
            and member.target.id[0] != "_"
        ):
            comment = source[(member.end_lineno or 0) - 1].partition("  # ")[2]
            lines.append(
                _wrap(f"- `{member.target.id}: {_plain(member.annotation)}`: {_escape(comment)}".rstrip(": "))
            )
        elif isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and _is_shown(member):
            attribute = any(getattr(each, "id", "") in ("property", "cached_property")
                            for each in member.decorator_list)  # fmt: skip
            shown = member.name if attribute else f"{member.name}({', '.join(_parameters(member, False))})"
            lines.append(_wrap(f"- `{shown}`: {_escape(_first(ast.get_docstring(member)))}"))
    return "\n".join(lines) + "\n"


def _is_shown(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not node.name.startswith("_") and node.name not in ("summary", "write", "read")


def _describe_options(name: str) -> str:
    doc, parents, _ = OPTIONS[name]
    links = " and ".join(f"[{each}](#{each.lower()})" for each in parents)
    more = f" It has the settings of {links}, too." if parents else ""
    rows = [f"| `{field_name}` | `{option.kinds}` | {option.meaning} |"
            for field_name, option in options(name).items()]  # fmt: skip
    rows = [re.sub(r"`([^`]*)`", lambda match: f"`{match[1]}`".replace(" | ", " \\| "), row) for row in rows]
    table = "\n".join(["| setting | type | meaning |", "|---|---|---|", *rows])
    return f"### {name}\n\n{_wrap(doc + more)}\n\n{table}\n"


def _find(module: str, name: str) -> ast.stmt:
    """The definition of a function or a class in the source of its module."""
    return next(node for node in ast.parse(_read_source(module)).body if getattr(node, "name", "") == name)


def _read_source(module: str) -> str:
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def _signature(title: str, node: ast.FunctionDef) -> str:
    returned = _plain(node.returns) if node.returns else "None"
    line = f"{title}({', '.join(_parameters(node, True))}) -> {returned}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{title}(", *(f"    {each}," for each in _parameters(node, True)), f") -> {returned}"])


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, annotated: bool) -> list[str]:
    """The parameters as in the source, without `self`."""
    given = node.args
    first = len(given.args) - len(given.defaults)
    parts = [
        _parameter(arg, given.defaults[at - first] if at >= first else None, annotated)
        for at, arg in enumerate(given.args)
        if arg.arg != "self"
    ]
    parts += ["*"] if given.kwonlyargs else []
    parts += [_parameter(arg, default, annotated)
              for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]  # fmt: skip
    if given.kwarg is not None:
        parts.append(f"**{_parameter(given.kwarg, None, annotated)}")
    return parts


def _parameter(arg: ast.arg, default: ast.expr | None, annotated: bool) -> str:
    kind = f": {_plain(arg.annotation)}" if annotated and arg.annotation else ""
    equals = " = " if kind else "="
    return f"{arg.arg}{kind}" + (f"{equals}{ast.unparse(default)}" if default is not None else "")


def _plain(annotation: ast.expr | None) -> str:
    """An annotation without the quotes that delay it."""
    return ast.unparse(annotation).strip("'\"").replace("'", '"') if annotation else ""


def _first(docstring: str | None) -> str:
    return " ".join((docstring or "").split("\n\n")[0].split())


def _escape(sentence: str) -> str:
    """Angles outside code would be tags; code shows everything as it is."""
    return re.sub(r"`[^`]*`|<", lambda match: "&lt;" if match[0] == "<" else match[0], sentence)


def _wrap(line: str) -> str:
    indent = "  " if line.startswith("- ") else ""
    return "\n".join(textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False,
                                   break_long_words=False))  # fmt: skip


def _render_docstring(node: ast.FunctionDef) -> str:
    """The docstring with its arguments as a list."""
    lines: list[str] = []
    for part in (ast.get_docstring(node) or "").split("\n\n"):
        title, _, rest = part.partition("\n")
        if title == "Args:":
            entries = re.split(r"\n(?=\w+: )", textwrap.dedent(rest))
            for entry in entries:
                name, _, sentence = " ".join(entry.split()).partition(": ")
                lines.append(_wrap(f"- `{name}`: {_escape(sentence)}"))
            lines.append("")
        elif title in ("Returns:", "Raises:"):
            lines += [_wrap(f"{title[:-1]}: {_escape(' '.join(rest.split()))}"), ""]
        else:
            lines += [_wrap(_escape(" ".join(part.split()))), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
