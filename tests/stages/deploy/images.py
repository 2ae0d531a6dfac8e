"""Images built on this machine by buildah, which executes every instruction and refuses what it does not know.

No registry of images is needed: the base is made of Debian's packages, without what debian:bookworm-slim has not.
"""

import shutil
import ssl
import subprocess
from pathlib import Path

from tests.stages.deploy.container import Image, read_config

BASE = "docker.io/library/debian:bookworm-slim"
MIRROR = "http://deb.debian.org/debian"
PROGRAMS = ("buildah", "mmdebstrap", "unshare", "nsenter", "setpriv")
_NOT_SLIM = ("doc", "man", "info", "locale", "groff", "lintian", "linda")  # below /usr/share
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"


def find_obstacle() -> str:
    """Why no image can be built; empty: one can."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"no {', '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "no rights to make namespaces"
    return ""


class Builder:
    """Builds images with storage of their own.

    Args:
        folder: of the storage, some GB.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._make_base()

    def build(self, context: Path, name: str) -> Image:
        """The image of a Dockerfile in a folder of rendered files."""
        settings = (
            self.folder / "pip.conf"
        )  # pip has the authorities of this machine, which may read its traffic
        settings.write_text("[global]\ncert = /run/authorities.pem\n")
        authorities = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
        self._run("bud", "--isolation", "chroot", "--format", "docker", "--volume", f"{settings}:/etc/pip.conf:ro",
                  "--volume", f"{authorities}:/run/authorities.pem:ro", "--file", f"Dockerfile.{name}",
                  "--tag", f"localhost/pupila-{name}", ".", folder=context)  # fmt: skip
        config = read_config(self._run("inspect", "--type", "image", f"localhost/pupila-{name}"))
        container = self._run("from", f"localhost/pupila-{name}").strip()
        return Image(Path(self._run("mount", container).strip()), config)

    def remove(self) -> None:
        """Free the storage."""
        self._run("umount", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_base(self) -> None:
        excluded = (f"path-exclude=/usr/share/{name}/*" for name in _NOT_SLIM)
        options = [f"--dpkgopt={each}" for each in (*excluded, "path-include=/usr/share/doc/*/copyright")]
        context = self.folder / "base"
        context.mkdir(parents=True)
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--hook-dir={_MERGED}", "--include=usr-is-merged",
             *options, "bookworm", context / "root.tar", MIRROR], check=True,
        )  # fmt: skip
        (context / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        self._run("bud", "--isolation", "chroot", "--tag", BASE, ".", folder=context)
        shutil.rmtree(context)

    def _run(self, *arguments: str, folder: Path | None = None) -> str:
        storage = [
            f"--root={self.folder / 'images'}",
            f"--runroot={self.folder / 'run'}",
            "--storage-driver=vfs",
        ]
        command = ["buildah", *storage, *arguments]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
        return result.stdout
