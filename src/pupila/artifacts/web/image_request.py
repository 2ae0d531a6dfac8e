"""The one parser of requests with images: a multipart form, a raw image body, or JSON with base64.

All three end as files that are spooled to disk above 1 MB, so that waiting requests hold no images in memory. A JSON
body, which has to be parsed as a whole, may be as large as one image of the largest size, and a route parses one at a
time.
"""

import asyncio
import contextlib
import reprlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Generic, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from pupila.artifacts.web.base64_images import decode_base64
from pupila.artifacts.web.limits import BodyLimits, read_declared_length
from pupila.artifacts.web.reasons import Reason
from pupila.artifacts.web.refusals import Refusal, from_disk_error, over_limit
from pupila.core.messages import listing, say, translate
from pupila.imaging.images.decode import ImageFault

_SPOOLED = 1024 * 1024  # bytes of a body in memory; more go to disk
_MOST_MARKS = (
    4096  # commas and brackets of the options in a JSON body; an image has two commas, with a data URL
)
FORM, JSON, RAW = "multipart/form-data", "application/json", "application/octet-stream"
PNG = "image/png"


class Options(BaseModel):
    """What a request says besides its images: form fields, JSON fields, or parameters of the address."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


OptionsType = TypeVar("OptionsType", bound=Options)


@dataclass(frozen=True, slots=True)
class SentImage:
    """An image of a request."""

    name: str  # of the file; empty: a raw body or JSON
    read: Callable[
        [], bytes
    ]  # its bytes, in a thread; raises an ImageFault where it is too large or not base64


@dataclass(frozen=True, slots=True)
class ImageRequest(Generic[OptionsType]):
    """What a request with images says, in whichever form."""

    images: list[SentImage]
    options: OptionsType


class ImageBody(Generic[OptionsType]):
    """What a route takes; a dependency that parses it.

    Args:
        options: the type of the options.
        limits: of bodies and forms; `files` images at most.
        image_bytes: of one image, at most.
        least: images.
        batch: whether the fields are `files` and `images`, not `file` and `image`.
    """

    def __init__(
        self,
        options: type[OptionsType],
        limits: BodyLimits,
        image_bytes: int,
        least: int = 1,
        batch: bool = False,
    ) -> None:
        self.options, self.limits, self.image_bytes, self.least = options, limits, image_bytes, least
        self.most = limits.files if batch else 1
        self.batch = batch
        self.form_field, self.json_field = ("files", "images") if batch else ("file", "image")
        fields_bytes = limits.fields * limits.field_bytes
        self.json_bytes = min(limits.body, 4 * (image_bytes // 3 + 1) + fields_bytes)
        self._parsing = asyncio.Lock()  # one JSON body in memory

    async def __call__(self, request: Request) -> AsyncIterator[ImageRequest[OptionsType]]:
        """The images and options of a request; its files are closed after the response.

        Raises:
            Refusal: a body of another type, an image too few or too many, or an invalid field.
        """
        async with contextlib.AsyncExitStack() as opened:
            try:
                images, fields = await self._parse(request, opened)
            except ClientDisconnect as fault:
                raise Refusal("cut-off", say("The request is cut off")) from fault
            except OSError as fault:
                raise from_disk_error(fault, request.state.id) from fault
            yield ImageRequest(images, self._check(request, images, fields))

    async def _parse(
        self, request: Request, opened: contextlib.AsyncExitStack
    ) -> tuple[list[SentImage], list[tuple[str, Any]]]:
        """The images and the fields of the body."""
        kind = media_type(request)
        if kind == FORM:
            form = await opened.enter_async_context(request.form(
                max_files=self.most, max_fields=self.limits.fields, max_part_size=self.limits.field_bytes
            ))  # fmt: skip
            return self._read_form(form)
        if kind == JSON:
            body = await self._spool(request, opened, "large-body", self.json_bytes)
            async with self._parsing:
                return await asyncio.to_thread(self._read_json, body, opened)
        if kind and kind != RAW and not kind.startswith("image/"):
            raise Refusal("unsupported-media-type", say("Unsupported type of body"), kind,
                          f"{FORM}, {JSON}, image/*, {RAW}", self.remedy)  # fmt: skip
        body = await self._spool(request, opened, "oversized", self.image_bytes)
        return [self._sent(body)] if kind or body.size else [], []

    @property
    def remedy(self) -> str:
        """How the images are sent."""
        if self.batch:
            return say("send the images as multipart fields 'files', as JSON {json}, or one as a raw image body",
                       json='{"images": [base64, ...]}')  # fmt: skip
        return say("send the image as multipart field 'file', as a raw image body, or as JSON {json}",
                   json='{"image": base64}')  # fmt: skip

    async def _spool(
        self, request: Request, opened: contextlib.AsyncExitStack, reason: Reason, most: int
    ) -> UploadFile:
        """The body in a file; one that is too long is refused, unread where it declares its length."""
        self._check_size(read_declared_length(request.headers), reason, most)
        file = _open_spooled(opened)
        async for chunk in request.stream():
            self._check_size((file.size or 0) + len(chunk), reason, most)
            await file.write(chunk)
        await file.seek(0)
        return file

    def _check_size(self, size: int, reason: Reason, most: int) -> None:
        if size > most:
            large = reason == "large-body"
            problem = say("The JSON body is too large") if large else say("The image is too large")
            fits = say("send an image of at most {n} bytes", n=self.image_bytes)
            remedy = say("send the images as a multipart form") if large and self.batch else fits
            raise over_limit(reason, problem, size, most, remedy)

    def _sent(self, file: UploadFile) -> SentImage:
        """An image in a file."""

        def read() -> bytes:
            if (size := file.size or 0) > self.image_bytes:
                raise ImageFault(
                    "oversized", say("{n} bytes; the limit is {most}", n=size, most=self.image_bytes)
                )
            file.file.seek(0)
            return file.file.read()

        return SentImage(file.filename or "", read)

    def _read_form(self, form: FormData) -> tuple[list[SentImage], list[tuple[str, Any]]]:
        images, fields = [], []
        for name, value in form.multi_items():
            if isinstance(value, str):
                if name == self.form_field:
                    self._refuse_images(say("the field `{field}` is text: it has no file name", field=name))
                fields.append((name, value))
            elif name == self.form_field:
                images.append(self._sent(value))
            else:
                self._refuse_images(say("a file in the field `{field}`", field=name))
        return images, fields

    def _read_json(
        self, body: UploadFile, opened: contextlib.AsyncExitStack
    ) -> tuple[list[SentImage], list[tuple[str, Any]]]:
        """In a thread."""
        try:
            fields = from_json(self._read_flat(body), allow_inf_nan=False, cache_strings="none")
        except ValueError as fault:
            raise Refusal(
                "invalid-json",
                say("The body is not valid JSON"),
                str(fault),
                say("JSON in UTF-8"),
                self.remedy,
            ) from fault
        if not isinstance(fields, dict):
            raise Refusal("invalid-json", say("The body is not a JSON object"), reprlib.repr(fields),
                          say("a JSON object"), self.remedy)  # fmt: skip
        sent = fields.pop(self.json_field, None)
        texts = [] if sent is None else sent if self.batch else [sent]
        if not isinstance(texts, list) or not (self.batch or all(isinstance(text, str) for text in texts)):
            self._refuse_images(f"{self.json_field}: {reprlib.repr(sent)}")
        if len(texts) > self.most:
            raise Refusal("many-files", say("Too many files"), str(len(texts)), say("at most {n}", n=self.most),
                          say("split the files into several requests"))  # fmt: skip
        return [self._decode(text, opened) for text in texts], list(fields.items())

    def _read_flat(self, body: UploadFile) -> bytes:
        """The JSON text; one of many values, which would take many times its size once it is parsed, is refused."""
        text: bytes = body.file.read()
        marks, most = sum(map(text.count, (b",", b"[", b"{"))), _MOST_MARKS + 2 * self.most
        if marks > most:
            raise Refusal(
                "invalid-json", say("The JSON body has too many values"), say("{n} commas and brackets", n=marks),
                say("each image as one base64 text, and at most {n} commas and brackets", n=most), self.remedy,
            )  # fmt: skip
        return text

    def _decode(self, text: Any, opened: contextlib.AsyncExitStack) -> SentImage:
        """The image of a text, in a file; an invalid one is a fault when it is read."""
        if not isinstance(text, str):
            shown = say("{value} is no text", value=reprlib.repr(text))
            return SentImage("", _raiser(ImageFault("invalid-base64", shown)))
        try:
            data = decode_base64(text, self.image_bytes)
        except ImageFault as fault:
            return SentImage("", _raiser(fault))
        file = _open_spooled(opened, len(data))
        file.file.write(data)
        return SentImage("", self._sent(file).read)

    def _refuse_images(self, actual: str) -> NoReturn:
        expected = (
            say("{least} to {most} images", least=self.least, most=self.most)
            if self.batch
            else say("one image")
        )
        raise Refusal("invalid-request", say("Invalid request"), actual, expected, self.remedy)

    def _check(self, request: Request, images: list[SentImage], fields: list[tuple[str, Any]]) -> OptionsType:
        """The options, where the number of images is right."""
        if len(images) < self.least:
            names = [f"`{name}`" for name, _ in fields]
            kind = media_type(request)
            self._refuse_images(
                say("the fields {names}", names=listing(names)) if names
                else say("a body of type {kind} without an image", kind=kind) if kind else say("no body")
            )  # fmt: skip
        return self._parse_options([*request.query_params.multi_items(), *fields])

    def _parse_options(self, fields: list[tuple[str, Any]]) -> OptionsType:
        values: dict[str, Any] = {}
        for name, value in fields:
            if name in values:
                raise Refusal(
                    "invalid-request",
                    say("The field {name} occurs twice", name=name),
                    remedy=say("send it once"),
                )
            if value != "":  # as forms of pages send what was left out
                values[name] = _parse_text(value)
        try:
            return self.options.model_validate(values)
        except ValidationError as fault:
            name = str(fault.errors()[0]["loc"][0])
            field = self.options.model_fields.get(name)
            known = listing([self.form_field, *self.options.model_fields], 20)
            expected = known if field is None else translate(field.description or "")
            problem = (
                say("Unknown field {name}", name=name)
                if field is None
                else say("Invalid field {name}", name=name)
            )
            shown = dict(fields)[name]
            raise Refusal("invalid-request", problem, shown if isinstance(shown, str) else reprlib.repr(shown),
                          expected, say("see /docs")) from fault  # fmt: skip


def media_type(request: Request) -> str:
    """The type of a request's body in lower case, without parameters; empty: none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _open_spooled(opened: contextlib.AsyncExitStack, size: int = 0) -> UploadFile:
    file = opened.enter_context(SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115 -- the stack closes it
    return UploadFile(file, size=size)  # type: ignore[arg-type]  # a file in all but its declared type


def _parse_text(value: Any) -> Any:
    """A list in a text field is JSON; pydantic reads numbers and flags from text itself."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError:
        return value


def _raiser(fault: ImageFault) -> Callable[[], bytes]:
    def read() -> bytes:
        raise fault

    return read
