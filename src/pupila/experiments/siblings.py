"""Equal cells run once, also across sweeps that lie beside each other: they are copied, or waited for."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from pupila.artifacts.sweep.cell import ERROR_FILE, RESULT_FILE, CellResult
from pupila.artifacts.sweep.folder import Cell, cell_folder, is_sweep
from pupila.artifacts.sweep.lease import GUARD_FILE, LEASE_FILE, read_lease
from pupila.artifacts.sweep.sealed import read_sealed, write_sealed
from pupila.core import files, locks
from pupila.core.errors import PupilaError
from pupila.core.version import __version__

_LOCK_FILE = ".sweeps.lock"


@contextlib.contextmanager
def hold_siblings(sweep: str) -> Iterator[None]:
    """Within it no other process of this machine begins a cell of this sweep, or of one beside it."""
    path = Path(sweep).absolute().parent / _LOCK_FILE
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a folder that can't be written to: equal cells may run twice
            stack.enter_context(locks.hold(str(path)))
            stack.callback(_unlink, path)
        yield


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows lets nobody delete an open file: the next one does
        path.unlink()


def take_over(cell: Cell) -> str:
    """Copy the run of an equal cell that is finished in a sweep beside this one; its folder, empty where there is none.

    What the cell has so far gives way: equal cells have equal results.
    """
    if cell.lease is not None and cell.lease.is_live:
        return ""
    for folder in _equal_cells(cell):
        if _has_sound_result(folder):
            _copy(Path(folder), Path(cell.folder))
            return folder
    return ""


def _has_sound_result(folder: str) -> bool:
    """Whether a cell has a result of this version of Pupila."""
    uri = files.join(folder, RESULT_FILE)
    try:
        return files.exists(uri) and read_sealed(CellResult, uri).made_by == f"pupila {__version__}"
    except PupilaError:
        return False


def _copy(source: Path, target: Path) -> None:
    """Copy a run without what its processes and its failures left; the result comes last, and makes it valid.

    The result names the sweep that it was copied from.
    """
    beside = (LEASE_FILE, GUARD_FILE, ERROR_FILE, RESULT_FILE)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(
            source, part, ignore=lambda _, names: [name for name in names if name in beside or name[0] == "."]
        )
        files.remove_folder(target)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    result = read_sealed(CellResult, str(source / RESULT_FILE))
    timing = result.timing.model_copy(update={"copied_from": source.parent.parent.name})
    write_sealed(str(target / RESULT_FILE), result.model_copy(update={"timing": timing}))


def runs_in_sibling(cell: Cell) -> bool:
    """Whether an equal cell is being trained in a sweep beside this one."""
    leases = (read_lease(files.join(folder, LEASE_FILE)) for folder in _equal_cells(cell))
    return any(lease is not None and lease.is_live for lease in leases)


def _equal_cells(cell: Cell) -> Iterator[str]:
    """The folders of the cell in other sweeps beside its own."""
    own = Path(cell.sweep).absolute()
    for name in files.list_folders(own.parent.as_posix()):
        folder = (own.parent / name).as_posix()
        if name != own.name and files.is_folder(cell_folder(folder, cell.id)) and is_sweep(folder):
            yield cell_folder(folder, cell.id)
