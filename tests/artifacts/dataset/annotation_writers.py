"""Writes one scene as the files of each annotation tool: outlines, boxes, points, and labels of whole images."""

import base64
import csv
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from pupila.imaging.masks.brush import encode
from tests.pictures import encoded

HEIGHT, WIDTH = 12, 16
Shape = tuple[str, str, list[list[float]]]  # kind ("polygon", "box", "point", "tag"), class, points
Scene = dict[str, list[Shape]]  # image to its shapes; a box has two corners


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def labelme(folder: Path, scene: Scene) -> None:
    kinds = {"polygon": "polygon", "box": "rectangle", "point": "point"}
    for name, shapes in scene.items():
        drawn: list[Any] = [{"label": label, "points": points, "shape_type": kinds[kind], "flags": {}, "group_id": None}
                 for kind, label, points in shapes if kind != "tag"]  # fmt: skip
        flags = {label: True for kind, label, _ in shapes if kind == "tag"}
        content = {"version": "5.4.1", "flags": flags, "shapes": drawn, "imagePath": name, "imageData": None}
        write_json(
            folder / f"{Path(name).stem}.json", {**content, "imageHeight": HEIGHT, "imageWidth": WIDTH}
        )


def voc(folder: Path, scene: Scene) -> None:
    for name, shapes in scene.items():
        objects = ""
        for kind, label, points in shapes:
            outline = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(points, start=1))
            polygon = f"<polygon>{outline}</polygon>" if kind == "polygon" else ""
            objects += f"<object><name>{label}</name><bndbox><xmin>1</xmin></bndbox>{polygon}<part/></object>"
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        path = folder / "Annotations" / f"{Path(name).stem}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<annotation><filename>{name}</filename>{size}{objects}</annotation>")


def cvat(folder: Path, scene: Scene) -> None:
    images = ""
    for number, (name, shapes) in enumerate(scene.items()):
        images += f'<image id="{number}" name={quoteattr(name)} width="{WIDTH}" height="{HEIGHT}">'
        for kind, label, points in shapes:
            pairs = ";".join(f"{x},{y}" for x, y in points)
            if kind == "box":
                (left, top), (right, bottom) = points
                place = f'xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}"'
            else:
                place = f'points="{pairs}"' if points else ""
            tag = {"point": "points"}.get(kind, kind)
            images += f'<{tag} label="{label}" {place} z_order="0"></{tag}>'
        images += "</image>"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotations.xml").write_text(
        f"<annotations><version>1.1</version><meta/>{images}</annotations>"
    )


def via_records(scene: Scene) -> dict[str, Any]:
    records: dict[str, Any] = {}
    for name, shapes in scene.items():
        regions = []
        for kind, label, points in shapes:
            across, down = [x for x, _ in points], [y for _, y in points]
            place: dict[str, Any] = {"cx": across[0], "cy": down[0]} if across else {}
            if kind == "polygon":
                place = {"all_points_x": across, "all_points_y": down}
            elif kind == "box":
                corner = {"x": across[0], "y": down[0]}
                place = {**corner, "width": across[1] - across[0], "height": down[1] - down[0]}
            attributes = {"name": {"box": "rect"}.get(kind, kind), **place}
            if kind != "tag":
                regions.append({"shape_attributes": attributes, "region_attributes": {"kind": label}})
        tags = [label for kind, label, _ in shapes if kind == "tag"]
        of_file = {"kind": tags[0]} if tags else {}
        records[f"{name}77"] = {
            "filename": name,
            "size": 77,
            "regions": regions,
            "file_attributes": of_file,
        }
    return records


def via(folder: Path, scene: Scene) -> None:
    write_json(folder / "via_region_data.json", via_records(scene))


def via_project(folder: Path, scene: Scene) -> None:
    content = {"_via_settings": {}, "_via_img_metadata": via_records(scene), "_via_attributes": {}}
    write_json(folder / "project.json", content)


def via_first(folder: Path, scene: Scene) -> None:
    """Version 1 numbers its regions."""
    records = via_records(scene)
    for record in records.values():
        record["regions"] = {str(n): region for n, region in enumerate(record["regions"])}
    write_json(folder / "via.json", records)


def via_csv(folder: Path, scene: Scene) -> None:
    buffer = io.StringIO()
    columns = ["filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes",
               "region_attributes"]  # fmt: skip
    rows = csv.writer(buffer)
    rows.writerow(columns)
    for record in via_records(scene).values():
        head = [
            record["filename"],
            record["size"],
            json.dumps(record["file_attributes"]),
            len(record["regions"]),
        ]
        for number, region in enumerate(record["regions"]):
            cells = (region["shape_attributes"], region["region_attributes"])
            rows.writerow([*head, number, *map(json.dumps, cells)])
        if not record["regions"]:
            rows.writerow([*head, 0, "{}", "{}"])
    (folder / "via.csv").write_text(buffer.getvalue())


def studio_result(kind: str, label: str, points: list[list[float]]) -> dict[str, Any]:
    relative = [[x / WIDTH * 100, y / HEIGHT * 100] for x, y in points]
    value: dict[str, Any] = {}
    if kind == "polygon":
        value = {"points": relative}
    elif kind == "box":
        (left, top), (right, bottom) = relative
        value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
    elif kind == "point":
        value = {"x": relative[0][0], "y": relative[0][1], "width": 0.3}
    type_ = {
        "polygon": "polygonlabels",
        "box": "rectanglelabels",
        "point": "keypointlabels",
        "tag": "choices",
    }[kind]
    value[type_] = [label]
    return {"type": type_, "from_name": "label", "to_name": "image", "value": value,
            "original_width": WIDTH, "original_height": HEIGHT}  # fmt: skip


def label_studio(folder: Path, scene: Scene) -> None:
    tasks = [
        {"id": n, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"},
         "annotations": [{"id": n, "result": [studio_result(*shape) for shape in shapes]}]}
        for n, (name, shapes) in enumerate(scene.items())
    ]  # fmt: skip
    write_json(folder / "project-1-at-2024.json", tasks)


def label_studio_min(folder: Path, scene: Scene) -> None:
    tasks = []
    for number, (name, shapes) in enumerate(scene.items()):
        task: dict[str, Any] = {"image": f"/data/local-files/?d=photos/{name}", "id": number, "annotator": 1,
                                "annotation_id": number, "lead_time": 3.5}  # fmt: skip
        for shape in shapes:
            result = studio_result(*shape)
            if shape[0] == "tag":
                task["choice"] = shape[1]
            else:
                size = {"original_width": WIDTH, "original_height": HEIGHT}
                task.setdefault("label", []).append({**result["value"], **size})
        tasks.append(task)
    write_json(folder / "min.json", tasks)


def supervisely(folder: Path, scene: Scene) -> None:
    kinds = {"polygon": "polygon", "box": "rectangle", "point": "point"}
    labels = sorted({label for shapes in scene.values() for kind, label, _ in shapes if kind != "tag"})
    meta = {"classes": [{"title": label, "shape": "any", "color": "#000000"} for label in labels], "tags": []}
    write_json(folder / "meta.json", meta)
    for name, shapes in scene.items():
        objects = [{"classTitle": label, "geometryType": kinds[kind], "tags": [],
                    "points": {"exterior": points, "interior": []}}
                   for kind, label, points in shapes if kind != "tag"]  # fmt: skip
        tags = [{"name": label, "value": None} for kind, label, _ in shapes if kind == "tag"]
        content = {"description": "", "tags": tags, "size": {"height": HEIGHT, "width": WIDTH}}
        write_json(folder / "ann" / f"{name}.json", {**content, "objects": objects})


def bitmap(mask: Any, compressed: bool) -> str:
    """The mask as a PNG in Base64."""
    data = encoded(np.asarray(mask, np.uint8) * np.uint8(255))
    return base64.b64encode(zlib.compress(data) if compressed else data).decode()


def brush(mask: Any) -> list[int]:
    """The mask as Label Studio's run lengths."""
    return encode(np.asarray(mask, bool))


WRITERS: dict[str, Callable[[Path, Scene], None]] = {
    "labelme": labelme, "voc": voc, "cvat": cvat, "via": via, "via project": via_project, "via 1": via_first,
    "via csv": via_csv, "label-studio": label_studio, "label-studio min": label_studio_min,
    "supervisely": supervisely,
}  # fmt: skip
