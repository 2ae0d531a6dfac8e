"""A registry: a folder or a store with models, each with its versions and aliases."""

from dataclasses import dataclass

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.registry.model import EVALUATIONS, RegisteredModel
from pupila.artifacts.registry.names import Reference, check_collision, check_name, write_command
from pupila.artifacts.registry.records import Version
from pupila.artifacts.registry.state import STATE_FILE, has_remains
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The version that a reference names now."""

    reference: Reference  # with the number
    version: Version
    bundle: Bundle  # read and verified
    results_folder: str  # for reports on it


@dataclass(frozen=True, slots=True, repr=False)
class Registry(Displayed):
    """The models in a folder or a store; each is read on demand."""

    uri: str

    def summary(self) -> Summary:
        """Its models."""
        names = self.names()
        count = say_count("{n} model", "{n} models", len(names))
        return Summary(
            "Registry", f"{self.uri}: {count}", {say("models"): listing(names, 20)} if names else {}
        )

    def names(self) -> list[str]:
        """The names of all models, also of damaged ones, sorted; none where there is no registry yet.

        Raises:
            PupilaError: the store fails.
        """
        if not files.exists(self.uri):
            return []
        return [name for name in files.list_folders(self.uri) if _holds_model(files.join(self.uri, name))]

    def model(self, name: str) -> RegisteredModel:
        """A model, which need not exist yet.

        Raises:
            PupilaError: it can't be a name.
        """
        name = check_name(name)
        return RegisteredModel(files.join(self.uri, name), name)

    def find(self, name: str) -> RegisteredModel:
        """A model that exists.

        Raises:
            PupilaError: there is none of this name.
        """
        model = self.model(name)
        if not _holds_model(model.folder):
            models = self.names()
            raise PupilaError(
                say("No model {name} in the registry {uri}", name=f"'{name}'", uri=self.uri),
                actual=listing(models, 10) if models else say("no models"),
                expected=say("the name of a model, and the registry's folder or URI as --registry"),
                remedy=write_command(self.uri, "add", "BUNDLE", "--name", name),
            )  # fmt: skip
        return model

    def add(self, bundle: Bundle, name: str) -> tuple[Version, bool]:
        """Copy a bundle into the registry as the next version of a model.

        Returns:
            The version, and whether it is new: a bundle that is there already has its number.

        Raises:
            PupilaError: no name, or one that can be confused with another; or the copy failed.
        """
        model = self.model(name)
        check_collision(model.name, self.names())
        return model.add(bundle)

    def resolve(self, reference: Reference) -> ResolvedModel:
        """The version that a reference names now, with its bundle.

        Raises:
            PupilaError: no such model, version or alias; or a bundle that was modified.
        """
        model = self.find(reference.name)
        version = model.version(reference.selector)
        numbered = Reference(reference.registry, model.name, str(version.number))
        place = files.join(files.join(model.folder, EVALUATIONS), str(version.number))
        return ResolvedModel(numbered, version, model.bundle(version), place)


def _holds_model(folder: str) -> bool:
    """Whether a model is or was in this folder: what is left of one is damaged, not absent."""
    return files.exists(files.join(folder, STATE_FILE)) or has_remains(folder)


def resolve(reference: Reference) -> ResolvedModel:
    """The version that a reference names now, in its own registry.

    Raises:
        PupilaError: see `Registry.resolve`.
    """
    return Registry(reference.registry).resolve(reference)
