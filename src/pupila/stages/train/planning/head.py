"""Decide the head of a classifier before its network is built, and what follows from it."""

from typing import Any

from pupila.core.messages import listing, say
from pupila.learning.linear import MOST_ROWS
from pupila.learning.models.nets import NETS
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.settings import LOGISTIC
from pupila.stages.train.planning.planner import Needs, needs_of_views, unfrozen_blocks

VIEWS = 4  # per image, where "auto" decides; the first is the image as it is
# Settings of a head that is trained in epochs, whatever comes after it ...
_OF_EPOCHS = ("epochs", "lr", "collapse_patience", "head_width", "dropout", "sampling")
# ... and those that fine-tuning has, too.
_OF_STEPS = ("batch_size", "optimizer", "weight_decay", "schedule", "warmup_epochs", "clip_norm", "patience")


def settle_head(settings: Any, images: int) -> tuple[Any, dict[str, str]]:
    """The settings of a classifier with its head decided, and the reasons of what was.

    A logistic head is the default of a pretrained encoder: it has one optimum, so nothing about its training is left to
    tune. Settings of a head that is trained in epochs are honoured: then a dense one is trained.

    Args:
        settings: of the user.
        images: of training.
    """
    update: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    if settings.head == "auto":
        update["head"], reasons["head"] = _pick_head(settings, images)
    if update.get("head", settings.head) != LOGISTIC:
        return settings.model_copy(update=update), reasons
    if settings.epochs == "auto":
        update["epochs"], reasons["epochs"] = 1, say("a logistic head is fitted at once")
    if settings.augmented_views == "auto":
        views = 1 if settings.augment == "none" else VIEWS
        update["augmented_views"] = views
        reasons["augmented_views"] = say("of a logistic head, the first is the image as it is")
    return settings.model_copy(update=update), reasons


def _pick_head(settings: Any, images: int) -> tuple[str, str]:
    tuned = settings.unfreeze in ("auto", 0)
    names = [*_OF_EPOCHS, *(_OF_STEPS if tuned else ())]
    fields = type(settings).model_fields
    given = [n for n in names if n in fields and getattr(settings, n) != fields[n].default]
    if settings.weights == NO_WEIGHTS or settings.model in NETS:
        return "dense", say("without pretrained weights all layers are trained together")
    if given:
        return "dense", say("{settings}: a logistic head has no epochs", settings=listing(given))
    if images > MOST_ROWS:
        return "dense", say("too many training images to hold their features in memory")
    return LOGISTIC, say(
        "pretrained weights: a linear head has one optimum, which no setting has to be tuned for"
    )


def needs_of_head(settings: Any, plan: Any, network: Network) -> Needs:
    """The needs of the settings of a classifier's head, of a focal loss and of augmented views."""
    in_epochs = plan.head != LOGISTIC
    finetuned = network.pretrained and plan.unfreeze != 0
    epochs = say("a head that is trained in epochs, such as --head dense")
    return {
        "focal_gamma": ("focal" in plan.loss, "--loss focal"),
        "head": (in_epochs or network.pretrained, say("pretrained weights")),
        "head_width": (plan.head == "dense", "--head dense"),
        "dropout": (plan.head == "dense", "--head dense"),
        "l2": (not in_epochs, "--head logistic"),
        **dict.fromkeys(("epochs", "collapse_patience", "sampling"), (in_epochs, epochs)),
        **dict.fromkeys(("lr", *_OF_STEPS), (in_epochs or finetuned, epochs)),
        "augment": (
            in_epochs or finetuned or plan.augment == "none" or plan.augmented_views > 1,
            say("augmented views: --augmented-views {n}", n=VIEWS),
        ),
        **dict.fromkeys(("recipe", "mixup", "cutmix"), (bool(plan.unfreeze), unfrozen_blocks())),
        **needs_of_views(settings.augmented_views, plan, network),
    }
