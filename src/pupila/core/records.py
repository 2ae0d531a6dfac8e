"""Records: immutable data that is stored as JSON and read back."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable data; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
