"""The settings of each labeller."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pupila.core.settings import Settings

OPENAI = "https://api.openai.com/v1"
ROBOFLOW = "https://serverless.roboflow.com"


class EndpointSettings(Settings):
    """How a server is asked."""

    workers: PositiveInt = Field(default=8, description="requests at a time")
    rate: PositiveFloat | None = Field(default=None, description="most requests a minute; null: no limit")
    retries: NonNegativeInt = Field(
        default=5, description="of a request that failed for now (429, 5xx, time-outs)"
    )
    timeout: PositiveFloat = Field(default=60, description="for one answer, seconds")


class VlmSettings(EndpointSettings):
    """A vision-language model behind an endpoint that speaks OpenAI's protocol."""

    model: str = Field(default="", description="as the server calls it; --with vlm:MODEL says it, too")
    base_url: str = Field(default=OPENAI, description="address of the server, up to /v1")
    key: str | None = Field(
        default=None,
        description="environment variable that holds the key; null: OPENAI_API_KEY for OpenAI itself, none elsewhere",
    )
    task: str = Field(
        default="", description="classes and prompt: a YAML file, or one that is shipped: octagons"
    )
    side: PositiveInt = Field(default=512, description="longer side to which images are scaled down, pixels")
    votes: PositiveInt = Field(
        default=1, description="answers for each image; their agreement is the confidence"
    )
    temperature: NonNegativeFloat | None = Field(default=None, description="null: the server's own")
    max_tokens: PositiveInt = Field(
        default=256, description="of an answer; a model that thinks first needs more"
    )
    input_price: NonNegativeFloat | None = Field(
        default=None, description="US dollars for a million tokens of input; null: unknown"
    )
    output_price: NonNegativeFloat | None = Field(
        default=None, description="US dollars for a million tokens of output; null: unknown"
    )
    picture_tokens: PositiveInt | None = Field(
        default=None, description="of a picture, as the estimate has it; null: one for each 32 x 32 pixels"
    )
    max_cost: PositiveFloat | None = Field(default=None, description="most that a run may cost, US dollars")


class RoboflowSettings(EndpointSettings):
    """A model behind Roboflow's inference protocol, hosted or self-hosted."""

    model: str = Field(
        default="", description="PROJECT/VERSION; --with roboflow:PROJECT/VERSION says it, too"
    )
    base_url: str = Field(
        default=ROBOFLOW, description="address of the server; self-hosted: http://localhost:9001"
    )
    key: str = Field(default="ROBOFLOW_API_KEY", description="environment variable that holds the key")
    classes: list[str] | None = Field(
        default=None, description="the closed set; of masks in their order; null: as the data have them"
    )
    confidence: NonNegativeFloat = Field(
        default=0.5, le=1, description="under which a class or an outline does not count"
    )
    side: PositiveInt = Field(default=1024, description="longer side to which images are scaled down, pixels")


class BundleSettings(Settings):
    """A bundle of Pupila's own: pseudo-labels."""

    bundle: str = Field(default="", description="its folder; --with bundle:FOLDER says it, too")
    confidence: NonNegativeFloat = Field(default=0.8, le=1, description="under which an answer is no label")


class TableSettings(Settings):
    """A table of images and labels."""

    file: str = Field(default="", description="CSV, Parquet or JSON lines; --with csv:FILE says it, too")
    person: bool = Field(default=True, description="whether a person made it: it then outranks every machine")
    new_classes: bool = Field(
        default=False, description="whether it may name classes that the data do not have"
    )
