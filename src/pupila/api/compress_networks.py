"""The smaller networks that a compression tries beside its parent: each is trained and calibrated as `train` does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pupila.artifacts.bundle.folder import MODEL_FILE, Bundle, has_bundle, read_bundle
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.dataset.splits import LEAKING
from pupila.artifacts.run.folder import BUNDLE, Run
from pupila.artifacts.run.plan import PLAN_FILE
from pupila.core import files, locks
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import number, say
from pupila.core.version import __version__
from pupila.core.vocabulary import TRAIN, VALIDATION
from pupila.learning.loop import Checkpointer
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.rebuild import rebuild_network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.catalogue import TRAINERS
from pupila.learning.trainers.trainer import SplitRows, TaskTrainer, to_device
from pupila.stages.compress.candidate import DISTILLED, PRUNED, ZEROED, FloatModel, plan_networks
from pupila.stages.compress.distill import DistillingTrainer, Teacher
from pupila.stages.compress.prune import MAGNITUDE, TAYLOR, prune_channels
from pupila.stages.compress.run import FAULTS, describe_fault
from pupila.stages.compress.settings import CompressSettings
from pupila.stages.compress.zeros import mask_weights, unmask_weights
from pupila.stages.evaluate.evaluation_set import select_rows
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.finish import BundleImages, write_run_bundle
from pupila.stages.train.preparation import find_training, prepare_training
from pupila.stages.train.schedule import Schedule
from pupila.stages.train.settings import TrainPlan

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.splits import SplitFile

FINETUNE_LR = 3e-4
# Of the plan of the parent's run, what its fine-tuning repeats.
_SAME = (
    "augment",
    "loss",
    "class_weights",
    "sampling",
    "batch_size",
    "optimizer",
    "weight_decay",
    "threshold",
)


@dataclass(frozen=True)
class SmallerNetworks:
    """Makes smaller networks of a bundle.

    Args:
        parent: the bundle.
        run: the folder that it lies in, whose plan its fine-tuning repeats where there is one.
        data: its data set.
        splits: made from it.
        settings: what to make.
    """

    parent: Bundle
    run: Run
    data: "Dataset"
    splits: "SplitFile"
    settings: CompressSettings
    pool: EncoderPool = field(default_factory=EncoderPool)
    _held: ExitStack = field(default_factory=ExitStack)
    _folders: list[Path] = field(default_factory=list)

    @contextmanager
    def make(self) -> Iterator[list[FloatModel]]:
        """The networks that the settings ask for; one that can't be made says why.

        Afterwards their trainings are deleted; those of an interrupted compression stay, and continue.
        """
        makers = {PRUNED: self._prune, ZEROED: self._zero, DISTILLED: self._distill}
        models = []
        with self._held:
            for planned in plan_networks(self.settings):
                try:
                    models.append(makers[planned.name](planned))
                except FAULTS as fault:
                    models.append(replace(planned, reason=describe_fault(fault)))
            yield models
            for folder in self._folders:
                files.remove_folder(folder)

    def check(self) -> None:
        """Refuse a student that can't be built, before anything is trained.

        Raises:
            PupilaError: an unknown architecture, or one of another task.
        """
        if self.settings.distill_into:
            self._plan_student()

    def _prune(self, planned: FloatModel) -> FloatModel:
        plan = self._plan()
        networks: dict[str, tuple[float, Network]] = {}
        for importance in (TAYLOR, MAGNITUDE):
            with suppress(PupilaError):  # of both it is raised below
                networks[importance] = self._prune_by(importance, plan)
        if not networks:
            self._prune_by(MAGNITUDE, plan)
        best = max(networks, key=lambda name: networks[name][0])
        network = networks[best][1]
        share = 1 - network.parameters / self._network().parameters
        remarks = {
            TAYLOR: say("The pruned channels are those without which the loss changes least to first order: so "
                        "pruned, the network scored no lower before training than by the size of its weights."),
            MAGNITUDE: say("The pruned channels are those with the smallest weights: so pruned, the network scored "
                           "higher before training than by the change of its loss."),
        }  # fmt: skip
        return replace(
            planned,
            title=say("pruned by {n} %", n=number(100 * share, 0)),
            remark=remarks[best] if len(networks) > 1 else "",
            bundle=self._train(PRUNED, plan, network),
        )

    def _prune_by(self, importance: str, plan: TrainPlan) -> tuple[float, Network]:
        """The score of a pruned network on validation before any training, and the network."""
        network, on_cpu = self._network(), plan.model_copy(update={"device": "cpu"})
        trainer = self._trainer(on_cpu, network)
        batches = (to_device(*trainer.inputs(items, 0), "cpu") for items in trainer.batches(0))
        network = prune_channels(network, self.settings.prune, importance, batches, trainer.criterion)
        trainer = self._trainer(on_cpu, network)
        return trainer.validate(trainer.build_module("all").eval(), -1).score, network

    def _zero(self, planned: FloatModel) -> FloatModel:
        network = self._network()
        mask_weights(network, self.settings.zero)
        bundle = self._train(ZEROED, self._plan(), network, finish=unmask_weights)
        return replace(planned, bundle=bundle)

    def _distill(self, planned: FloatModel) -> FloatModel:
        plan, network = self._plan_student()
        teacher = Teacher(Session(self.parent.read(MODEL_FILE)), self.parent.info.preprocessing)

        def adapt(trainer: TaskTrainer) -> TaskTrainer:
            return DistillingTrainer(trainer, teacher)

        return replace(planned, bundle=self._train(DISTILLED, plan, network, adapt))

    def _plan_student(self) -> tuple[TrainPlan, Network]:
        side = self.parent.info.preprocessing.height
        return self._prepare({"model": self.settings.distill_into, "unfreeze": "all", "image_size": side})

    def _network(self) -> Network:
        """The parent's, of which every weight is trained."""
        if self.parent.info.members:
            raise PupilaError(
                say("The network of an ensemble can't be changed"), actual=say("an ensemble"),
                expected=say("one network"), remedy="--distill-into MODEL",
            )  # fmt: skip
        network = rebuild_network(self.parent)
        return replace(network, weights=network.weights.model_copy(update={"source": NO_WEIGHTS}))

    def _plan(self) -> TrainPlan:
        """Of a fine-tuning of the parent's network."""
        info = self.parent.info
        config: dict[str, Any] = {
            "model": info.architecture.name, "weights": NO_WEIGHTS, "options": info.architecture.options,
            "image_size": info.preprocessing.height, "lr": FINETUNE_LR, "epochs": self.settings.finetune_epochs,
        }  # fmt: skip
        if info.architecture.encoder:
            config["encoder"] = info.architecture.encoder
        plan, _ = self._prepare(config)
        if not files.exists(files.join(self.run.folder, PLAN_FILE)):
            return plan
        own = self.run.plan_file.plan.model_dump()
        return plan.model_copy(update={name: own[name] for name in _SAME if name in own})

    def _prepare(self, config: dict[str, Any]) -> tuple[TrainPlan, Network]:
        leaking = {"allow_leak": True} if self.splits.verdict == LEAKING else {}
        parsed = TrainConfig.parse({**config, **leaking}, "train")
        plan, network = prepare_training(parsed, self.data, self.splits, self.pool, tries=False)
        spec = self.parent.info.preprocessing  # the same crops or tiles
        spec = spec.model_copy(update={"mean": network.preprocessing.mean, "std": network.preprocessing.std})
        info = self.parent.info
        same: dict[str, Any] = {
            "test_time_flips": info.test_time_flips,
            "abstain_below": info.post_processing.abstain_below,
        }
        if objective := info.post_processing.objective:
            prefix = f"{info.post_processing.positive}:"
            same["threshold"] = prefix + objective.removeprefix(prefix)
        if "view" in type(plan).model_fields:
            same["view"] = spec.view
        return plan.model_copy(update=same), replace(network, preprocessing=spec)

    def _trainer(self, plan: TrainPlan, network: Network) -> TaskTrainer:
        split = SplitRows.of(self.splits, *self._select_rows())
        return TRAINERS[plan.task](self.data, split, plan, network, self.pool)

    def _select_rows(self) -> tuple[list[int], list[int]]:
        """The labelled rows of training and of validation."""
        training, validation = (select_rows(self.data, self.splits, split) for split in (TRAIN, VALIDATION))
        return training, validation

    def _train(
        self,
        name: str,
        plan: TrainPlan,
        network: Network,
        adapt: Callable[[TaskTrainer], TaskTrainer] = lambda trainer: trainer,
        finish: Callable[[Network], None] = lambda network: None,
    ) -> Bundle:
        """Train the network, and write its bundle; what an interrupted compression trained is not trained again."""
        identity = [self.parent.hash, name, self.settings.prune, self.settings.zero, __version__,
                    plan.model_dump(mode="json", exclude={"reasons"})]  # fmt: skip
        key = files.sha256(dump_json(identity).encode())[:24]
        folder = str(files.cache_folder() / "compressions" / key)
        self._hold(folder)
        finished = files.join(folder, BUNDLE)
        if has_bundle(finished):
            return read_bundle(finished)
        recipe = find_training(self.data, plan.model)
        schedule = Schedule(
            self.data, self.splits, recipe, lambda part: Checkpointer(folder, part), self.pool, adapt
        )
        trained = schedule.train(plan, network)
        if trained.interrupted:
            raise KeyboardInterrupt
        finish(network)
        groups = np.array([image.component for image in self.splits.images])[trained.rows]
        result = recipe.calibrate(plan, self.data, trained.predictions, trained.rows, groups)
        images = BundleImages(trained.rows, list(chain(*self._select_rows())))
        whole = network if name == DISTILLED else replace(network, weights=self.parent.info.weights)
        return write_run_bundle(finished, plan, whole, self.data, result, images)

    def _hold(self, folder: str) -> None:
        """Until the compression ends, no other one trains in the folder or deletes it.

        Raises:
            PupilaError: another one does.
        """
        path = Path(f"{folder}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._held.enter_context(locks.hold(str(path), wait=False))
        except BlockingIOError as fault:
            raise PupilaError(
                say("Another compression trains the same network"), actual=folder,
                expected=say("one compression of a model at a time"), remedy=say("wait for it"),
            ) from fault  # fmt: skip
        self._folders.append(Path(folder))
