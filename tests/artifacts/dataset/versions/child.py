"""A process that takes or restores a version and dies at a write: `python -m ... DATA STORE NUMBER`."""

import sys

import pupila
from tests.killing import die_at_write

if __name__ == "__main__":
    data, store, number = sys.argv[1:]
    opened = pupila.open(data)
    die_at_write(int(number))
    if store:
        pupila.snapshot_data(opened, note="first", store=store)
    else:
        pupila.restore_data(data, "first", to=data, replace=True)
