"""What a user may wish of the server."""

from pydantic import Field, PositiveInt

from pupila.imaging.images.decode import ImageLimits


class ServeSettings(ImageLimits):
    """The wish."""

    max_bytes: PositiveInt = Field(default=20_000_000, description="largest image file, bytes")
    max_files: PositiveInt = Field(default=64, description="images of one batch request")
    queue: PositiveInt = Field(default=256, description="images that may wait; more are answered with 503")
    batch: PositiveInt = Field(default=2, description="images that a thread answers at once, at most")
    embeddings: PositiveInt = Field(
        default=32, description="encoded images that a promptable bundle keeps, those that were used last"
    )
    embedding_bytes: PositiveInt = Field(
        default=512_000_000, description="encoded images that it keeps, bytes of all together"
    )
    threads: PositiveInt | None = Field(
        default=None, description="threads that decode and answer, each on one core; null: one per core"
    )
