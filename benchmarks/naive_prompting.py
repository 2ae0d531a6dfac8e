"""A typical fine-tuning of the SAM mask decoder: every batch runs the frozen image encoder again.

    python naive_prompting.py CHECKPOINT DATA IMAGES

Prints as JSON the seconds of one image in an epoch, by what it is spent on, in float32 and in bfloat16.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from transformers import SamImageProcessor, SamModel


class Floods(Dataset):  # type: ignore[type-arg]
    """Images, their boxes and masks, prepared by the checkpoint's own processor."""

    def __init__(self, folder: Path, count: int) -> None:
        self.masks = sorted((folder / "masks").glob("*.png"))[:count]
        self.processor = SamImageProcessor()

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        mask = np.asarray(Image.open(self.masks[number]).convert("L")) > 127
        (image,) = (self.masks[number].parent.parent / "images").glob(f"{self.masks[number].stem}.*")
        y, x = np.where(mask)
        box = [[[float(x.min()), float(y.min()), float(x.max()), float(y.max())]]]
        inputs = self.processor(Image.open(image).convert("RGB"), return_tensors="pt")
        height, width = inputs["reshaped_input_sizes"][0].tolist()
        scale = torch.tensor([width / mask.shape[1], height / mask.shape[0]]).repeat(2)
        small = functional.interpolate(torch.from_numpy(mask)[None, None].float(), (256, 256))[0, 0]
        return {
            "pixel_values": inputs["pixel_values"][0],
            "input_boxes": torch.tensor(box[0]) * scale,
            "target": small,
        }


def dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


def seconds_an_image(checkpoint: str, folder: Path, count: int, dtype: torch.dtype) -> float:
    model = SamModel.from_pretrained(checkpoint)
    for name, parameter in model.named_parameters():
        if name.startswith(("vision_encoder", "prompt_encoder")):
            parameter.requires_grad_(False)
    optimizer = torch.optim.Adam(model.mask_decoder.parameters(), lr=1e-4)
    loader = DataLoader(Floods(folder, count), batch_size=2, shuffle=True)
    start = time.perf_counter()
    for batch in loader:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = model(
                pixel_values=batch["pixel_values"], input_boxes=batch["input_boxes"], multimask_output=False
            )
        logits = output.pred_masks.squeeze(1).squeeze(1).float()
        loss = dice(logits, batch["target"]) + functional.binary_cross_entropy_with_logits(
            logits, batch["target"]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return (time.perf_counter() - start) / count


if __name__ == "__main__":
    checkpoint, data, count = sys.argv[1:]
    print(json.dumps({
        name: seconds_an_image(checkpoint, Path(data), int(count), dtype)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }))  # fmt: skip
