"""fastai's `vision_learner` and `fine_tune`, with the resizing and the augmentation of its book."""

import copy
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
HALF = ([0.5] * 3, [0.5] * 3)  # mean and standard deviation that the encoder has seen


def count_epochs(job: Job, learn: Any, tests: int) -> int:
    """Epochs of the second phase that the limit buys beside the first one, by three steps that are undone.

    A frozen epoch costs nearly as much as any other, as the images pass the encoder: it is counted as one.
    """
    state, seconds = copy.deepcopy(learn.model.state_dict()), []
    for _ in range(3):
        start = time.process_time()
        inputs, targets = learn.dls.train.one_batch()
        learn.model.train()
        learn.loss_func(learn.model(inputs), targets).backward()
        seconds.append(time.process_time() - start)
    learn.model.zero_grad()
    learn.model.load_state_dict(state)
    image_seconds = min(seconds) / len(inputs)
    train, validation = len(learn.dls.train_ds), len(learn.dls.valid_ds)
    epoch = image_seconds * (train + 0.4 * validation) * 1.1  # the optimizer's share
    left = job.seconds_left() - image_seconds * 0.5 * tests
    return max(1, min(_MOST_EPOCHS, int(left / epoch) - 1))


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
    epochs = count_epochs(job, learn, len(job.task.in_split(TEST)))
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(epochs, cbs=SaveModelCallback(monitor="accuracy"))
        test = learn.dls.test_dl(job.task.in_split(TEST))
        probabilities, _ = learn.get_preds(dl=test)
    write_predictions(job, np.asarray(probabilities.argmax(1)))


if __name__ == "__main__":
    main()
