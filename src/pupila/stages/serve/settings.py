"""The settings of the server."""

from pydantic import Field, PositiveInt

from pupila.imaging.images.decode import ImageLimits


class ServeSettings(ImageLimits):
    """Limits, queue and threads."""

    max_bytes: PositiveInt = Field(default=20_000_000, description="maximum size of an image file, bytes")
    max_files: PositiveInt = Field(default=64, description="maximum number of images per batch request")
    queue: PositiveInt = Field(
        default=256, description="maximum number of images in the queue; more get a 503"
    )
    max_batch_size: PositiveInt = Field(default=2, description="maximum number of images per forward pass")
    max_embeddings: PositiveInt = Field(
        default=32, description="embeddings to cache, most recently used (promptable bundles)"
    )
    max_embedding_bytes: PositiveInt = Field(
        default=512_000_000, description="total size of the cached embeddings, bytes"
    )
    threads: PositiveInt | None = Field(
        default=None, description="threads that decode and predict, each on one core; null: one per core"
    )
