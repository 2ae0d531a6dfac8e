"""The route of promptable bundles: `/segment`, an image or the id of one that was sent before, and a prompt."""

import asyncio
import time
from typing import Annotated, TypeVar

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from pupila.artifacts.bundle.prompter import Encoded
from pupila.artifacts.web.app import (
    REFUSALS,
    App,
    Problem,
    Refusal,
    Request,
    Response,
    TextField,
    UploadedOrNone,
)
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.masks.codec import as_png
from pupila.imaging.regions import to_rle
from pupila.stages.serve.embeddings import Embeddings
from pupila.stages.serve.shapes import PNG, PromptAnswered, RunLengths
from pupila.stages.serve.uploads import content, unanswerable
from pupila.tasks.prompt import Prompt, check_given

_MOST_POINTS = 256  # of one kind; the decoder's memory grows with them
_POINTS = TypeAdapter(Annotated[list[tuple[FiniteFloat, FiniteFloat]], Field(max_length=_MOST_POINTS)])
_BOX = TypeAdapter(tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat])
_SHOWN = 100  # characters of a field that is not understood
Read = TypeVar("Read")
_DOCUMENTED = {**REFUSALS, 404: {"model": Problem}, 200: {"content": {PNG: {}}}}


def add_segment(app: App, embeddings: Embeddings) -> None:
    """Add the route, which the embeddings answer."""
    version, allowed = embeddings.prompter.bundle.hash, embeddings.settings.max_bytes

    async def sought(file: UploadedOrNone, image_id: str | None) -> tuple[str, Encoded, bool]:
        if image_id is not None and file is None:
            if (known := await embeddings.known(image_id)) is None:
                raise Refusal(
                    404, say("The image is not known"), image_id, say("the image_id of an image that is still kept"),
                    say("send the image again, as file"),
                )  # fmt: skip
            return image_id, known, False
        if file is None or image_id is not None:
            raise Refusal(
                422, say("Not one image"), say("both") if file else say("neither"), say("either file or image_id"),
            )  # fmt: skip
        data = await content(file, allowed)
        if isinstance(data, ImageFault):
            raise data
        return await embeddings.encoded(data)

    @app.post("/segment", response_model=PromptAnswered, responses=_DOCUMENTED)
    async def segment(
        request: Request,
        file: UploadedOrNone = None,
        image_id: TextField = None,
        points: TextField = None,
        negatives: TextField = None,
        box: TextField = None,
    ) -> PromptAnswered | Response:
        """Answer a prompt: points that belong to what is meant and that do not, [[x,y],...], and a box, [x0,y0,x1,y1].

        All are JSON, in pixels of the upright image. The answer's image_id asks again without sending the image.
        """
        start = time.perf_counter()
        try:
            prompt = _prompt(points, negatives, box)
            with embeddings.room():
                name, image, new = await sought(file, image_id)
                answer = await embeddings.answer(image, prompt)
        except ImageFault as fault:
            raise unanswerable(fault) from fault
        except PupilaError as fault:
            raise Refusal(
                422,
                fault.what,
                fault.found,
                fault.wanted,
                say("points=[[x,y],...] or box=[x0,y0,x1,y1], pixels"),
            ) from fault
        if request.headers.get("accept", "").startswith(PNG):
            picture = await asyncio.to_thread(as_png, answer.mask, 2)
            return Response(picture, media_type=PNG, headers={"x-image-id": name})
        height, width = answer.mask.shape
        mask = RunLengths(**await asyncio.to_thread(to_rle, answer.mask))
        return PromptAnswered(
            image_id=name, height=height, width=width, quality=answer.quality, confidence=answer.confidence,
            abstained=answer.abstained, share=answer.share, mask=mask, encoded=new,
            processing_time=time.perf_counter() - start, model_version=version, request_id=request.state.id,
        )  # fmt: skip


def _prompt(points: str | None, negatives: str | None, box: str | None) -> Prompt:
    """What the fields say.

    Raises:
        PupilaError: no JSON of this form, or nothing to go by.
    """
    here = _read(_POINTS, "points", points or "[]")
    not_here = _read(_POINTS, "negatives", negatives or "[]")
    prompt = Prompt(tuple(here), tuple(not_here), _read(_BOX, "box", box) if box else None)
    check_given(prompt)
    return prompt


def _read(form: TypeAdapter[Read], name: str, text: str) -> Read:
    """A field of JSON.

    Raises:
        PupilaError: it has another form.
    """
    try:
        return form.validate_json(text)
    except ValidationError as fault:
        raise PupilaError(
            say("Bad {name}", name=name), found=text[:_SHOWN],
            wanted=say("JSON: at most {n} points [[x,y],...], or a box [x0,y0,x1,y1]", n=_MOST_POINTS),
        ) from fault  # fmt: skip
