"""What other tools call our settings. Each row is one setting."""

from collections.abc import Container

from pupila.core.messages import say

ROWS: tuple[tuple[str, ...], ...] = (
    ("model", "arch", "architecture", "backbone", "net", "network", "model_name", "model_name_or_path"),
    ("encoder", "encoder_name", "backbone_name"),
    ("weights", "pretrained", "encoder_weights", "checkpoint", "ckpt", "pretrained_weights"),
    ("image_size", "imgsz", "img_size", "img", "input_size", "resolution", "crop_size", "resize"),
    ("epochs", "num_epochs", "num_train_epochs", "max_epochs", "n_epochs"),
    ("batch_size", "batch", "bs", "train_batch_size", "per_device_train_batch_size", "batchsize", "b"),
    ("lr", "learning_rate", "lr0", "base_lr", "init_lr", "eta", "alpha"),
    ("finetune_lr", "encoder_lr", "backbone_lr"),
    ("unfreeze", "freeze", "freeze_layers", "frozen_stages", "freeze_backbone"),
    ("schedule", "scheduler", "sched", "lr_scheduler", "lr_scheduler_type", "lrf", "cos_lr"),
    ("optimizer", "opt", "optim", "optimiser"),
    ("weight_decay", "wd", "decay", "l2"),
    ("warmup_epochs", "warmup", "warmup_steps", "warmup_ratio"),
    ("clip_norm", "clip_grad", "max_grad_norm", "gradient_clip_val", "grad_clip"),
    ("label_smoothing", "smoothing", "label_smooth"),
    ("ema_decay", "model_ema_decay", "model_ema", "ema"),
    ("layer_decay", "layer_wise_lr_decay", "llrd", "lr_decay"),
    ("mixup", "mixup_alpha", "mix_up"),
    ("cutmix", "cutmix_alpha", "cut_mix"),
    ("batch_norm", "bn", "freeze_bn", "train_bn"),
    ("dropout", "drop", "drop_rate"),
    ("augment", "augmentation", "augmentations", "aa", "auto_augment", "aug"),
    ("precision", "amp", "half", "fp16", "bf16", "dtype", "mixed_precision"),
    ("device", "devices", "gpu", "gpus", "accelerator", "cuda", "no_cuda"),
    ("workers", "num_workers", "n_workers", "dataloader_num_workers", "nw", "j"),
    ("seed", "random_state", "random_seed", "manual_seed"),
    ("patience", "early_stopping_patience", "early_stopping"),
    ("budget", "time", "max_time", "time_limit"),
    ("loss", "criterion", "loss_fn"),
    ("folds", "n_splits", "kfold", "n_folds", "k"),
    ("val", "val_split", "validation_split", "val_size", "val_fraction"),
    ("test", "test_split", "test_size", "test_fraction"),
    ("by", "group", "groups", "group_by"),
    ("out", "output", "output_dir", "project", "save_dir", "outdir"),
    ("resume", "resume_from_checkpoint"),
    ("question", "prompt"),
    ("max_cost", "max_price"),
    ("search", "method", "sampler"),
    ("trials", "n_trials", "count", "run_cap"),
    ("halving", "early_terminate", "reduction_factor"),
    ("parameters", "params", "search_space"),
)
DATA = ("data", "data_path", "data_dir", "dataset", "dataset_dir", "train_dir", "root")  # DATA is an argument


def find_synonym(name: str, known: Container[str]) -> str:
    """The setting that another tool calls by this name, among the known ones; empty where no tool does."""
    row = next((names for names in ROWS if name.lower() in names), ())
    return next((ours for ours in row if ours in known), "")


FROZEN = (
    "freeze",
    "freeze_layers",
    "frozen_stages",
    "freeze_backbone",
)  # the opposite of ours: blocks to train


def note(name: str) -> str:
    """What a name of another tool means otherwise than the setting that it leads to; empty: the same."""
    notes = {
        "pretrained": say("default takes the hub's weights, none starts from random ones"),
        "lrf": say("cosine ends at 0"),
        "cos_lr": say("cosine is the default"),
        "warmup_steps": say("in epochs, not steps"),
        "warmup_ratio": say("in epochs, not a share"),
        **dict.fromkeys(("amp", "half", "fp16", "bf16"), say("float32, bfloat16 or float16")),
    }
    return notes.get(name, "")
