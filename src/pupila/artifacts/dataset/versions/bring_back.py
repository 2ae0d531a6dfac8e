"""Restore a version: the consent, the snapshot before, and the proof that the data are read as they were."""

from dataclasses import dataclass

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.contents import write_contents
from pupila.artifacts.dataset.versions.history import (
    LogLine,
    append_log,
    now_text,
    versions_folder,
    write_version,
)
from pupila.artifacts.dataset.versions.identity import SHORT
from pupila.artifacts.dataset.versions.objects import size_finder
from pupila.artifacts.dataset.versions.restore import RestorePlan, check_contents, write_restored
from pupila.artifacts.dataset.versions.snapshot import store_snapshot
from pupila.artifacts.dataset.versions.version import Version, make_version
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import TEST_ACCESS_FILE

_BY = "restore"  # in the log


@dataclass(frozen=True, repr=False)
class RestoredVersion(Displayed):
    """A version that was restored."""

    version: str
    folder: str
    source: str  # what is opened: the folder, or a table in it
    written: int  # files
    unchanged: int  # files that were there already
    removed: int  # files
    reads_as: str  # the version that the restored data are read as
    snapshot: str = ""  # the version before, where the data set itself was restored and it was stored

    @property
    def is_exact(self) -> bool:
        """Whether the restored data are read as the version that was restored."""
        return self.version == self.reads_as

    def sentences(self) -> list[str]:
        """What was written, and whether the data are read as they were."""
        lines = (
            [say("The state before is version {version}.", version=self.snapshot[:SHORT])]
            if self.snapshot
            else []
        )
        lines.append(say_count(
            "Restored version {version} in {folder}: {n} file written, {same} unchanged, {removed} removed.",
            "Restored version {version} in {folder}: {n} files written, {same} unchanged, {removed} removed.",
            self.written, version=self.version[:SHORT], folder=self.folder, same=self.unchanged, removed=self.removed,
        ))  # fmt: skip
        if self.is_exact:
            return [*lines, say("It was opened again and has the same hash, labels and split: {source}",
                                source=self.source)]  # fmt: skip
        return [*lines, say(
            "It is read as version {version}, not as it was: settings of the reading may have been given then, or "
            "files outside of the folder differ. {command} shows what differs.", version=self.reads_as[:SHORT],
            command=f"pupila data diff {self.source} {self.version[:SHORT]}",
        )]  # fmt: skip

    def summary(self) -> Summary:
        """The folder and the version."""
        headline = say("{version} in {folder}", version=self.version[:SHORT], folder=self.folder)
        return Summary("RestoredVersion", headline)


@dataclass(frozen=True, repr=False)
class RestoreJob(Displayed):
    """A version that can be restored, and what that would change; nothing is written yet."""

    version: Version
    plan: RestorePlan
    home: str  # folder of the data set's own files; empty: the store alone is known
    data: str = ""  # what the data set is opened by, where it is itself restored; empty: another folder

    def summary(self) -> Summary:
        """What it would change."""
        facts = {f"{n}.": line for n, line in enumerate(self.describe(), start=1)}
        return Summary("RestoreJob", f"{self.version.info.short} -> {self.plan.folder}", facts)

    def describe(self) -> list[str]:
        """What needs consent, in sentences; none where only missing files are written."""
        return self.plan.describe()

    @property
    def needs_consent(self) -> bool:
        """Whether it changes or removes files, or writes elsewhere than in the folder."""
        return self.plan.needs_consent

    def run(self, replace: bool = False) -> RestoredVersion:
        """Check all contents, store the present state of the data set itself, write, and open what was written.

        Args:
            replace: whether files may be overwritten and removed, and written outside of the folder.

        Raises:
            PupilaError: contents are missing or damaged; consent is needed; or the folder is that of other files.
        """
        plan = self.plan
        if plan.removed and not self.data:
            raise PupilaError(
                say("{folder} has files that the version does not have", folder=plan.folder),
                actual=listing(plan.removed), expected=say("a new folder, or one that was begun with this version"),
                remedy="--to FOLDER",
            )  # fmt: skip
        if plan.needs_consent and not replace:
            raise PupilaError(
                say("Restoring would change files"), actual=" ".join(self.describe()),
                expected=say("consent, or a new folder"), remedy=say("--yes, or --to FOLDER"),
            )  # fmt: skip
        check_contents(plan)
        before = self._store_present() if self.data and (plan.overwritten or plan.removed) else ""
        write_restored(plan, removes=bool(self.data))
        if not self.data:
            self._bring_test_accesses()
        return self._conclude(before)

    def _store_present(self) -> str:
        """Store the contents of the data set as they are, so that nothing is lost; the name of that version."""
        try:
            data = open_data(self.data)
        except PupilaError as fault:  # as an interrupted restoring may leave it
            if not (unsaved := self._list_unsaved()):
                return ""
            raise PupilaError(
                say("The data set can't be opened, and these files are in no version: {names}", names=listing(unsaved)),
                actual=str(fault), expected=say("a data set whose present state can be stored"), remedy="--to FOLDER",
            ) from fault  # fmt: skip
        try:
            split = SplitFile.read(data.home)
        except PupilaError:
            split = None  # damaged: its bytes are among the contents
        note = say("before restoring {version}", version=self.version.info.short)
        line = LogLine(time="", version="", by=_BY, note=note)
        return store_snapshot(data, split, self.plan.contents.store, line).version.name

    def _list_unsaved(self) -> list[str]:
        """The files that would be overwritten or removed, and whose contents the store does not have."""
        find_size, folder = size_finder(self.plan.contents.store), self.plan.folder
        paths = [*(each.path for each in self.plan.overwritten), *self.plan.removed]
        return [path for path in paths
                if find_size(files.sha256(files.read_bytes(files.join(folder, path)))) is None]  # fmt: skip

    def _bring_test_accesses(self) -> None:
        """A restored test split was evaluated as often as the one that it comes from."""
        uri, digest = files.join(self.plan.folder, TEST_ACCESS_FILE), self.version.info.splits_hash
        if not self.home or not digest or files.exists(uri):
            return
        try:
            split = SplitFile.read(self.home)
        except PupilaError:
            split = None
        archived = f"{TEST_ACCESS_FILE.partition('.')[0]}-{digest[:12]}.jsonl"
        name = TEST_ACCESS_FILE if split is not None and split.hash == digest else archived
        if files.exists(source := files.join(self.home, name)):
            files.write_bytes(uri, files.read_bytes(source))

    def _conclude(self, before: str) -> RestoredVersion:
        """Record the version beside the restored data, open them, and compare."""
        plan, info = self.plan, self.version.info
        source = files.join(plan.folder, info.source) if info.source else plan.folder
        data = open_data(source)
        folder = versions_folder(data.home)
        write_version(folder, self.version)
        write_contents(folder, plan.contents)
        reads_as = make_version(data, SplitFile.read(data.home)).name
        append_log(folder, LogLine(time=now_text(), version=reads_as, by=_BY, store=plan.contents.store))
        written = len(plan.created) + len(plan.overwritten)
        return RestoredVersion(self.version.name, plan.folder, source, written, len(plan.identical),
                               len(plan.removed), reads_as, before)  # fmt: skip
