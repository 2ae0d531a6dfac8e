"""What a check reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a file that would fail, or weaken the deployment."""

    file: str  # name in the folder
    where: str  # line, or name of the resource; empty: the whole file
    problem: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check of a folder."""

    check: str  # its name
    checked: str  # what was checked, in words, such as "36 resources"; empty: nothing
    faults: tuple[Fault, ...] = ()
    skipped: str = ""  # what was not checked for a program or a library that is not installed, in words
    notes: tuple[str, ...] = ()  # what could not be checked, each in words
