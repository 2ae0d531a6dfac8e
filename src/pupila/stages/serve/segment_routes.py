"""The route of promptable bundles: `/segment`, with a prompt and an image or the id of an earlier one."""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, FiniteFloat

from pupila.artifacts.bundle.prompter import EncodedImage
from pupila.artifacts.predictions.prompt import RunLengths
from pupila.artifacts.web.app import App, Request, Response, parsed_by
from pupila.artifacts.web.description import IMAGE_REASONS, describe_body, describe_responses
from pupila.artifacts.web.image_request import PNG, ImageBody, ImageRequest, Options, SentImage
from pupila.artifacts.web.refusals import Refusal
from pupila.artifacts.web.scopes import needs
from pupila.core.errors import PupilaError
from pupila.core.messages import mark, say
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.masks.codec import encode_palette_png
from pupila.imaging.regions import to_rle
from pupila.stages.serve.embeddings import Embeddings, ServedPrompter
from pupila.stages.serve.options import GROUP, accepts_png, check_overlay, refuse_option
from pupila.stages.serve.overlays import draw_overlay
from pupila.stages.serve.prompt import EXAMPLE, PromptResponse
from pupila.stages.serve.recording import ImageTrace, PredictionLog, RequestNote
from pupila.stages.serve.responses import VERSION_HEADER
from pupila.stages.serve.uploads import check_finite, image_refused, refuse_not_finite
from pupila.tasks.prompt import Prompt, PromptPrediction, check_prompt_content

_MOST_POINTS = 256  # of one kind; the decoder's memory grows with them
_Points = Annotated[list[tuple[FiniteFloat, FiniteFloat]], Field(max_length=_MOST_POINTS)]
_Box = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class SegmentOptions(Options):
    """The options of `/segment`."""

    image_id: str | None = Field(
        default=None, description=mark("of an earlier response, instead of the image")
    )
    points: _Points = Field(
        default=[],
        description=mark("JSON [[x,y],...]: at most 256 foreground points, pixels of the upright image"),
    )
    negatives: _Points = Field(
        default=[],
        description=mark("JSON [[x,y],...]: at most 256 background points, pixels of the upright image"),
    )
    box: _Box | None = Field(
        default=None, description=mark("JSON [x0,y0,x1,y1], pixels of the upright image")
    )
    overlay: bool = Field(
        default=False,
        description=mark("true: draw the mask over the image; needs Accept: image/png and the image"),
    )
    explain: bool = Field(
        default=False, description=mark("true is refused: promptable models have no heat maps")
    )
    group: str = GROUP


def add_segment(app: App, embeddings: Embeddings) -> None:
    """Add the route, which the embeddings serve."""
    settings = embeddings.settings
    body = ImageBody(SegmentOptions, settings.body_limits(), settings.max_bytes, least=0)
    parsed = parsed_by(body)
    responses = describe_responses(EXAMPLE, (*IMAGE_REASONS, "unknown-image-id"), png=True)

    @app.post(
        "/segment",
        response_model=PromptResponse,
        responses=responses,
        openapi_extra=describe_body(body, points=[[0, 0]]),
    )
    @needs("predict")
    async def segment(
        request: Request, sent: ImageRequest[SegmentOptions] = parsed
    ) -> PromptResponse | Response:
        """Predict the mask for a prompt: foreground points, background points (negatives), and a box.

        Send image_id of the response instead of the image for further prompts. With Accept: image/png the response is
        the mask, and overlay=true draws it over the image.
        """
        start = embeddings.metrics.observe_read(request)
        _check_options(sent, request)
        try:
            prompt = _make_prompt(sent.options)
            with embeddings.queue.reserve(), embeddings.slot.lease() as model:
                name, image, new = await _find_image(embeddings, model, sent)
                embeddings.metrics.count_lookup(hit=not new)
                prediction = await embeddings.predict(image, prompt, model)
                check_finite(prediction.confidence)
                version = model.bundle.hash
                response: PromptResponse | Response
                with embeddings.metrics.stages["respond"].time():
                    if accepts_png(request):
                        picture = await asyncio.to_thread(_draw, sent, prediction, model)
                        headers = {"x-image-id": name, VERSION_HEADER: version, "vary": "accept"}
                        response = Response(picture, media_type=PNG, headers=headers)
                    else:
                        fields = await asyncio.to_thread(_mask_fields, prediction)
                        with refuse_not_finite():
                            response = PromptResponse(
                                **fields, image_id=name, encoded=new, processing_time=time.perf_counter() - start,
                                model_version=version, request_id=request.state.id,
                            )  # fmt: skip
        except ImageFault as fault:
            embeddings.metrics.count_invalid(fault.code)
            raise image_refused(fault) from fault
        except PupilaError as fault:
            shown = say("points=[[x,y],...] or box=[x0,y0,x1,y1], pixels")
            raise Refusal("invalid-request", fault.problem, fault.actual, fault.expected, shown) from fault
        embeddings.metrics.count_prediction(prediction)
        note = RequestNote(request.state.id, sent.options.group, start)
        if embeddings.log is not None:
            prompted = _Prompted(name, sent.images if new else [], prediction, model)
            await asyncio.to_thread(_record, embeddings.log, note, prompted)
        return response


@dataclass(frozen=True, slots=True)
class _Prompted:
    """What was predicted for a prompt."""

    image_id: str
    images: list[SentImage]  # the image; empty: it was sent before
    prediction: PromptPrediction
    model: ServedPrompter


def _record(log: PredictionLog, note: RequestNote, prompted: _Prompted) -> None:
    """Write the prediction to the log; in a thread."""
    height, width = prompted.prediction.mask.shape
    stored = prompted.images and log.stores(prompted.image_id)
    read = prompted.images[0].read if stored else None
    trace = ImageTrace(note, prompted.image_id, read, height, width, None)
    log.write(trace, prompted.prediction, prompted.model.bundle)


def _check_options(sent: ImageRequest[SegmentOptions], request: Request) -> None:
    """Refuse options that would have no effect.

    Raises:
        Refusal: 422.
    """
    if sent.options.explain:
        raise Refusal("no-heat-map", say("Promptable models can't be explained"), "explain=true",
                      say("a bundle that takes no prompts"), say("send the request without explain"))  # fmt: skip
    check_overlay(sent.options.overlay, request)
    if sent.options.overlay and not sent.images:
        raise refuse_option("overlay=true, image_id", say("the image instead of its image_id"))


def _mask_fields(prediction: PromptPrediction) -> dict[str, Any]:
    """The prediction's own part of a response; in a thread."""
    height, width = prediction.mask.shape
    return {
        "height": height, "width": width, "predicted_iou": prediction.predicted_iou, "share": prediction.share,
        "confidence": prediction.confidence, "abstained": prediction.abstained,
        "mask": RunLengths(**to_rle(prediction.mask)),
    }  # fmt: skip


def _draw(sent: ImageRequest[SegmentOptions], prediction: PromptPrediction, model: ServedPrompter) -> bytes:
    """The mask as PNG, or the image with it; in a thread."""
    if not sent.options.overlay:
        return encode_palette_png(prediction.mask, 2)
    prompter = model.prompter
    return draw_overlay(sent.images[0].read, prediction, prompter.info.preprocessing.bands, prompter.limits)


async def _find_image(
    embeddings: Embeddings, model: ServedPrompter, sent: ImageRequest[SegmentOptions]
) -> tuple[str, EncodedImage, bool]:
    """The id of the image, its embeddings, and whether it was encoded for this request."""
    image_id = sent.options.image_id
    if image_id is not None and not sent.images:
        if (known := await embeddings.find_cached(image_id, model)) is None:
            raise Refusal(
                "unknown-image-id", say("Unknown image_id"), image_id,
                say("the image_id of an image that is still cached"), say("send the image again as file"),
            )  # fmt: skip
        return image_id, known, False
    if not sent.images or image_id is not None:
        raise Refusal(
            "invalid-request", say("Expected exactly one image"),
            say("both file and image_id") if sent.images else say("neither file nor image_id"),
            say("either file or image_id"),
        )  # fmt: skip
    return await embeddings.encode(sent.images[0].read, model)


def _make_prompt(options: SegmentOptions) -> Prompt:
    """The prompt in the options.

    Raises:
        PupilaError: it is empty.
    """
    prompt = Prompt(tuple(options.points), tuple(options.negatives), options.box)
    check_prompt_content(prompt)
    return prompt
