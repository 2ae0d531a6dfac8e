"""A training that may be killed: `python -m tests.stages.train.child DATA RUN step:7 | rename:2 | write:9 | none`."""

import sys
from pathlib import Path
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

import pupila
from tests.killing import die, die_at_write

SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 4, "batch_size": 8, "augment": "flip_rotation",
    "patience": 9, "collapse_patience": 9, "warmup_epochs": 0.5, "optimizer": "adamw", "clip_norm": 1.0,
}  # fmt: skip

MASKS: dict[str, Any] = {
    "encoder": "test_efficientnet", "image_size": 32, "epochs": 2, "finetune_epochs": 2, "batch_size": 8,
    "augment": "strong",
    "options": {"decoder_channels": [8, 8, 8, 8, 8]}, "patience": 9, "collapse_patience": 9, "precision": "float32",
}  # fmt: skip


PROMPTS: dict[str, Any] = {
    "model": "pupila-sam", "image_size": 64, "epochs": 2, "augmented_views": 2, "unfreeze": 1, "finetune_epochs": 2,
    "batch_size": 8, "targets": 2, "corrections": 1, "patience": 9, "collapse_patience": 9,
}  # fmt: skip


def strike(how: str) -> None:
    """Die after so many steps, or inside the rename of the so-manieth last checkpoint."""
    kind, _, number = how.partition(":")
    left = [int(number or 0)]
    whole = Path.replace

    def counted(*_: Any) -> None:
        left[0] -= 1
        if not left[0]:
            die()

    def replaced(self: Path, target: Any) -> Path:
        if str(target).endswith("-last.safetensors"):
            counted()
        return whole(self, target)

    if kind == "step":
        register_optimizer_step_post_hook(counted)
    elif kind == "write":
        die_at_write(left[0])
    elif kind == "rename":
        Path.replace = replaced  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    data, run, how = sys.argv[1:4]
    strike(how)
    workers = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    encoder = Path(data).with_suffix(
        ".safetensors"
    )  # two phases: the decoder first, then some of the encoder too
    usual = PROMPTS if Path(data).name.startswith("prompts") else MASKS
    overrides = {**usual, "weights": str(encoder)} if encoder.exists() else SETTINGS
    pupila.train(data, out=run, resume=Path(run, "plan.json").exists(), **{**overrides, "workers": workers})
