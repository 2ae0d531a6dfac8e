"""The images: Dockerfiles, their locked requirements, and Pupila itself as a wheel."""

from dataclasses import dataclass
from importlib.resources import files as resources

from pupila.stages.deploy.deployment import Deployment
from pupila.stages.deploy.templates import fill
from pupila.stages.deploy.wheel import WHEEL_NAME, build_wheel

BUILDER = "builder"  # the lock of what writes the bill of materials


# Folders of which a service and a page run nothing: they are there, without bytecode.
_UNUSED = (
    "pygments", "pupila/demo", "pupila/experiments", "pupila/learning",
    *(f"pupila/stages/{stage}" for stage in ("collect", "compress", "doctor", "evaluate", "explain", "explore", "label",
                                             "track", "train")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """What one image has of its own."""

    title: str
    trim: tuple[str, ...] = ()  # templates of the instructions that remove what it does not need
    unused: tuple[str, ...] = ("pygments",)  # folders without bytecode


IMAGES: dict[str, Image] = {
    "api": Image("The service", ("trim.docker", "trim-aws.docker"), _UNUSED),
    "page": Image("The page on a service", ("trim.docker",), _UNUSED),
    "train": Image("Training, with torch"),
}


def name_image(image: str) -> str:
    """The name of an image of this version, such as pupila-api."""
    return f"pupila-{image}"


def render(deployment: Deployment) -> dict[str, bytes]:
    """Its files, by their names below the folder."""
    locks = {f"requirements/{name}.txt": read_lock(name) for name in (*IMAGES, BUILDER)}
    dockerfiles = {f"Dockerfile.{name}": _render_dockerfile(name, deployment).encode() for name in IMAGES}
    return {
        **dockerfiles,
        ".dockerignore": fill("dockerignore").encode(),
        **locks,
        f"wheel/{WHEEL_NAME}": build_wheel(),
    }


def read_lock(name: str) -> bytes:
    """The locked requirements of an image, or of the builder."""
    return (resources("pupila") / "stages" / "deploy" / "locks" / f"{name}.txt").read_bytes()


def _render_dockerfile(name: str, deployment: Deployment) -> str:
    image = IMAGES[name]
    return fill(
        "Dockerfile", title=image.title, image=name, file=f"Dockerfile.{name}", tag=name_image(name),
        version=deployment.version, wheel=WHEEL_NAME, trim="".join(fill(each) for each in image.trim),
        unused="|".join(image.unused), run=fill(f"run-{name}.docker"),
    )  # fmt: skip
