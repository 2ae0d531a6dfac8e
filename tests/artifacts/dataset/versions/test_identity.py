"""The name of a version follows from the hashes that plans and bundles have always recorded."""

import hashlib

from pupila.artifacts.dataset.versions.identity import hash_version


def test_a_version_is_one_hash_of_data_and_split() -> None:
    expected = hashlib.sha256(b"pupila data version 1\nd\ns").hexdigest()
    assert hash_version("d", "s") == expected
    assert (
        len({hash_version("d", "s"), hash_version("ds", ""), hash_version("d", ""), hash_version("s", "d")})
        == 4
    )


def test_where_the_data_are_not_known_there_is_no_version() -> None:
    assert hash_version("", "s") == ""
