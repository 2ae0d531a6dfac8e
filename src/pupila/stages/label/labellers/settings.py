"""The settings of each labeller."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.core.settings import Settings

OPENAI = "https://api.openai.com/v1"
ROBOFLOW = "https://serverless.roboflow.com"


class EndpointSettings(Settings):
    """Requests to a server."""

    concurrency: PositiveInt = Field(default=8, description="parallel requests")
    rate_per_minute: PositiveFloat | None = Field(
        default=None, description="maximum requests per minute; null: no limit"
    )
    retries: NonNegativeInt = Field(
        default=5, description="retries after a transient error (429, 5xx, time-out)"
    )
    timeout: PositiveFloat = Field(default=60, description="seconds until a request times out")


class VlmSettings(EndpointSettings):
    """A vision-language model behind an endpoint with OpenAI's protocol."""

    model: str = Field(default="", description="model name on the server; short form: --with vlm:MODEL")
    base_url: str = Field(default=OPENAI, description="address of the server, including /v1")
    key: str | None = Field(
        default=None,
        description="environment variable with the API key; null: OPENAI_API_KEY for OpenAI itself, none elsewhere",
    )
    question: str = Field(
        default="",
        description="YAML file with prompt and classes, or a built-in question: octagons, octagon_kinds",
    )
    max_image_size: PositiveInt = Field(default=512, description="longer side of the images as sent, pixels")
    votes: PositiveInt = Field(default=1, description="answers per image; their agreement is the confidence")
    temperature: NonNegativeFloat | None = Field(
        default=None, description="sampling temperature; null: the default of the server"
    )
    max_tokens: PositiveInt = Field(
        default=256, description="maximum tokens of an answer; reasoning models need more"
    )
    input_price: NonNegativeFloat | None = Field(
        default=None, description="US dollars per million input tokens; null: unknown"
    )
    output_price: NonNegativeFloat | None = Field(
        default=None, description="US dollars per million output tokens; null: unknown"
    )
    image_tokens: PositiveInt | None = Field(
        default=None, description="tokens per image in the cost estimate; null: one per 32 x 32 pixels"
    )
    max_cost: PositiveFloat | None = Field(
        default=None, description="budget of a run, US dollars; null: no limit"
    )


class RoboflowSettings(EndpointSettings):
    """A model behind Roboflow's inference protocol, hosted or self-hosted."""

    model: str = Field(default="", description="PROJECT/VERSION; short form: --with roboflow:PROJECT/VERSION")
    base_url: str = Field(
        default=ROBOFLOW, description="address of the server; self-hosted: http://localhost:9001"
    )
    key: str = Field(default="ROBOFLOW_API_KEY", description="environment variable with the API key")
    classes: list[str] | None = Field(
        default=None, description="allowed classes, for masks in index order; null: the classes of the data"
    )
    confidence: NonNegativeFloat = Field(
        default=0.5, le=1, description="confidence threshold for a class or an outline"
    )
    max_image_size: PositiveInt = Field(default=1024, description="longer side of the images as sent, pixels")


class BundleSettings(Settings):
    """Pseudo-labels of a Pupila bundle."""

    bundle: str = Field(
        default="", description="folder of the bundle or of its run; short form: --with bundle:FOLDER"
    )
    confidence: NonNegativeFloat = Field(default=0.8, le=1, description="confidence threshold for a label")


class TableSettings(Settings):
    """A table of images and labels."""

    file: str = Field(default="", description="CSV, Parquet or JSON Lines file; short form: --with csv:FILE")
    human_labels: bool = Field(
        default=True,
        description="whether an annotator gave the labels; they then take precedence over all models",
    )
    new_classes: bool = Field(
        default=False, description="whether the table may add classes that the data do not have"
    )
