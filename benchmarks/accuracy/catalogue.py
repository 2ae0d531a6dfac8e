"""The methods that are compared, by target."""

import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.accuracy.written import CLASSIFY, SEGMENT
from benchmarks.measure import REPOSITORY

PUPILA: Final = "pupila"
CPU_SECONDS: dict[str, float] = {CLASSIFY: 240, SEGMENT: 600}
_REQUIREMENTS = Path(__file__).parent / "requirements-fastai.txt"


@dataclass(frozen=True, slots=True)
class Method:
    """A process that trains and predicts."""

    module: str  # in `benchmarks.accuracy.methods`
    arguments: tuple[str, ...] = ()  # after TASK OUT SEED CPU_SECONDS
    fastai: bool = False  # runs in fastai's environment
    seeded: bool = True  # False: every seed gives the same, so that only the first is run

    @property
    def ours(self) -> bool:
        """Whether a change of Pupila changes its results."""
        return self.module == "pupila_command"


METHODS: dict[str, dict[str, Method]] = {
    CLASSIFY: {
        PUPILA: Method("pupila_command"),
        "pupila-budget": Method("pupila_command", ("budget",)),
        "probe": Method("probe", seeded=False),
        "full": Method("full"),
        "fastai": Method("fastai_classes", fastai=True),
    },
    SEGMENT: {
        PUPILA: Method("pupila_command"),
        "pupila-budget": Method("pupila_command", ("budget",)),
        "script": Method("unet_script"),
        "fastai-unet": Method("fastai_masks", fastai=True),
    },
}


def pupila_version() -> str:
    """The last commit that changed Pupila, with a plus where files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return git("log", "-1", "--format=%h", "--", "src") + ("+" if git("status", "--porcelain", "src") else "")


def find_python(method: Method, work: Path) -> Path:
    """The interpreter of a method; fastai's environment is made where it is not there."""
    if not method.fastai:
        return Path(sys.executable)
    home = work / "fastai"
    python = home / "bin/python"
    if not (home / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        # torch, timm and Pillow are those of the other methods, so that no version makes a difference.
        target = next(home.glob("lib/python*/site-packages")) / "pupila.pth"
        target.write_text(sysconfig.get_paths()["purelib"] + "\n")
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(_REQUIREMENTS)]
        subprocess.run(install, check=True)
        (home / ".ready").touch()
    return python
