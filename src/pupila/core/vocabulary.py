"""The words that files and rooms share: column names, split names, file names, and marks."""

from typing import Final

# Splits, in the order in which they are shown.
TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)

SPLIT_WORDS: Final = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST, "holdout": TEST,
}  # fmt: skip

# Files that Pupila writes beside the images.
MANIFEST_FILE: Final = "pupila.parquet"
SPLITS_FILE: Final = "splits.json"
OPENINGS_FILE: Final = "openings.jsonl"
FINGERPRINT_FILE: Final = "fingerprint.json"
EXPLORE_FILE: Final = "explore.html"
LABELS_FILE: Final = "labels.parquet"
LABELS_LOCK_FILE: Final = ".labels.lock"
PRODUCTS_FILE: Final = "products.jsonl"
SET_ASIDE_FILE: Final = "set_aside.jsonl"
VISITS_FILE: Final = "visits.jsonl"
AUDIT_FILE: Final = "audit.json"
AUDIT_PAGE_FILE: Final = "audit.html"
SUSPECTS_FILE: Final = "suspects.json"
PATCH_FILE: Final = "label-patch.jsonl"
OWN_FILES: Final = frozenset(
    {
        MANIFEST_FILE, SPLITS_FILE, OPENINGS_FILE, FINGERPRINT_FILE, EXPLORE_FILE, LABELS_FILE, LABELS_LOCK_FILE,
        PRODUCTS_FILE, SET_ASIDE_FILE, VISITS_FILE, AUDIT_FILE, AUDIT_PAGE_FILE, SUSPECTS_FILE, PATCH_FILE,
    }
)  # fmt: skip

IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)

# How bad a fault is: an error would spoil training.
ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
SEVERITIES: Final = (ERROR, WARNING, INFO)

IGNORE: Final = 255  # in a mask: a pixel without a label

SCHEMA_VERSION: Final = 1
