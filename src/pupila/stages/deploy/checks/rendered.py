"""Whether the files are there, and which were edited."""

from pathlib import Path

from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.version import __version__
from pupila.stages.deploy.checks.result import CheckResult, Fault
from pupila.stages.deploy.record import read_deploy_record
from pupila.stages.deploy.workflow import WORKFLOW


def check(folder: Path) -> CheckResult | None:
    """Compare the files with deploy.json: a missing one is a fault, an edited one is a person's own decision."""
    record = read_deploy_record(folder)
    if record is None:
        return None
    faults, edited, notes = [], [], []
    for name, sha256 in record.files.items():
        path = folder / name
        if not path.is_file() and name == WORKFLOW:
            notes.append(
                say("{name} was moved, to be run: it is checked where it lies in the folder alone", name=name)
            )
        elif not path.is_file():
            remedy = say("restore it, or render again")
            faults.append(Fault(name, "", say("the file is missing"), remedy))
        elif files.sha256(path.read_bytes()) != sha256:
            edited.append(name)
    if edited:
        notes.append(say("edited: {names}", names=listing(edited)))
    if record.pupila != __version__:
        notes.append(say("rendered by Pupila {old}; this is {new}", old=record.pupila, new=__version__))
    count = say_count("{n} file", "{n} files", len(record.files))
    return CheckResult("files", count, tuple(faults), notes=tuple(notes))
