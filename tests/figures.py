"""The figures of a bundle."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.validation import ValidationSummary


def validation(info: BundleInfo) -> ValidationSummary:
    """Of a model that was validated."""
    assert info.validation is not None
    return info.validation
