"""The parser of small requests in JSON: one object, of at most so many bytes."""

import reprlib
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from pupila.artifacts.web.image_request import JSON, media_type
from pupila.artifacts.web.limits import read_declared_length
from pupila.artifacts.web.reasons import Reason
from pupila.artifacts.web.refusals import Refusal, over_limit
from pupila.core.messages import listing, say, translate

JSON_REASONS: tuple[Reason, ...] = (
    "cut-off",
    "invalid-json",
    "large-body",
    "unsupported-media-type",
    "invalid-request",
)


class JsonFields(BaseModel):
    """The fields of a request: each of its own type, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


FieldsType = TypeVar("FieldsType", bound=JsonFields)


class JsonBody(Generic[FieldsType]):
    """What a route takes; a dependency that parses it.

    Args:
        model: of the fields.
        example: of the fields, for the documentation and the refusals.
        most_bytes: of a body.
    """

    def __init__(self, model: type[FieldsType], example: dict[str, Any], most_bytes: int) -> None:
        self.model, self.example, self.most_bytes = model, example, most_bytes

    async def __call__(self, request: Request) -> FieldsType:
        """The fields of a request.

        Raises:
            Refusal: a body of another type, one too large, no JSON, or an invalid field.
        """
        if (kind := media_type(request)) != JSON:
            raise Refusal(
                "unsupported-media-type", say("Unsupported type of body"), kind or say("no type"), JSON
            )
        try:
            content = await self._read(request)
        except ClientDisconnect as fault:
            raise Refusal("cut-off", say("The request is cut off")) from fault
        try:
            return self.model.model_validate_json(content)
        except ValidationError as fault:
            raise self._describe(fault) from fault

    def describe(self) -> dict[str, Any]:
        """The route's `openapi_extra`."""
        schema = self.model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        example = {"example": {"value": self.example}}
        return {"requestBody": {"required": True, "content": {JSON: {"schema": schema, "examples": example}}}}

    async def _read(self, request: Request) -> bytes:
        """The body; one that is too long is refused, unread where it declares its length."""
        self._check_size(read_declared_length(request.headers))
        content = bytearray()
        async for chunk in request.stream():
            self._check_size(len(content) + len(chunk))
            content += chunk
        return bytes(content)

    def _check_size(self, size: int) -> None:
        if size > self.most_bytes:
            raise over_limit("large-body", say("The JSON body is too large"), size, self.most_bytes, "")

    def _describe(self, fault: ValidationError) -> Refusal:
        first = fault.errors()[0]
        if not first["loc"]:
            return Refusal("invalid-json", say("The body is not a JSON object"), first["msg"],
                           say("a JSON object"), say("see /docs"))  # fmt: skip
        name = str(first["loc"][0])
        field = self.model.model_fields.get(name)
        if field is None:
            known = listing(list(self.model.model_fields), 20)
            return Refusal(
                "invalid-request", say("Unknown field {name}", name=name), "", known, say("see /docs")
            )
        missing = first["type"] == "missing"
        return Refusal(
            "invalid-request", say("Invalid field {name}", name=name),
            say("no such field") if missing else reprlib.repr(first["input"]),
            translate(field.description or ""), say("see /docs"),
        )  # fmt: skip
