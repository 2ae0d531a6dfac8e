"""The mirror of a run: its files in a store, from which any machine resumes it, whenever the first one goes away."""

import contextlib
import os
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pupila.artifacts.bundle.folder import has_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE
from pupila.artifacts.run.folder import BUNDLE
from pupila.artifacts.run.log import EpochLog, LogCallback, LogLine, Note
from pupila.artifacts.run.mirror_file import (
    MIRROR_FILE,
    STATE,
    MirrorContent,
    MirroredFile,
    identify_run,
    parse_mirror,
    read_mirrored_plan,
    restore_run,
)
from pupila.artifacts.run.plan import COLLAPSED, COMPLETED, PLAN_FILE, PlanFile, RunPlan, read_plan
from pupila.core import files
from pupila.core.errors import MissingExtra, PupilaError
from pupila.core.messages import say, say_count

_SNAPSHOTS = ".mirror"  # folder of the run, with links to the files that wait for their copy
_ONCE: tuple[float, ...] = ()
_WAITS: tuple[float, ...] = (1, 3, 9)  # seconds between tries to read a mirror that the training depends on
_LAST = (f"{BUNDLE}/{INFO_FILE}", PLAN_FILE)  # of a finished run: who reads them may read all others


class Mirror:
    """Copies a run to a store in the background, after each epoch and at the end; the training is not slowed.

    One copy runs at a time; where the store is slower than an epoch, only the newest state waits. The files of an
    unfinished run lie under their hashes, those of a finished one under their names; the manifest is written last.
    What fails is a note and is tried again after the next epoch and at the end; a training never fails for it.

    Args:
        folder: of the run, on disk.
        uri: of the mirror.
        tell: called with each line of the log and each note, in the thread of the training alone.
    """

    def __init__(self, folder: str, uri: str, tell: LogCallback) -> None:
        self._folder, self._uri, self._tell = folder, uri.rstrip("/"), tell
        self._manifest = files.join(self._uri, MIRROR_FILE)
        self._writer, self._content = uuid.uuid4().hex, MirrorContent(run="", writer="", files={})
        self._snapshots: queue.Queue[Path | None] = queue.Queue(maxsize=1)
        self._number = self._passed_over = 0  # snapshots; those that a newer one replaced
        self._thread = threading.Thread(target=self._copy_snapshots, name="mirror", daemon=True)
        self._digests: dict[tuple[int, int, int], str] = {}  # by inode, modification time and size
        self._fault: PupilaError | OSError | None = None  # of the last copy
        self._reported: set[str] = set()
        self._is_begun = False  # whether the folder has this run

    @property
    def is_complete(self) -> bool:
        """Whether the last copy succeeded."""
        return self._fault is None

    def restore(self, check: Callable[[PlanFile[RunPlan]], None]) -> None:
        """Restore the run of the mirror where the folder has none; no earlier process can write to it any more.

        A mirror that can't be reached is a note where the folder has the run, and an error where it has none: a new
        run beside that of the mirror would be refused by it later.

        Args:
            check: raises a PupilaError where the plan in the mirror is not that of the training.

        Raises:
            PupilaError: the mirror has another run, is damaged, or can't be reached and the folder has no run.
        """
        has_run = files.exists(files.join(self._folder, PLAN_FILE))
        try:
            stored = self._read_manifest(_ONCE if has_run else _WAITS)
        except MissingExtra:
            raise
        except FileNotFoundError:
            return
        except (PupilaError, OSError) as fault:
            if not has_run:
                raise PupilaError(
                    say("Can't tell whether {uri} has the run already", uri=self._uri), actual=str(fault),
                    expected=say("a mirror that can be read, as the folder has no run"),
                    remedy=say("try again, or train without --mirror"),
                ) from fault  # fmt: skip
            self._fault = fault
            self._tell_fault()
            return
        content = parse_mirror(self._uri, stored)
        if has_run:
            if content.run != identify_run(read_plan(self._folder)):
                raise _other_run(self._uri)
        else:
            check(read_mirrored_plan(self._uri, content))
        self._write_manifest(content.model_copy(update={"writer": self._writer}))
        if not has_run:
            restore_run(self._uri, self._content, self._folder)
            self._tell(Note(say("Restored the run from its mirror {uri}.", uri=self._uri)))

    def _read_manifest(self, waits: Sequence[float]) -> bytes:
        """The manifest, tried again after each of the waits, seconds."""
        for wait in waits:
            try:
                return files.read_bytes(self._manifest)
            except (MissingExtra, FileNotFoundError):
                raise
            except (PupilaError, OSError):
                time.sleep(wait)
        return files.read_bytes(self._manifest)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        has_run = self._is_begun or kind is None
        if has_run:
            self._add_snapshot()
        self._snapshots.put(None)
        self._thread.join()
        if has_run:
            shutil.rmtree(Path(self._folder, _SNAPSHOTS), ignore_errors=True)
            self._tell_end()

    def on_log(self, line: LogLine) -> None:
        """Pass a line of the log on; after an epoch, copy what has changed."""
        self._tell(line)
        if isinstance(line, EpochLog):
            if not self._is_begun:  # from now on the folder holds this run
                shutil.rmtree(Path(self._folder, _SNAPSHOTS), ignore_errors=True)  # of a killed process
            self._is_begun = True
            self._add_snapshot()
            self._tell_fault()

    def _add_snapshot(self) -> None:
        """Link the files as they are now, for the next copy; a snapshot that still waits is replaced."""
        self._number += 1
        snapshot = Path(self._folder, _SNAPSHOTS, str(self._number))
        for path in _list_files(self._folder):
            link = snapshot / path
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(Path(self._folder, path), link)
            except OSError:  # a disk without links
                shutil.copy2(Path(self._folder, path), link)
        with contextlib.suppress(queue.Empty):
            waiting = self._snapshots.get_nowait()
            self._passed_over += 1
            if waiting is not None:
                shutil.rmtree(waiting, ignore_errors=True)
        self._snapshots.put(snapshot)

    def _copy_snapshots(self) -> None:
        while (snapshot := self._snapshots.get()) is not None:
            try:
                self._copy(str(snapshot))
                self._fault = None
            except (PupilaError, OSError) as fault:
                self._fault = fault
            shutil.rmtree(snapshot, ignore_errors=True)

    def _copy(self, snapshot: str) -> None:
        """Copy the files of a snapshot that the mirror lacks, then write the manifest, then delete what it lacks."""
        plan_file = read_plan(snapshot)
        is_finished = plan_file.state in (COMPLETED, COLLAPSED) and has_bundle(files.join(snapshot, BUNDLE))
        there = {entry.stored: entry.sha256 for entry in self._content.files.values()}
        entries = {}
        for path in sorted(_list_files(snapshot), key=lambda path: (path in _LAST, path)):
            file = Path(snapshot, path)
            digest = self._hash(file)
            stored = path if is_finished else f"{STATE}/{digest}"
            if there.get(stored) != digest:
                files.write_bytes(files.join(self._uri, stored), file.read_bytes())
            entries[path] = MirroredFile(sha256=digest, size=file.stat().st_size, stored=stored)
        before = self._content
        self._write_manifest(MirrorContent(run=identify_run(plan_file), writer=self._writer, files=entries))
        unused = {entry.stored for entry in before.files.values()} - {e.stored for e in entries.values()}
        if is_finished and before != self._content:
            unused |= {f"{STATE}/{entry.path}" for entry in files.walk(files.join(self._uri, STATE))}
        for stored in unused:
            files.remove(files.join(self._uri, stored))

    def _write_manifest(self, content: MirrorContent) -> None:
        """Write the manifest, if no other run and no later process has written it meanwhile.

        Raises:
            PupilaError: one has.
        """

        def change(old: bytes) -> bytes:
            stored = parse_mirror(self._uri, old) if old else None
            if stored is not None and stored.run != content.run:
                raise _other_run(self._uri)
            if stored is not None and self._content.writer and stored.writer != self._writer:
                raise PupilaError(
                    say("Another process has resumed the run from its mirror {uri}", uri=self._uri),
                    remedy=say("stop one of the two"),
                )
            return content.to_bytes()

        if content != self._content:
            files.update(self._manifest, change)
            self._content = content

    def _hash(self, file: Path) -> str:
        status = file.stat()
        key = status.st_ino, status.st_mtime_ns, status.st_size
        if key not in self._digests:
            self._digests[key] = files.sha256(file.read_bytes())
        return self._digests[key]

    def _tell_fault(self) -> None:
        """Tell a fault of the copy, each once."""
        if self._fault is not None and (fault := str(self._fault).partition("\n")[0]) not in self._reported:
            self._reported.add(fault)
            self._tell(Note(say(
                "The mirror is behind: {fault} Training is not affected; the next epoch tries again.", fault=fault
            )))  # fmt: skip

    def _tell_end(self) -> None:
        if self._passed_over:
            self._tell(Note(say_count(
                "The store is slower than the training: {n} epoch was copied together with a later one.",
                "The store is slower than the training: {n} epochs were copied together with later ones.",
                self._passed_over,
            )))  # fmt: skip
        if self._fault is None:
            self._tell(Note(say_count("The mirror {uri} has the run: {n} file.",
                                      "The mirror {uri} has the run: {n} files.",
                                      len(self._content.files), uri=self._uri)))  # fmt: skip
            return
        self._tell(Note(say(
            "The mirror {uri} does not have all of the run: {fault} The same command copies the rest.",
            uri=self._uri, fault=str(self._fault).partition("\n")[0],
        )))  # fmt: skip


def _list_files(folder: str) -> list[str]:
    """The files of a run, without locks and temporary ones."""
    return [entry.path for entry in files.walk(folder) if entry.size >= 0 and not files.is_hidden(entry.path)]


def _other_run(uri: str) -> PupilaError:
    return PupilaError(
        say("The mirror {uri} has another run", uri=uri),
        expected=say("an empty mirror, or that of this run"), remedy=say("--mirror with another address"),
    )  # fmt: skip
