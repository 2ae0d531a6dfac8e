"""The name of a version: one hash of the manifest with its labels and of the split."""

from pupila.core import files

SHORT = 12  # digits that people read and type
_SCHEME = "pupila data version 1"


def hash_version(data_hash: str, splits_hash: str) -> str:
    """The version of a data set with its split: equal contents have equal versions, on every machine.

    It follows from what every plan and every bundle records, also those that were written before there were versions.

    Args:
        data_hash: `Dataset.hash`, which covers paths, bytes, targets, groups, given splits, masks, their classes, and
            the bands; "" where it is not known.
        splits_hash: `SplitFile.hash`; "" where there is no split.

    Returns:
        64 hexadecimal digits; "" where the hash of the data is not known.
    """
    return files.sha256("\n".join((_SCHEME, data_hash, splits_hash)).encode()) if data_hash else ""
