"""What the name of a folder or the end of a file's name hints at: images, masks, a split."""

import re

from pupila.artifacts.dataset.formats.file_finder import folder_content, split_from_words
from pupila.core.vocabulary import SPLIT_WORDS, TEST, TRAIN

_WORD = re.compile(r"[A-Z]?[a-zà-ÿ]+|[A-Z]+(?![a-z])|\d+")
_IMAGE_WORDS = frozenset((
    "image", "images", "img", "imgs", "input", "inputs", "photo", "photos", "picture", "pictures", "original",
    "originals", "rgb", "x", "scan", "scans", "raw", "data", "foto", "fotos", "imagen", "imagenes", "imágenes",
))  # fmt: skip
# Words that say mask and nothing else, wherever they stand alone.
MASK_WORDS = frozenset((
    "mask", "masks", "gt", "groundtruth", "annotation", "annotations", "annot", "trainannot", "labels", "labelstr",
    "segmentation", "trimap", "trimaps", "ann", "anno", "anns",
))  # fmt: skip
# Words that only hint at masks, as a class may be called so.
_LIKELY_WORDS = frozenset(("seg", "segs", "target", "targets", "output", "outputs", "y", "l", "roi"))
# Words of a mask's file name that do not name its class.
PLAIN_WORDS = MASK_WORDS | frozenset((
    "label", "ground", "truth", "seg", "segmented", "annotated", "manual", "target", "binary", "png", "json", "img",
    "image", "l", "y", "training", "train", "testing", "test", "val",
))  # fmt: skip
_ROLE = re.compile(
    r"[\W_]|(ground)?truth|masks?|labels?|annotations?|annot|ann|segmentation|seg|gt|images?|imgs?|inputs?"
)
_MASK_PARTS = ("mask", "label", "annot", "segment", "groundtruth", "ground_truth", "ground truth", "manual",
               "mascara", "máscara", "etiqueta")  # fmt: skip
_OTHER_PARTS = ("object", "instance", "color", "colour", "overlay", "preview", "visual", "contour", "border")
_SPLITS = {"tr": TRAIN, "ts": TEST}  # nnU-Net's imagesTr and imagesTs


def hint(name: str) -> str:
    """What a name hints at: "image", "mask", or "" for neither, both, or another picture of the labels."""
    if known := folder_content(name):
        return known
    words = {word.lower() for word in _WORD.findall(name)}
    if any(part in name.lower() for part in _OTHER_PARTS):
        return ""
    if words & (MASK_WORDS | _LIKELY_WORDS) or any(part in name.lower() for part in _MASK_PARTS):
        return "mask"
    return "image" if words & _IMAGE_WORDS else ""


def split_of_folder(name: str) -> str | None:
    """The split that a word of the name says: `train_masks`, `trainannot`, `imagesTs`, `Training_Input`."""
    words = [word.lower() for word in _WORD.findall(name)]
    split = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), split_from_words(name))
    if split is None and len(words) > 1:
        split = _SPLITS.get(words[-1])
    glued = re.match(r"(train|test|val)(?=annot|label|mask)", name.lower())
    return split or (SPLIT_WORDS[glued[1]] if glued else None)


def rest_of_name(name: str) -> str:
    """What a name says beside image or mask: `train` of `train_masks`."""
    return _ROLE.sub("", name.lower())
