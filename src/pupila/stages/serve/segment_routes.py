"""The route of promptable bundles: `/segment`, with a prompt and an image or the id of an earlier one."""

import asyncio
import time
from typing import Annotated, TypeVar

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from pupila.artifacts.bundle.prompter import EncodedImage
from pupila.artifacts.predictions.prompt import RunLengths
from pupila.artifacts.web.app import (
    App,
    FlagField,
    OptionalImageUpload,
    Request,
    Response,
    TextField,
    run_before,
)
from pupila.artifacts.web.refusals import REFUSALS, Problem, Refusal
from pupila.artifacts.web.scopes import needs
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.masks.codec import encode_palette_png
from pupila.imaging.regions import to_rle
from pupila.stages.serve.embeddings import Embeddings, ServedPrompter
from pupila.stages.serve.prompt import PromptResponse
from pupila.stages.serve.responses import PNG, VERSION_HEADER
from pupila.stages.serve.uploads import image_refused, refuse_not_finite, upload_reader
from pupila.tasks.prompt import Prompt, check_prompt_content

_MOST_POINTS = 256  # of one kind; the decoder's memory grows with them
_POINTS = TypeAdapter(Annotated[list[tuple[FiniteFloat, FiniteFloat]], Field(max_length=_MOST_POINTS)])
_BOX = TypeAdapter(tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat])
_SHOWN = 100  # characters of an invalid field in an error
Parsed = TypeVar("Parsed")
_DOCUMENTED = {**REFUSALS, 404: {"model": Problem}, 200: {"content": {PNG: {}}}}


def add_segment(app: App, embeddings: Embeddings) -> None:
    """Add the route, which the embeddings serve."""

    @app.post("/segment", response_model=PromptResponse, responses=_DOCUMENTED,
              dependencies=[run_before(_refuse_explain)])  # fmt: skip
    @needs("predict")
    async def segment(
        request: Request,
        file: OptionalImageUpload = None,
        image_id: TextField = None,
        points: TextField = None,
        negatives: TextField = None,
        box: TextField = None,
    ) -> PromptResponse | Response:
        """Predict the mask for a prompt: foreground points, background points (negatives), and a box.

        Points are JSON [[x,y],...], the box is [x0,y0,x1,y1], in pixels of the upright image. Send image_id of the
        response instead of the image for further prompts. explain=true is refused with a 422: promptable models have
        no heat maps.
        """
        start = time.perf_counter()
        try:
            prompt = _parse_prompt(points, negatives, box)
            with embeddings.queue.reserve(), embeddings.slot.lease() as model:
                version = model.bundle.hash
                name, image, new = await _find_image(embeddings, model, file, image_id)
                prediction = await embeddings.predict(image, prompt, model)
        except ImageFault as fault:
            raise image_refused(fault) from fault
        except PupilaError as fault:
            raise Refusal(
                "invalid-request",
                fault.problem,
                fault.actual,
                fault.expected,
                say("points=[[x,y],...] or box=[x0,y0,x1,y1], pixels"),
            ) from fault
        if request.headers.get("accept", "").startswith(PNG):
            picture = await asyncio.to_thread(encode_palette_png, prediction.mask, 2)
            return Response(picture, media_type=PNG, headers={"x-image-id": name, VERSION_HEADER: version})
        height, width = prediction.mask.shape
        mask = RunLengths(**await asyncio.to_thread(to_rle, prediction.mask))
        with refuse_not_finite():
            return PromptResponse(
                image_id=name, height=height, width=width, predicted_iou=prediction.predicted_iou,
                confidence=prediction.confidence,
                abstained=prediction.abstained, share=prediction.share, mask=mask, encoded=new,
                processing_time=time.perf_counter() - start, model_version=version, request_id=request.state.id,
            )  # fmt: skip


async def _refuse_explain(explain: FlagField = False) -> None:
    """Refuse to explain.

    Raises:
        Refusal: 422.
    """
    if explain:
        raise Refusal("no-heat-map", say("Promptable models can't be explained"), "explain=true",
                      say("a bundle that takes no prompts"), say("send the request without explain"))  # fmt: skip


async def _find_image(
    embeddings: Embeddings, model: ServedPrompter, file: OptionalImageUpload, image_id: str | None
) -> tuple[str, EncodedImage, bool]:
    """The id of the image, its embeddings, and whether it was encoded for this request."""
    if image_id is not None and file is None:
        if (known := await embeddings.find_cached(image_id, model)) is None:
            raise Refusal(
                "unknown-image-id", say("Unknown image_id"), image_id,
                say("the image_id of an image that is still cached"), say("send the image again as file"),
            )  # fmt: skip
        return image_id, known, False
    if file is None or image_id is not None:
        raise Refusal(
            "invalid-request", say("Expected exactly one image"),
            say("both file and image_id") if file else say("neither file nor image_id"),
            say("either file or image_id"),
        )  # fmt: skip
    return await embeddings.encode(upload_reader(file, embeddings.settings.max_bytes), model)


def _parse_prompt(points: str | None, negatives: str | None, box: str | None) -> Prompt:
    """The prompt in the form fields.

    Raises:
        PupilaError: a field is not valid JSON of this form, or the prompt is empty.
    """
    foreground = _parse_field(_POINTS, "points", points or "[]")
    background = _parse_field(_POINTS, "negatives", negatives or "[]")
    prompt = Prompt(tuple(foreground), tuple(background), _parse_field(_BOX, "box", box) if box else None)
    check_prompt_content(prompt)
    return prompt


def _parse_field(form: TypeAdapter[Parsed], name: str, text: str) -> Parsed:
    """The value of a JSON field.

    Raises:
        PupilaError: it has a different form.
    """
    try:
        return form.validate_json(text)
    except ValidationError as fault:
        raise PupilaError(
            say("Invalid field {name}", name=name), actual=text[:_SHOWN],
            expected=say("JSON: at most {n} points [[x,y],...], or a box [x0,y0,x1,y1]", n=_MOST_POINTS),
        ) from fault  # fmt: skip
