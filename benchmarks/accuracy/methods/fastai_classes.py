"""fastai's `vision_learner` and `fine_tune`, with the resizing and the augmentation of its book."""

import time
from typing import Any

import numpy as np
from fastai.vision.all import (
    CategoryBlock,
    CrossEntropyLossFlat,
    DataBlock,
    DataLoaders,
    ImageBlock,
    IndexSplitter,
    Normalize,
    Resize,
    SaveModelCallback,
    accuracy,
    aug_transforms,
    vision_learner,
)

from benchmarks.accuracy.methods.common import (
    MODEL,
    OPTIONS,
    SIDE,
    Job,
    encoder_state,
    read_job,
    write_predictions,
)
from pupila.core.vocabulary import TEST, TRAIN, VALIDATION

_ITEM, _BATCH, _MOST_EPOCHS = 256, 32, 30
_RATE = 2e-3  # of fine_tune
_UNFROZEN, _PREDICTING = 1.1, 0.5  # cost of an unfrozen epoch, and of predicting, in frozen epochs
HALF = ([0.5] * 3, [0.5] * 3)  # mean and standard deviation that the encoder has seen


def fine_tune(job: Job, learn: Any, tests: int, monitor: str) -> None:
    """fastai's `fine_tune`, whose second phase has as many epochs as the measured first one leaves time for.

    A frozen epoch costs nearly as much as any other: its batch norm learns, so that gradients pass the encoder.
    """
    best = SaveModelCallback(monitor=monitor)
    start = time.process_time()
    learn.freeze()
    learn.fit_one_cycle(1, slice(_RATE), pct_start=0.99, cbs=best)
    epoch = (time.process_time() - start) * _UNFROZEN
    left = job.seconds_left() - epoch * _PREDICTING * tests / len(learn.dls.train_ds)
    epochs = min(_MOST_EPOCHS, int(left / epoch))
    if epochs:
        learn.unfreeze()
        learn.fit_one_cycle(epochs, slice(_RATE / 200, _RATE / 2), pct_start=0.3, div=5.0, cbs=best)


def load_items(job: Job) -> tuple[list[Any], list[int]]:
    """Images of train and validation, and the places of the latter."""
    train, validation = job.task.in_split(TRAIN), job.task.in_split(VALIDATION)
    return [*train, *validation], list(range(len(train), len(train) + len(validation)))


def main() -> None:
    """Fine-tune, with the best epoch by validation accuracy, and predict."""
    job = read_job()
    items, places = load_items(job)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=list(range(len(job.task.classes))), sort=False)),
        get_x=lambda row: row.image,
        get_y=lambda row: row.label,
        splitter=IndexSplitter(places),
        item_tfms=Resize(_ITEM),
        batch_tfms=[*aug_transforms(size=SIDE, min_scale=0.75), Normalize.from_stats(*HALF)],
    )
    loaders: DataLoaders = block.dataloaders(items, bs=min(_BATCH, len(items) - len(places)), num_workers=0)
    learn = vision_learner(
        loaders, MODEL, normalize=False, pretrained=False, loss_func=CrossEntropyLossFlat(), metrics=accuracy,
        path=job.out, **OPTIONS,
    )  # fmt: skip
    learn.model[0].model.load_state_dict(encoder_state())
    with learn.no_bar(), learn.no_logging():
        fine_tune(job, learn, len(job.task.in_split(TEST)), "accuracy")
        test = learn.dls.test_dl(job.task.in_split(TEST))
        probabilities, _ = learn.get_preds(dl=test)
    write_predictions(job, np.asarray(probabilities.argmax(1)))


if __name__ == "__main__":
    main()
