"""Draws of tampered bundles: one change each, to `bundle.json`, to an ONNX file, to a golden image or to the folder."""

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.artifacts.bundle.sealed import edit_file, edit_info, read_fields, seal_text
from tests.artifacts.bundle.test_graph_check import ATTACKS
from tests.pictures import encoded, photo

# Fields that no golden prediction depends on: whoever can renew the hash can change them within their ranges, and only
# the hash that was kept elsewhere finds it. All others change a prediction, and are found or do nothing.
UNSEEN = (
    "made_by", "created", "parent", "temperature", "post_processing", "architecture", "head", "weights", "parameters",
    "precision", "members", "validation", "parity", "drift", "runtime", "golden", "golden_tolerance", "data_hash",
    "splits_hash", "data_version", "leaking", "prompt_format",
)  # fmt: skip
STRANGE: list[Any] = [
    None, True, 0, -1, 1, 3, 0.5, 1e-300, 1e300, 2**70, "", "x", "\x1b[2J", "../x", "\ud800", "é" * 9, [], [[]], [None],
    {}, {"x": 1}, "classify", "segment", "prompt", "multilabel", "tile", "crop", "nearest", 99, 10**9,
]  # fmt: skip
LITERALS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "[" * 5000,
    '"a',
    "00",
    "tru",
    "{}{}",
    "'x'",
    "/**/1",
]


@dataclass(frozen=True, slots=True)
class Tampered:
    """One change."""

    change: str
    unseen: bool = False  # whether it may stay unnoticed without the hash


Draw = Callable[[random.Random, Path], Tampered]


def tamper(rng: random.Random, home: Path) -> Tampered:
    """Change the bundle in the folder."""
    return rng.choice(DRAWS)(rng, home)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all fields, those of objects and lists, too."""
    own = [path] if path else []
    if isinstance(value, dict):
        return own + [leaf for name, member in value.items() for leaf in _leaves(member, (*path, name))]
    if isinstance(value, list):
        return own + [leaf for place, member in enumerate(value) for leaf in _leaves(member, (*path, place))]
    return own


def _parent(fields: Any, path: tuple[Any, ...]) -> Any:
    for name in path[:-1]:
        fields = fields[name]
    return fields


def _draw_path(rng: random.Random, fields: dict[str, Any]) -> tuple[Any, ...]:
    """A path; every top field is as likely as the hundreds of golden numbers."""
    top = rng.choice(sorted(fields))
    return rng.choice(_leaves({top: fields[top]}))


def _write(rng: random.Random, home: Path, text: str, change: str, path: tuple[Any, ...]) -> Tampered:
    """With the hash renewed, or not."""
    if rng.random() < 0.2:
        (home / "bundle.json").write_bytes(text.encode("utf-8", "surrogatepass"))
        return Tampered(f"{change}, hash as it was")
    seal_text(home, text)
    return Tampered(f"{change}, hash renewed", path[0] in UNSEEN)


def change_field(rng: random.Random, home: Path) -> Tampered:
    """Another type or value, a deletion, a new field, or two exchanged."""
    fields = read_fields(home) | {"hash": ""}
    path = _draw_path(rng, fields)
    parent, name = _parent(fields, path), path[-1]
    how = rng.choice(["value", "value", "value", "number", "delete", "add", "exchange", "swap"])
    shown = f"{how} {'.'.join(map(str, path))}"
    if how == "delete":
        del parent[name]
    elif how == "add":
        (parent[name] if isinstance(parent[name], dict) else fields)[rng.choice(["x", "Hash", ""])] = 1
        path = ("",)
    elif how == "exchange" and isinstance(parent[name], list) and len(parent[name]) > 1:
        parent[name] = parent[name][::-1]
    elif how == "swap":
        other = _draw_path(rng, fields)
        beside = _parent(fields, other)
        if other[: len(path)] == path or path[: len(other)] == other:
            return change_field(rng, home)
        parent[name], beside[other[-1]] = beside[other[-1]], parent[name]
        path = path if other[0] in UNSEEN else other
        shown += f" with {'.'.join(map(str, other))}"
    elif how == "number" and isinstance(parent[name], float | int):
        parent[name] = parent[name] * rng.choice([-1, 0, 0.5, 1.0001, 2, 1e6]) + rng.choice([0, 0, 1e-9, 1])
    else:
        parent[name] = rng.choice(STRANGE)
        shown += f" = {parent[name]!a}"
    return _write(rng, home, json.dumps(fields), shown, path)


def change_text(rng: random.Random, home: Path) -> Tampered:
    """A literal that is no JSON, a key twice, cut text, other white space, or flipped bits."""
    fields = read_fields(home) | {"hash": ""}
    text = json.dumps(fields, indent=rng.choice([None, 1, 4]))
    how = rng.choice(["literal", "twice", "cut", "spaces", "bits"])
    name = rng.choice(sorted(fields))
    if how == "literal":
        text = text.replace(f'"{name}": ', f'"{name}": {rng.choice(LITERALS)}', 1)
    elif how == "twice":
        text = text.replace(f'"{name}": ', f'"{name}": {json.dumps(rng.choice(STRANGE))}, "{name}": ', 1)
    elif how == "cut":
        text = text[: rng.randrange(len(text))]
    elif how == "bits":
        place = rng.randrange(len(text))
        text = text[:place] + chr(ord(text[place]) ^ (1 << rng.randrange(7))) + text[place + 1 :]
        name = rng.choice(UNSEEN)  # anywhere: a date, or a figure
    return _write(rng, home, text, f"{how} at {name}", (name if how == "bits" else "",))


def _edit_model(rng: random.Random, content: bytes) -> tuple[str, bytes]:
    """A valid file with one change, as `onnx` writes it."""
    model = onnx.load_model_from_string(content)
    graph = model.graph
    how = rng.choice(
        ["outputs", "inputs", "dtype", "extra", "opset", "ir", "drop", "scale", "metadata", "classes"]
    )
    if how == "outputs":
        ordered = list(graph.output)[::-1]
        del graph.output[:]
        graph.output.extend(ordered)
    elif how == "inputs":
        old, new = graph.input[0].name, "renamed"
        graph.input[0].name = new
        for node in graph.node:
            for place, name in enumerate(node.input):
                if name == old:
                    node.input[place] = new
    elif how == "dtype":
        graph.input[0].type.tensor_type.elem_type = rng.choice([TensorProto.DOUBLE, TensorProto.INT64, 77])
    elif how == "extra":
        graph.output.append(helper.make_tensor_value_info(graph.node[0].output[0], TensorProto.FLOAT, None))
    elif how == "opset":
        model.opset_import[0].version = rng.choice([1, 12, 99, 2**40])
    elif how == "ir":
        model.ir_version = rng.choice([1, 99])
    elif how == "drop":
        del graph.node[rng.randrange(len(graph.node))]
    elif how == "scale" and graph.initializer:
        tensor = rng.choice(list(graph.initializer))
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array((values * 2 + 1).astype(values.dtype), tensor.name))
    elif how == "metadata":
        helper.set_model_props(
            model, {rng.choice(["task", "classes"]): rng.choice(['"x"', "{", "[" * 9000, "[]"])}
        )
    elif how == "classes":
        graph.output[0].type.tensor_type.shape.dim[-1].dim_value = 99
    return how, model.SerializeToString()


def change_model(rng: random.Random, home: Path) -> Tampered:
    """Cut or flipped bytes, a valid file with one change, or an attack; its hash is renewed."""
    name = rng.choice([path.name for path in home.glob("*.onnx")])
    content = (home / name).read_bytes()
    how = rng.choice(["cut", "bits", "bits", "edit", "edit", "edit", "attack", "empty"])
    if how == "cut":
        content = content[: rng.randrange(len(content))]
    elif how == "bits":
        flipped = bytearray(content)
        for _ in range(rng.choice([1, 1, 3])):
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        content = bytes(flipped)
    elif how == "edit":
        how, content = _edit_model(rng, content)
    elif how == "attack":
        attack = rng.choice(sorted(ATTACKS))
        how, content = f"attack {attack}", ATTACKS[attack][0].SerializeToString()
    else:
        content = b""
    edit_file(home, name, content)
    return Tampered(f"{name}: {how}, hash renewed")


def change_golden(rng: random.Random, home: Path) -> Tampered:
    """Another image, no image, or another prediction."""
    golden = read_fields(home)["golden"]
    name = rng.choice(sorted(golden))
    how = rng.choice(["image", "bytes", "none", "shape", "figures", "rename"])
    if how == "image":
        edit_file(home, f"golden/{name}", encoded(photo(rng.randrange(99))))
    elif how == "bytes":
        edit_file(home, f"golden/{name}", rng.randbytes(200))
    elif how == "none":
        edit_info(home, golden={**golden, "none.png": golden[name]})
    elif how == "shape":
        edit_info(
            home, golden={**golden, name: rng.choice([[1.0], [[1.0]], {"red": [1.0]}, {}, "x", [1.0] * 99])}
        )
    elif how == "figures":
        flat = (
            np.asarray(list(golden[name].values()) if isinstance(golden[name], dict) else golden[name]) + 0.5
        )
        edit_info(home, golden={**golden, name: dict(zip(golden[name], flat.tolist(), strict=True))
                                if isinstance(golden[name], dict) else flat.tolist()})  # fmt: skip
    else:
        edit_info(home, golden={**golden, "../" + name: golden[name]})
    return Tampered(f"golden {name}: {how}, hash renewed")


def change_folder(rng: random.Random, home: Path) -> Tampered:
    """A file that is added, missing, a link, a pipe, a folder, or changed under its old hash."""
    names = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    name, how = rng.choice(names), rng.choice(["add", "delete", "outside", "pipe", "device", "folder", "bits", "around",
                                               "hidden", "twice", "case"])  # fmt: skip
    path = home / name
    if how == "add":
        (home / "added.py").write_text("print()")
    elif how == "hidden":
        (home / ".DS_Store").write_text("x")
    elif how == "around":
        (home / "loop").symlink_to(rng.choice(["/proc", "..", "."]))
    elif how == "twice":
        shutil.copy(path, path.with_name("copy.bin"))
    elif how == "bits":
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif how == "case":
        path.rename(path.with_name(path.name.swapcase()))
    elif how == "outside":
        outside = home.parent / f"outside{rng.randrange(10**9)}"
        path.rename(outside)
        path.symlink_to(outside)
    else:
        path.unlink()
        if how == "pipe":
            os.mkfifo(path)
        elif how == "device":
            path.symlink_to(rng.choice(["/dev/zero", "/dev/stdin", "/nowhere"]))
        elif how == "folder":
            path.mkdir()
    return Tampered(f"{name}: {how}")


DRAWS: list[Draw] = [change_field, change_field, change_field, change_text, change_model, change_model, change_golden,
                     change_folder]  # fmt: skip
