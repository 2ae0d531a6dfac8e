"""fastai's `unet_learner` and `fine_tune`, with its default augmentation."""

from typing import Any

import timm
from fastai.vision.all import (
    CrossEntropyLossFlat,
    DataBlock,
    DiceMulti,
    ImageBlock,
    IndexSplitter,
    MaskBlock,
    Normalize,
    Resize,
    ResizeMethod,
    aug_transforms,
    unet_learner,
)
from PIL import Image
from torch import nn

from benchmarks.accuracy.methods.common import (
    MASK_SIDE,
    MODEL,
    OPTIONS,
    encoder_state,
    read_job,
    write_mask,
)
from benchmarks.accuracy.methods.fastai_classes import HALF, fine_tune, load_items
from pupila.core.vocabulary import TEST

_BATCH, _NO_LABEL = 8, 255


def _encoder(pretrained: bool = False) -> Any:
    """The blocks in a row, with the pooling by which fastai knows where to cut."""
    model: Any = timm.create_model(MODEL, num_classes=0, **OPTIONS)
    model.load_state_dict(encoder_state())
    return nn.Sequential(model.conv_stem, model.bn1, *model.blocks, nn.AdaptiveAvgPool2d(1))


def main() -> None:
    """Fine-tune, with the best epoch by validation Dice, and write the masks."""
    job = read_job()
    items, places = load_items(job)
    masks = {}
    for image in items:
        masks[image.image] = job.out / f"label-{image.image.stem}.png"
        indices = job.task.read_mask(image.mask)
        indices[indices < 0] = _NO_LABEL
        Image.fromarray(indices.astype("uint8")).save(masks[image.image])
    block = DataBlock(
        blocks=(ImageBlock, MaskBlock(codes=job.task.classes)),
        get_x=lambda row: row.image,
        get_y=lambda row: masks[row.image],
        splitter=IndexSplitter(places),
        item_tfms=Resize(MASK_SIDE, method=ResizeMethod.Squish),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*HALF)],
    )
    loaders = block.dataloaders(items, bs=_BATCH, num_workers=0)
    learn = unet_learner(
        loaders, _encoder, normalize=False, n_out=len(job.task.classes), pretrained=False, metrics=DiceMulti(),
        loss_func=CrossEntropyLossFlat(axis=1, ignore_index=_NO_LABEL), path=job.out,
    )  # fmt: skip
    test = job.task.in_split(TEST)
    with learn.no_bar(), learn.no_logging():
        fine_tune(job, learn, len(test), "dice_multi")
        probabilities, _ = learn.get_preds(dl=learn.dls.test_dl(test))
    for image, chances in zip(test, probabilities, strict=True):
        write_mask(job, image, chances.argmax(0).numpy())


if __name__ == "__main__":
    main()
