"""Constants that files and rooms share: split names, file names, severities, and the ignore index."""

import re
from typing import Final

# Splits, in the order in which they are shown.
TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)
# In the place of a split: an image in none of them, for it was chosen for its prediction and its group is in test.
UNUSED: Final = "unused"

SPLIT_WORDS: Final = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST, "holdout": TEST,
    "entrenamiento": TRAIN, "validacion": VALIDATION, "validación": VALIDATION, "prueba": TEST, "pruebas": TEST,
}  # fmt: skip

# What draws a clean split, where the data came with one or another was written before, which is archived.
REDRAW: Final = "pupila split DATA --ignore-given --replace"

# Files that Pupila writes beside the images.
MANIFEST_FILE: Final = "pupila.parquet"
SPLITS_FILE: Final = "splits.json"
TEST_ACCESS_FILE: Final = "test_access.jsonl"
FINGERPRINT_FILE: Final = "fingerprint.json"
EXPLORE_FILE: Final = "explore.html"
LABELS_FILE: Final = "labels.parquet"
LABELS_LOCK_FILE: Final = ".labels.lock"
LABELS_COPY_FILE: Final = ".labels.copy.parquet"
PRODUCTS_FILE: Final = "products.jsonl"
REJECTED_FILE: Final = "rejected.jsonl"
VISITS_FILE: Final = "visits.jsonl"
AUDIT_FILE: Final = "audit.json"
AUDIT_PAGE_FILE: Final = "audit.html"
SUSPECTS_FILE: Final = "suspects.json"
PATCH_FILE: Final = "label-patch.jsonl"
DIFF_FILE: Final = "data-diff.json"
DIFF_PAGE_FILE: Final = "data-diff.html"
QUEUE_FILE: Final = "queue.json"
ADDED_FOLDER: Final = "pupila-images"  # images that Pupila adds to a data set, whatever its layout
DRIFT_FILE: Final = "drift.json"
DRIFT_PAGE_FILE: Final = "drift.html"
VERSIONS_FOLDER: Final = ".versions"  # hidden: nothing in it is taken for a class, a table or an image
_OWN_FILES: Final = frozenset(
    {
        MANIFEST_FILE, SPLITS_FILE, TEST_ACCESS_FILE, FINGERPRINT_FILE, EXPLORE_FILE, LABELS_FILE, LABELS_LOCK_FILE,
        LABELS_COPY_FILE, PRODUCTS_FILE, REJECTED_FILE, VISITS_FILE, AUDIT_FILE, AUDIT_PAGE_FILE, SUSPECTS_FILE,
        PATCH_FILE, QUEUE_FILE, DIFF_FILE, DIFF_PAGE_FILE,
    }
)  # fmt: skip
# Splits and test accesses that another split replaced, and a split that could not be read.
_ARCHIVED = re.compile(r"(splits|test_access|splits-damaged)-[0-9a-f]{12}\.jsonl?")


def is_own_file(name: str) -> bool:
    """Whether a file of this name beside the images is one that Pupila wrote, which holds no labels for it to read."""
    return (
        name.startswith((f"{VERSIONS_FOLDER}/", f"{ADDED_FOLDER}/"))
        or name in _OWN_FILES
        or _ARCHIVED.fullmatch(name) is not None
    )


IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm",
     ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif", ".avifs", ".heic", ".heif", ".hif"}
)  # fmt: skip
TABLE_SUFFIXES: Final = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
# Files that are no images whatever they contain: reading their first bytes would cost a request each in a store.
TEXT_SUFFIXES = frozenset(
    {".json", ".xml", ".txt", ".csv", ".tsv", ".jsonl", ".yaml", ".yml", ".md", ".html"}
)

# Severity of a fault: an error would spoil training.
ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
SEVERITIES: Final = (ERROR, WARNING, INFO)

IGNORE: Final = 255  # in a mask: a pixel without a label

# Cells of a table that say whether an image shows a class, in lower case.
PRESENT_WORDS: Final = frozenset(
    {"1", "1.0", "true", "yes", "y", "t", "present", "si", "s\u00ed", "verdadero", "presente"}
)
ABSENT_WORDS: Final = frozenset({"0", "0.0", "false", "no", "n", "f", "absent", "falso", "ausente"})
UNKNOWN_WORDS: Final = frozenset({"", "?", "unknown", "nan", "na", "n/a", "<na>", "null", "none"})
NONE_WORDS: Final = frozenset({"none", "no finding", "no findings", "nothing", "ninguno", "ninguna"})
