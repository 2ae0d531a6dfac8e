"""Copy a bundle into a registry: every file verified, and `bundle.json` last, so that half a copy is no bundle."""

from pupila.artifacts.bundle.folder import Bundle, check_pin, read_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress


def copy_bundle(bundle: Bundle, target: str) -> Bundle:
    """Copy all files of a bundle, and read the copy back; what a killed process has copied is written again.

    Args:
        bundle: read and verified.
        target: folder or URI of the copy.

    Raises:
        PupilaError: a file was changed meanwhile, or can't be written, or the copy differs.
    """
    with progress(say("copying the bundle"), len(bundle.info.files) + 2) as advance:
        for name in bundle.info.files:
            files.write_bytes(
                files.join(target, name), bundle.read(name)
            )  # which has the hash of bundle.json
            advance(1)
        files.write_bytes(
            files.join(target, INFO_FILE), files.read_bytes(files.join(bundle.folder, INFO_FILE))
        )
        advance(1)
        copy = read_bundle(target)
        check_pin(copy, bundle.hash)
        advance(1)
    return copy
