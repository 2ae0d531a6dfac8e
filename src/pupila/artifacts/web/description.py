"""What the OpenAPI document says beyond FastAPI: bodies with images in all their forms, and refusals with examples."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pupila.artifacts.web.image_request import FORM, JSON, PNG, RAW, ImageBody
from pupila.artifacts.web.reasons import IMAGE_FAULTS, STATUS, TITLES, Reason
from pupila.artifacts.web.refusals import MEDIA_TYPE, Problem, Refusal, describe_problem
from pupila.artifacts.web.scopes import Access
from pupila.core.messages import mark, say, translate

Document = dict[str, Any]
# Of the connection, the guards and the server, on every route.
_EVERYWHERE: tuple[Reason, ...] = (
    "invalid-http", "large-framing", "pipelined", "unauthenticated", "forbidden", "timeout", "large-body",
    "long-address", "compressed", "unsupported-charset", "rate-limited", "large-headers", "internal-error",
    "many-connections", "many-open-bytes",
)  # fmt: skip
IMAGE_REASONS: tuple[Reason, ...] = (
    "cut-off", "invalid-form", "invalid-json", "many-files", "many-fields", "large-field", "unsupported-media-type",
    *IMAGE_FAULTS, "invalid-request", "no-heat-map", "not-finite", "storage", "queue-full", "many-explanations",
    "no-memory", "many-open-files", "disk-full",
)  # fmt: skip
# One white pixel.
EXAMPLE_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
)  # fmt: skip
_TEXT = mark("base64 of an image file, or a data URL with it")


def describe_refusals(*reasons: Reason) -> dict[int | str, Document]:
    """The `responses` of a route that refuses for these reasons, besides those that every route has."""
    described: dict[int, list[Reason]] = defaultdict(list)
    for reason in dict.fromkeys((*_EVERYWHERE, *reasons)):
        described[STATUS[reason]].append(reason)
    return {
        status: {
            "description": "; ".join(translate(TITLES[reason]) for reason in group),
            "content": {MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {reason: {"$ref": f"#/components/examples/{reason}"} for reason in group},
            }},
        }
        for status, group in sorted(described.items())
    }  # fmt: skip


def describe_responses(
    example: Document, reasons: Sequence[Reason], png: bool = False
) -> dict[int | str, Document]:
    """The `responses` of a route: an example of the one in JSON, a PNG where it has one, and the refusals."""
    content: Document = {JSON: {"example": example}, **({PNG: {"schema": _binary(PNG)}} if png else {})}
    return {200: {"content": content}, **describe_refusals(*reasons)}


def complete_description(document: Document) -> Document:
    """The document with the refusals of every route, their schema and their examples."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    components["examples"] = {reason: _problem_example(reason) for reason in STATUS}
    common = {str(status): response for status, response in describe_refusals().items()}
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            operation["responses"] = dict(sorted({**common, **operation["responses"]}.items()))
    return document


def describe_security(document: Document, accesses: Mapping[tuple[str, str], Access | None]) -> Document:
    """The document with what each path and method needs: a token, in one of two headers, or none."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            access = accesses.get((path, method))
            public = access is not None and access.scope is None
            operation["security"] = [] if public else [{"bearer": []}, {"key": []}]
            if access is not None and access.scope is not None:
                scope = say("Needs a token with the scope {scope}.", scope=access.scope)
                operation["description"] = "\n\n".join(
                    part for part in (operation.get("description", ""), scope) if part
                )
    return document


def _problem_example(reason: Reason) -> Document:
    title = translate(TITLES[reason])
    return {
        "summary": title,
        "value": describe_problem(Refusal(reason, title), "8a6d0c4e5b7f4f3c9d2e1a0b9c8d7e6f"),
    }


def describe_body(body: ImageBody[Any], **example_options: Any) -> Document:
    """What a route with images takes, for its `openapi_extra`; its example has these options."""
    options = body.options.model_json_schema()["properties"]
    text: Document = {"type": "string", "contentEncoding": "base64", "description": translate(_TEXT)}
    many = {"minItems": body.least, "maxItems": body.most}
    binary = _binary(RAW)
    file: Document = {"type": "array", "items": binary, **many} if body.batch else binary
    image: Document = {"type": "array", "items": text, **many} if body.batch else text
    example = [EXAMPLE_IMAGE] if body.batch else EXAMPLE_IMAGE
    forms = {
        FORM: _object(body.form_field, file, options, body.least),
        JSON: {**_object(body.json_field, image, options, body.least), "examples": {
            "image": {"summary": say("an image of one pixel"), "value": {body.json_field: example, **example_options}},
        }},
        "image/*": {"schema": binary},
        RAW: {"schema": binary},
    }  # fmt: skip
    note = say(
        "The options are fields of the form or of the JSON; with a raw body, parameters of the address."
    )
    return {
        "requestBody": {
            "required": body.least > 0,
            "description": f"{body.remedy[:1].upper()}{body.remedy[1:]}. {note}",
            "content": forms,
        },
        "parameters": [_parameter(name, schema) for name, schema in options.items()],
    }


def _binary(kind: str) -> Document:
    return {"type": "string", "format": "binary", "contentMediaType": kind}


def _object(field: str, schema: Document, options: Document, least: int) -> Document:
    required = {"required": [field]} if least else {}
    properties = {field: schema, **options}
    return {"schema": {"type": "object", "properties": properties, **required, "additionalProperties": False}}


def _parameter(name: str, schema: Document) -> Document:
    """An option in the address: what is no plain value is JSON."""
    plain = schema.get("type") in ("boolean", "string", "number", "integer")
    form = {"schema": schema} if plain else {"content": {JSON: {"schema": schema}}}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": schema.get("description", ""),
        **form,
    }
