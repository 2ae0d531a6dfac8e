"""The settings of the page."""

from pydantic import Field, PositiveInt

from pupila.artifacts.web.limits import BodyLimits
from pupila.core.settings import Settings


class PageSettings(Settings):
    """Login, encryption and limits."""

    login: str | None = Field(
        default=None,
        description="file of names and password hashes (`pupila page login`); other machines reach no page without it",
    )
    certificate: str | None = Field(
        default=None, description="PEM file of a certificate, for https; null: plain http"
    )
    key: str | None = Field(default=None, description="PEM file of the certificate's private key")
    trusted_proxy: list[str] = Field(
        default=[], description="addresses or networks of proxies whose X-Forwarded-For names the client"
    )
    max_bytes: PositiveInt = Field(default=20_000_000, description="maximum size of an image file, bytes")
    max_decode_memory: PositiveInt | None = Field(
        default=None, description="memory of all decoding threads, bytes; null: a quarter of the machine's"
    )
    max_files: PositiveInt = Field(default=500, description="maximum number of images per upload")
    max_upload_bytes: PositiveInt = Field(
        default=1_000_000_000, description="maximum size of an upload, bytes"
    )

    def body_limits(self) -> BodyLimits:
        """Limits of the bodies of requests."""
        return BodyLimits(self.max_upload_bytes, 2 * self.max_upload_bytes, files=self.max_files)
