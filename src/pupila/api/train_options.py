"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pupila.api.options import BandOptions, LayoutOptions


class TrainOptions(LayoutOptions, BandOptions, total=False):
    """How a model is trained, on which folds, and how images are read."""

    # train: common
    model: str
    """architecture of the model; classification, multi-label classification: lenet, resnet_small, resnet_dropout, or
    any timm classifier; auto means mobilenetv2_100; segmentation: unet, unetplusplus, manet, linknet, fpn, pspnet,
    deeplabv3, deeplabv3plus, pan, upernet, segformer or dpt; auto means unet; promptable models: pupila-sam,
    sam-vit-base, -large, -huge, sam2.1-hiera-tiny, -small, -base-plus, -large, or a folder or hub name with a slash
    [default: 'auto']."""
    epochs: int | Literal["auto"]
    """passes over the training split with a frozen encoder, or over all weights without pretrained ones; 0: bundle
    the pretrained model unchanged; classification: auto means 20, and 1 of a logistic head; multi-label
    classification: at least 1; auto means 20, and 1 of a logistic head; segmentation: at least 1; auto means 1 to 3,
    or 40 from random weights; promptable models: auto means 20 [default: 'auto']."""
    batch_size: int | Literal["auto"]
    """images per step, at most those of the training split; auto is smaller for small data sets; classification,
    multi-label classification: auto means 32; segmentation: auto means 8; promptable models: auto means 2 [default:
    'auto']."""
    lr: float | Literal["auto"]
    """learning rate of the first phase; classification, multi-label classification, segmentation: auto means 1e-3,
    sgd 0.01; promptable models: auto means 1e-4 [default: 'auto']."""
    image_size: int | Literal["auto"]
    """height and width of the model input, in pixels; classification, multi-label classification, promptable models:
    auto means the default of the model; segmentation: of a tile with view=tile; auto means 256, or up to 512 for thin
    or small objects [default: 'auto']."""
    weights: str
    """source of the weights; default: pretrained weights of the hub; none: random; a .safetensors file (JSON file of
    the same name beside it); or a bundle of pupila-sam [default: 'default']."""
    augment: str
    """augmentation preset; pupila train DATA --preview draws it; classification, multi-label classification: auto
    means A1; segmentation: auto means medium; promptable models: auto means light for pupila-sam, none for other
    models [default: 'auto']."""
    device: Literal["auto", "cpu", "cuda", "mps"]
    """device of the training; auto: the first available of cuda, mps, cpu [default: 'auto']."""
    seed: int
    """seed of all random draws [default: 23]."""
    workers: int
    """threads that load batches; results do not depend on it [default: 2]."""
    # train: expert
    options: Mapping[str, Any]
    """options of timm.create_model, such as options.pad_type=same."""
    unfreeze: int | Literal["auto", "all"]
    """number of last encoder blocks to fine-tune after the head; auto without pretrained weights: all;
    classification, multi-label classification: auto means as many as can be fine-tuned in 150 s: all, the last 3, or
    0; segmentation: auto means half of the blocks, or all where 24 epochs or more are affordable; promptable models:
    auto means 0 [default: 'auto']."""
    finetune_epochs: int | Literal["auto"]
    """passes with unfrozen blocks; classification, multi-label classification: auto means 10, or 2 to 10 where
    unfreeze is auto, too; segmentation: auto means 6 to 48, so that every data set costs about the same; promptable
    models: auto means 10 [default: 'auto']."""
    finetune_lr: float | Literal["auto"]
    """learning rate of unfrozen blocks and of a head trained with them; auto: a tenth of lr; classification,
    multi-label classification: auto means 0.3 of lr; segmentation: the decoder keeps lr [default: 'auto']."""
    optimizer: Literal["adam", "adamw", "sgd"]
    """update rule of the weights; sgd uses momentum 0.9 [default: 'adamw']."""
    weight_decay: float
    """weight decay per step, as the optimizer defines it [default: 0.0001]."""
    schedule: Literal["constant", "cosine", "plateau"]
    """learning rate schedule; plateau halves the rate after 3 epochs without improvement [default: 'cosine']."""
    warmup_epochs: float
    """epochs in which the learning rate rises from 0 [default: 1.0]."""
    clip_norm: float | None
    """maximum gradient norm; None: no clipping [default: None]."""
    layer_decay: float
    """factor of the learning rate from each unfrozen block to the one before it; 1: one rate for all [default:
    1.0]."""
    ema_decay: float
    """decay per step of the exponential moving average of the weights, which is validated and exported in their
    place; 0: no average [default: 0.0]."""
    patience: int
    """epochs without improvement after which a phase stops early [default: 10]."""
    collapse_patience: int
    """consecutive collapsed epochs, such as those that predict a single class, after which the run is stopped
    [default: 5]."""
    ensemble: bool
    """with folds: bundle the mean of the logits of the fold models, instead of one model trained on all folds
    [default: False]."""
    test_time_flips: Literal["none", "horizontal", "both"]
    """the bundle predicts the mean over an image and its flips (test-time augmentation); horizontal takes 2 passes
    through the network, both (also upside down) takes 4 [default: 'none']."""
    reference_share: float | Literal["auto"]
    """share of the training groups, and at most of their images, that is left out as reference for monitoring; auto:
    0.1 of at least 300, else 0. With folds the out-of-fold predictions are the reference [default: 'auto']."""
    abstain_below: float
    """confidence below which the bundle abstains [default: 0.0]."""
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    """precision of training steps; auto: a lower one if it is measured faster [default: 'auto']."""
    allow_leak: bool
    """train on a leaking split; the report states the leakage [default: False]."""
    # train: classification, multi-label classification, segmentation
    batch_norm: Literal["auto", "frozen", "trained"]
    """statistics of batch norm in the unfrozen blocks of a pretrained encoder: as they came, or those of the training
    images; classification, multi-label classification, segmentation: auto means frozen [default: 'auto']."""
    budget: str | None
    """time limit of the whole command, such as 90s, 15m or 2h; it ends with a bundle; classification, multi-label
    classification: decides image_size, epochs, augmented_views and unfreeze; segmentation: decides image_size, view,
    epochs and unfreeze [default: None]."""
    loss: str
    """loss function, or a weighted sum of them: A+0.5*B; classification: cross_entropy or focal; auto means
    cross_entropy; multi-label classification: one of bce, focal and asymmetric; auto means bce; segmentation:
    cross_entropy, focal, dice or tversky; auto means dice+cross_entropy, for a rare class tried against
    tversky+cross_entropy [default: 'auto']."""
    focal_gamma: float
    """gamma of the focal loss; 0 is cross-entropy [default: 2.0]."""
    label_smoothing: float
    """probability mass given to the other classes; multi-label classification: with bce; an absent class has half of
    it as its target [default: 0.0]."""
    class_weights: Literal["auto", "none", "inverse", "inverse_sqrt", "effective"]
    """weight classes by inverse frequency, its square root, or the effective number of images; classification: auto
    means inverse_sqrt of a logistic head with cross_entropy, else none; multi-label classification: inverse weights
    the presence of a class by negatives / positives; auto means none; segmentation: auto means none [default:
    'auto']."""
    # train: classification, multi-label classification
    recipe: Literal["auto", "standard", "strong"]
    """preset of the settings that are not given; strong: all blocks at rates by layer, averaged weights, cutmix,
    label smoothing and stronger augmentation; classification, multi-label classification: auto means standard
    [default: 'auto']."""
    mixup: float
    """alpha of mixup, which blends two training images and their labels; 0: none [default: 0.0]."""
    cutmix: float
    """alpha of cutmix, which pastes a part of another training image; 0: none [default: 0.0]."""
    fit: Literal["auto", "squash", "crop", "pad"]
    """squash: stretch the whole image to the input; crop: fill the input and crop the centre; pad: the whole image,
    with a border [default: 'auto']."""
    crop_share: float | Literal["auto"]
    """share of the resized image that fit=crop keeps; auto: that of the weights (crop_pct in timm) [default:
    'auto']."""
    interpolation: Literal["auto", "nearest", "bilinear", "bicubic", "lanczos"]
    """resampling filter, antialiased; auto: that of the weights [default: 'auto']."""
    head: Literal["auto", "logistic", "linear", "dense"]
    """classification head; logistic: a linear one, fitted to its optimum on standardised features; linear: no hidden
    layer, trained in epochs; dense: one hidden layer, trained in epochs; classification, multi-label classification:
    auto means logistic with pretrained weights, dense where a setting of its epochs is given [default: 'auto']."""
    l2: float | Literal["cross-validation"]
    """L2 strength of the logistic head, for standardised features; cross-validation: the best of 8 on the training
    images, over groups [default: 'cross-validation']."""
    head_width: int
    """units in the hidden layer of the dense head [default: 128]."""
    dropout: float
    """dropout rate of the dense head [default: 0.3]."""
    # train: classification, multi-label classification, promptable models
    augmented_views: int | Literal["auto"]
    """number of augmented views per image with a frozen encoder; classification, multi-label classification: auto
    means epochs, at most 10; of a logistic head 4, the first unchanged; promptable models: auto means 4 for
    pupila-sam, 1 for other models [default: 'auto']."""
    # train: segmentation, promptable models
    encoder: str
    """encoder of the model: any timm model; auto: mobilenetv2_100; promptable models: of pupila-sam alone [default:
    'auto']."""
    # train: promptable models
    target: Literal["class", "region", "both"]
    """target of a prompt, a whole class of an image, a connected region, or either [default: 'class']."""
    targets: int
    """prompt targets per image and epoch [default: 1]."""
    box_share: float
    """share of prompts that are boxes; the others are points [default: 0.5]."""
    box_jitter: float
    """maximum shift of a box edge, as a share of the box side [default: 0.1]."""
    points: int
    """maximum number of foreground points; background points: half as many [default: 4]."""
    corrections: int
    """rounds that add a point where the prediction has the largest error [default: 0]."""
    cache: Literal["float16", "float32", "none"]
    """number format of cached embeddings; none: encode images again in every epoch [default: 'float16']."""
    # train: segmentation
    view: Literal["auto", "resize", "tile"]
    """resize the whole image, or cut it into tiles at full resolution; auto: resize, unless that loses thin or small
    objects [default: 'auto']."""
    overlap: int | Literal["auto"]
    """overlap of neighbouring tiles in prediction, in pixels; auto: a quarter of image_size [default: 'auto']."""
    tversky_beta: float
    """weight of false negatives in the tversky loss; false positives get 1 - beta [default: 0.7]."""
    # train: multi-label classification
    gamma_positive: float
    """gamma of the asymmetric loss for present classes; 0 is cross-entropy [default: 0.0]."""
    gamma_negative: float
    """gamma of the asymmetric loss for absent classes; 0 is cross-entropy [default: 4.0]."""
    probability_margin: float
    """probability up to which an absent class costs nothing in the asymmetric loss [default: 0.05]."""
    # train: classification
    sampling: Literal["natural", "balanced"]
    """how training images are drawn; balanced: every class equally often, with replacement [default: 'natural']."""
    threshold: str | None
    """for two classes: tune the decision threshold on validation for f1, recall>=0.95, precision>=0.9 or
    cost:fn=10,fp=1, of the rarer class or as CLASS:recall>=0.95; None: no threshold [default: None]."""
    # split: common
    folds: int | None
    """number of cross-validation folds, instead of one validation split [default: None]."""
    # read: common
    max_bytes: int
    """largest image file, bytes [default: 100000000]."""
    max_pixels: int
    """largest image, pixels (width x height) [default: 89000000]."""
