"""A queue and its answers in sentences."""

from pupila.artifacts.dataset.splits import count_images
from pupila.core.messages import percent, say, say_count, say_images
from pupila.core.vocabulary import ADDED_FOLDER
from pupila.stages.label.review.queue import QueueResult, describe_parts
from pupila.stages.label.review.queue_file import LiveAccuracy, Queue
from pupila.statistics.intervals import MIN_GROUPS

_VERSION = 12  # characters of a hash


def sentences(result: QueueResult) -> list[str]:
    """The queue, the answers so far, and the live accuracy."""
    return [*describe_queue(result.queue), *describe_result(result)]


def describe_queue(queue: Queue) -> list[str]:
    """What was chosen, and from what."""
    if not queue.items:
        return [say("The log has no image to review.")]
    share = percent(queue.stored / max(queue.images, 1), 1)
    period = say("They were predicted from {first} to {last}: the service deletes the oldest ones above its limit.",
                 first=queue.first, last=queue.last)  # fmt: skip
    return [
        say("The log has {images}; {n} of them ({share}) are stored, and the random part is drawn from these.",
            images=say_images(queue.images), n=queue.stored, share=share),
        *([period] if queue.first else []),
        say_count("Queue: {n} image ({parts}).", "Queue: {n} images ({parts}).", len(queue.items),
                  parts=describe_parts(queue)),
        say_count("{n} image was new to the data set, and was copied into {folder}.",
                  "{n} images were new to the data set, and were copied into {folder}.", queue.added,
                  folder=ADDED_FOLDER),
    ]  # fmt: skip


def describe_result(result: QueueResult) -> list[str]:
    """The answers so far, the live accuracy, and what comes next."""
    total, answered = len(result.queue.items), len(result.answers)
    lines = [say_count("Reviewed: {answered} of {n} image.", "Reviewed: {answered} of {n} images.", total,
                       answered=answered)]  # fmt: skip
    if result.missing:
        lines.append(say_count("{n} image of the queue is no longer in the data set, or can't be read.",
                               "{n} images of the queue are no longer in the data set, or can't be read.",
                               result.missing))  # fmt: skip
    lines += [_describe_live(live) for live in result.live]
    lines += [say("Queue of {time}, which was replaced: {live}", time=earlier.time, live=_describe_live(live))
              for earlier in result.queue.previous for live in earlier.live if live.reviewed]  # fmt: skip
    if (open_ := total - answered - result.missing) > 0:
        lines.append(
            say_count(
                "{n} image is not reviewed yet; if it is new, it is unlabelled until then.",
                "{n} images are not reviewed yet; new ones are unlabelled until then.",
                open_,
            )
        )
        lines.append(say("Run the same command to resume."))
    else:
        lines.append(say("Next, give the new images a part of the split, and train: {commands}",
                         commands="pupila split DATA --extend; pupila train DATA"))  # fmt: skip
    return lines


def _describe_live(live: LiveAccuracy) -> str:
    reviewed = live.reviewed - live.unsure
    values = {
        "version": live.model_version[:_VERSION], "unsure": live.unsure,
        "sample": count_images(reviewed, live.groups), "value": live.accuracy.value_text(),
    }  # fmt: skip
    if not reviewed and live.unsure:
        return say(
            "Live accuracy of model {version}: unknown, as all {unsure} reviewed images are unsure.", **values
        )
    if not reviewed:
        return say("Live accuracy of model {version}: no answers yet.", **values)
    if live.accuracy.low is None:
        return say("Live accuracy of model {version}: {value} ({sample} drawn at random; fewer than "
                   "{least} groups give no confidence interval; {unsure} unsure).",
                   least=MIN_GROUPS, **values)  # fmt: skip
    return say("Live accuracy of model {version}: {value} (95 % CI {interval}, n = {sample} drawn at random; "
               "{unsure} unsure).", interval=live.accuracy.interval_text(), **values)  # fmt: skip
