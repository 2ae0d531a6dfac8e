"""Predictions for prompts: from one pass over the validation rows to what is tuned."""

from dataclasses import dataclass

from pupila.imaging.images.decode import Array
from pupila.learning.trainers.segment import concatenate_masks
from pupila.learning.trainers.spool import ArraySpool
from pupila.tasks.prompt import Prompt
from pupila.tasks.tuning.segment import MaskPredictions


@dataclass(frozen=True, slots=True)
class PromptedTarget:
    """A class of an image, prompted with one strategy."""

    row: int  # of the data set
    class_index: int
    strategy: str


@dataclass(frozen=True, slots=True)
class PromptPredictions:
    """The predictions for the prompts of the validation rows; rows without foreground have none."""

    prompted: list[PromptedTarget]
    masks: MaskPredictions  # of background and object, one for each prompt


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """The raw prediction for a prompt."""

    prompted: PromptedTarget
    prompt: Prompt
    logits: Array  # (h, w) float32 of the selected mask
    target: Array  # (H, W) uint8: 1, 0 or IGNORE
    small: Array  # (h, w) the same at the size of the decoder's masks
    loss: float


@dataclass(frozen=True, slots=True)
class PromptOutputs:
    """What one pass over the validation rows gave, prompt by prompt."""

    prompts: list[tuple[PromptedTarget, Prompt]]
    samples: list[tuple[Array, Array]]  # (S, 2) float32 logits and (S,) int64 targets of labelled cells
    logits: ArraySpool  # of (h, w) float32
    targets: ArraySpool  # of (H, W) uint8

    @property
    def bytes(self) -> int:
        """Of all arrays."""
        return self.logits.bytes + self.targets.bytes

    def add(self, raw: RawPrompt, sample: tuple[Array, Array]) -> None:
        """Add the prediction for the next prompt; prompts of one target share it."""
        target = raw.prompted.row, raw.prompted.class_index
        if self.prompts and target == (self.prompts[-1][0].row, self.prompts[-1][0].class_index):
            self.targets.repeat_last()
        else:
            self.targets.append(raw.target)
        self.prompts.append((raw.prompted, raw.prompt))
        self.samples.append(sample)
        self.logits.append(raw.logits)


def empty_outputs() -> PromptOutputs:
    """Outputs to which those of each prompt are added."""
    return PromptOutputs([], [], ArraySpool(), ArraySpool())


def concatenate_prompts(parts: list[PromptPredictions]) -> PromptPredictions:
    """The predictions of several folds as one."""
    prompted = [target for part in parts for target in part.prompted]
    return PromptPredictions(prompted, concatenate_masks([part.masks for part in parts]))
