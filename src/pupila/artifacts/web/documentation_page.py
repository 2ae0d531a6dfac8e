"""The parts of the page `/docs`, from the OpenAPI document."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from pupila.artifacts.web.image_request import FORM, JSON
from pupila.artifacts.web.reasons import STATUS, TITLES
from pupila.core.messages import say, translate

Document = dict[str, Any]


def render_trial(document: Document) -> str:
    """A form that sends an image to one of the routes."""
    routes = [(path, operation) for path, _, operation in _operations(document) if FORM in _bodies(operation)]
    choices = "".join(f'<option value="{escape(path)}">{escape(path)}</option>' for path, _ in routes)
    sets = "".join(_render_fields(path, operation) for path, operation in routes)
    return (
        f'<h2 id="try">{escape(say("Try it"))}</h2><form data-alt="{escape(say("the response"))}">'
        f'<label>{escape(say("route"))}<select name="route">{choices}</select></label>'
        f'<label>{escape(say("image"))}<input type="file" name="image" accept="image/*" multiple></label>{sets}'
        f'<label class="flag"><input type="checkbox" name="png">Accept: image/png</label>'
        f'<button>{escape(say("Send"))}</button></form><div id="result" role="status"></div>'
    ) if routes else ""  # fmt: skip


def _render_fields(path: str, operation: Document) -> str:
    """The inputs for the options of a route."""
    inputs = []
    for option in operation.get("parameters", ()):
        name, flag = escape(option["name"]), option.get("schema", {}).get("type") == "boolean"
        kind, style = ("checkbox", ' class="flag"') if flag else ("text", "")
        box = f'<input type="{kind}" name="{name}">'
        inputs.append(f"<label{style}>{box}{name}</label>" if flag else f"<label>{name}{box}</label>")
    field = escape(next(iter(_bodies(operation)[FORM]["schema"]["properties"])))
    return f'<fieldset data-route="{escape(path)}" data-field="{field}">{"".join(inputs)}</fieldset>'


def render_operations(document: Document, base: str) -> str:
    """Every route: what it does, how it is called, what it takes and what comes back."""
    return "".join(
        f'<h2 id="{escape(path)}"><b>{method.upper()}</b>{escape(path)}</h2>'
        f"{_paragraphs(operation.get('description', ''))}{_render_commands(path, method, operation, base)}"
        f"{_render_options(operation)}{_render_responses(operation)}"
        for path, method, operation in _operations(document)
    )


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _bodies(operation: Document) -> Document:
    bodies: Document = operation.get("requestBody", {}).get("content", {})
    return bodies


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(' '.join(part.split()))}</p>" for part in text.split("\n\n") if part.strip())


def _render_commands(path: str, method: str, operation: Document, base: str) -> str:
    """The curl lines for all forms of the body."""
    url, bodies = f"{base}{path}", _bodies(operation)
    if FORM not in bodies:
        sent = "" if method == "get" else f"-X {method.upper()} "
        return _command(f"curl {sent}{url}")
    field, text_field = (next(iter(bodies[kind]["schema"]["properties"])) for kind in (FORM, JSON))
    many = bodies[JSON]["schema"]["properties"][text_field]["type"] == "array"
    text = '["%s"]' if many else '"%s"'
    commands = [
        f"curl -F {field}=@photo.jpg {url}",
        f"curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' {url}",
        f"""printf '{{"{text_field}": {text}}}' "$(base64 < photo.jpg | tr -d '\\n')" | """
        f"curl -d @- -H 'Content-Type: application/json' {url}",
    ]
    return "".join(map(_command, commands))


def _command(line: str) -> str:
    return f'<div class="command"><pre>{escape(line)}</pre><button type="button">{escape(say("Copy"))}</button></div>'


def _render_options(operation: Document) -> str:
    options = operation.get("parameters", ())
    note = operation.get("requestBody", {}).get("description", "")
    rows = [
        [
            f"<code>{escape(each['name'])}</code>",
            _type(_parameter_schema(each)),
            escape(each.get("description", "")),
        ]
        for each in options
    ]
    return _paragraphs(note) + _table([say("option"), say("type"), say("meaning")], rows)


def _parameter_schema(parameter: Document) -> Document:
    schema: Document = parameter.get("schema") or parameter["content"][JSON]["schema"]
    return schema


def _render_responses(operation: Document) -> str:
    rows = []
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        shown = ", ".join(
            f"{escape(kind)} {_type(each.get('schema', {}))}".strip() for kind, each in content.items()
        )
        if reasons := [name for each in content.values() for name in each.get("examples", ())]:
            shown = ", ".join(f'<a href="#{name}">{name}</a>' for name in reasons)
        rows.append([f"<code>{status}</code>", shown or escape(response.get("description", ""))])
    return _render_example(operation) + _table([say("status"), say("response")], rows)


def _render_example(operation: Document) -> str:
    """The example of a response in JSON; nothing where there is none."""
    example = operation["responses"].get("200", {}).get("content", {}).get(JSON, {}).get("example")
    return "" if example is None else f"<pre>{escape(json.dumps(example, ensure_ascii=False))}</pre>"


def render_schemas(document: Document) -> str:
    """The fields of every object."""
    parts = [f"<h2>{escape(say('Objects'))}</h2>"]
    for name, schema in document["components"]["schemas"].items():
        rows = [
            [f"<code>{escape(field)}</code>", _type(each), escape(each.get("description", ""))]
            for field, each in schema.get("properties", {}).items()
        ]
        parts.append(
            f'<h3 id="object-{escape(name)}">{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
        )
        parts.append(_table([say("field"), say("type"), say("meaning")], rows))
    return "".join(parts)


def render_problems(document: Document) -> str:
    """Every reason for a refusal, with its status."""
    kind = document["components"]["schemas"]["Problem"]["properties"]["type"]["description"]
    rows = [
        [f'<code id="{reason}">{reason}</code>', str(status), escape(translate(TITLES[reason]))]
        for reason, status in STATUS.items()
    ]
    table = _table([say("reason"), say("status"), say("meaning")], rows)
    return f"<h2>{escape(say('Refusals'))}</h2><p>application/problem+json, type: {escape(kind)}</p>{table}"


def _type(schema: Document) -> str:
    """The type of a field in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#object-{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    kind = schema.get("type", "")
    if kind == "array":
        inside = schema.get("prefixItems") or [schema.get("items", {})]
        return f"[{', '.join(map(_type, inside))}{'' if 'prefixItems' in schema else ', ...'}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"{{{escape(say('name'))}: {_type(schema['additionalProperties'])}}}"
    return escape(str(kind))


def _table(header: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML; nothing without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
