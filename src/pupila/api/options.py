"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class BandOptions(TypedDict, total=False):
    """How the bands of TIFFs become colours."""

    bands: Sequence[int] | None
    """band numbers, from 1, of red, green and blue; None: the first three, or the first [default: None]."""
    low: float | None
    """pixel value that becomes black, above 8 bits; None: the 2nd percentile [default: None]."""
    high: float | None
    """pixel value that becomes white, above 8 bits; None: the 98th percentile [default: None]."""


class LayoutOptions(TypedDict, total=False):
    """How a data set is laid out."""

    task: Literal["auto", "classify", "multilabel", "segment"]
    """what the labels are: one class per image (classify), several (multilabel) or a mask (segment); auto: as the
    data suggest [default: 'auto']."""
    layout: Literal[
        "auto", "table", "coco", "labelme", "voc", "cvat", "via", "label-studio", "supervisely", "run-lengths",
        "yolo", "masks", "folders"
    ]  # fmt: skip
    """how the labels are laid out: table, coco, labelme, voc, cvat, via, label-studio, supervisely, run-lengths,
    yolo, masks or folders; auto: as the files suggest [default: 'auto']."""
    images: str
    """folder of the images, below that of the data; auto: as the files suggest [default: 'auto']."""
    masks: str
    """folder of the masks, below that of the data; auto: as the files suggest [default: 'auto']."""
    labels: str
    """file that holds the labels, below that of the data; auto: as the files suggest [default: 'auto']."""
    instances: Literal["auto", "merge", "classes"]
    """numbered objects in masks: one foreground (merge), or a class for each number (classes); auto: as the masks
    suggest [default: 'auto']."""


class ReadOptions(LayoutOptions, BandOptions, total=False):
    """How the images of a data set are read."""

    max_bytes: int
    """largest image file, bytes [default: 100000000]."""
    max_pixels: int
    """largest image, pixels (width x height) [default: 89000000]."""
    workers: int | None
    """threads that read images; None: one per core, 16 for a store [default: None]."""
    max_decode_memory: int | None
    """memory of all decoding threads, bytes; None: a quarter of the machine's [default: None]."""


class SplitOptions(ReadOptions, total=False):
    """How a data set is split, and how its images are read."""

    by: str | None
    """a column, or a regular expression searched in the file name (in the path if it contains a slash), that names
    the group (one capture group, or (?P<group>...); a running number: (?P<number>...) with (?P<cycle>...)) or the
    given split ((?P<split>...)); auto: the groups that are likely in the file names [default: None]."""
    val: float | None
    """share of the images for validation; None: 0.15, or none with folds [default: None]."""
    test: float
    """share of the images for the sealed test split [default: 0.15]."""
    seed: int
    """random seed [default: 23]."""
    folds: int | None
    """number of cross-validation folds, instead of one validation split [default: None]."""
    ignore_given: bool
    """draw a new split even if the data came with one [default: False]."""


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
    classification, multi-label classification: auto decides by a short trial, see batch_norm; segmentation: auto
    means half of the blocks, or all where 24 epochs or more are affordable; promptable models: auto means 0 [default:
    'auto']."""
    finetune_epochs: int | Literal["auto"]
    """passes with unfrozen blocks; classification, multi-label classification, promptable models: auto means 10;
    segmentation: auto means 6 to 48, so that every data set costs about the same [default: 'auto']."""
    finetune_lr: float | Literal["auto"]
    """learning rate of unfrozen blocks and of a head trained with them; auto: a tenth of lr; segmentation: the
    decoder keeps lr [default: 'auto']."""
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
    abstain_below: float
    """confidence below which the bundle abstains [default: 0.0]."""
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    """precision of training steps; auto: a lower one if it is measured faster [default: 'auto']."""
    allow_leak: bool
    """train on a leaking split; the report states the leakage [default: False]."""
    # train: classification, multi-label classification, segmentation
    batch_norm: Literal["auto", "frozen", "trained"]
    """statistics of batch norm in the unfrozen blocks of a pretrained encoder: as they came, or those of the training
    images; classification, multi-label classification: auto decides by a short trial; segmentation: auto means frozen
    [default: 'auto']."""
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
    class_weights: Literal["none", "inverse", "effective"]
    """weight classes by inverse frequency, or by the effective number of images; multi-label classification: inverse
    weights the presence of a class by negatives / positives [default: 'none']."""
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


class EvaluateOptions(TypedDict, total=False):
    """What is evaluated besides the metrics."""

    by: Sequence[str]
    """columns, size (of the object, with masks) or regular expressions searched in the file name, by which metrics
    are given: each slice against all other images, numbers cut into thirds."""
    stress: bool
    """measure the sensitivity to light, blur, noise, compression, resolution and backgrounds [default: False]."""
    stress_images: int | None
    """most images of --stress; None: 500, with prompts 50 [default: None]."""


class LabelOptions(LayoutOptions, total=False):
    """Settings of the labellers."""

    # label-vlm: common
    concurrency: int
    """parallel requests [default: 8]."""
    rate_per_minute: float | None
    """maximum requests per minute; None: no limit [default: None]."""
    retries: int
    """retries after a transient error (429, 5xx, time-out) [default: 5]."""
    timeout: float
    """seconds until a request times out [default: 60]."""
    model: str
    """model name on the server; short form: --with vlm:MODEL."""
    base_url: str
    """address of the server, including /v1 [default: 'https://api.openai.com/v1']."""
    key: str | None
    """environment variable with the API key; None: OPENAI_API_KEY for OpenAI itself, none elsewhere [default:
    None]."""
    question: str
    """YAML file with prompt and classes, or a built-in question: octagons, octagon_kinds."""
    max_image_size: int
    """longer side of the images as sent, pixels [default: 512]."""
    votes: int
    """answers per image; their agreement is the confidence [default: 1]."""
    temperature: float | None
    """sampling temperature; None: the default of the server [default: None]."""
    max_tokens: int
    """maximum tokens of an answer; reasoning models need more [default: 256]."""
    input_price: float | None
    """US dollars per million input tokens; None: unknown [default: None]."""
    output_price: float | None
    """US dollars per million output tokens; None: unknown [default: None]."""
    image_tokens: int | None
    """tokens per image in the cost estimate; None: one per 32 x 32 pixels [default: None]."""
    max_cost: float | None
    """budget of a run, US dollars; None: no limit [default: None]."""
    # label-roboflow: common
    classes: Sequence[str] | None
    """allowed classes, for masks in index order; None: the classes of the data [default: None]."""
    confidence: float
    """confidence threshold for a class or an outline [default: 0.5]."""
    # label-bundle: common
    bundle: str
    """folder of the bundle or of its run; short form: --with bundle:FOLDER."""
    # label-csv: common
    file: str
    """CSV, Parquet or JSON Lines file; short form: --with csv:FILE."""
    human_labels: bool
    """whether an annotator gave the labels; they then take precedence over all models [default: True]."""
    new_classes: bool
    """whether the table may add classes that the data do not have [default: False]."""


class AuditOptions(ReadOptions, total=False):
    """How labels are audited, and how images are read."""

    sample: int | None
    """images drawn at random; None: 100, or the number of the resumed audit [default: None]."""
    uncertain: int | None
    """further images, those of lowest confidence; None: 20, or the number of the resumed audit [default: None]."""
    seed: int | None
    """seed of the random sample; None: 0, or the seed of the resumed audit [default: None]."""
    extra_classes: Sequence[str]
    """additional classes to choose from."""
    again: bool
    """draw a new sample from the current labels [default: False]."""


class CollectOptions(TypedDict, total=False):
    """How a site is crawled."""

    name: str
    """name of the site, stored with each visit."""
    start: Sequence[str]
    """addresses of the start pages."""
    browser: bool
    """render pages in a browser; false: read plain HTML [default: True]."""
    more: Literal["scroll", "next", "page", "none"]
    """pagination by scroll, next (a button or link), page (?page=2) or none [default: 'scroll']."""
    next: str
    """selector of the button or link to the next products, for more=next."""
    page: str
    """name of the query parameter with the page number, for more=page [default: 'page']."""
    first_page: int
    """number of the start page, for more=page [default: 1]."""
    item: str
    """selector of one product; the selectors below apply inside it."""
    id: str
    """selector of a stable product id."""
    id_pattern: str
    """regular expression whose first group is the id; empty: the whole text."""
    title: str
    """selector of the product's name."""
    brand: str
    """selector of the brand."""
    price: str
    """selector of the price."""
    description: str
    """selector of the description."""
    link: str
    """selector of the link to the product page [default: 'a@href']."""
    image: str
    """selector of the images; all matches are collected [default: 'img@src']."""
    numbers: str
    """number format of the site: how it writes 1234.50 [default: '1.234,50']."""
    licence: str
    """licence note stored with each image [default: 'unknown: ask the site before sharing images']."""
    hosts: Sequence[str]
    """hosts that may be requested besides those of the start pages; * is a wildcard."""
    allow_private: bool
    """allow requests to this machine and to private networks [default: False]."""
    rate: float
    """maximum requests per second and host; robots.txt may lower it [default: 2]."""
    concurrency: int
    """maximum concurrent requests per host [default: 2]."""
    timeout: float
    """seconds until a request times out [default: 30]."""
    tries: int
    """attempts per request after status 429, 5xx or a timeout [default: 4]."""
    longest_wait: float
    """longest pause in seconds that a host may ask for; after a longer one its requests fail [default: 120]."""
    idle_timeout: float
    """seconds without new products at the end of a page until it counts as read [default: 5]."""
    max_products: int
    """maximum products per visit, also of an endless page [default: 50000]."""
    max_bytes: int
    """maximum size of a page or image in bytes [default: 20000000]."""
    min_side: int
    """minimum length of the shorter side, pixels; smaller images are rejected [default: 32]."""
    contact: str
    """web or mail address sent with each request, so that the site can contact you."""
    sandbox: bool
    """use the sandbox of Chromium; not available to root and in some containers [default: True]."""


class ServeOptions(TypedDict, total=False):
    """Limits, queue and threads of the service."""

    max_bytes: int
    """maximum size of an image file, bytes [default: 20000000]."""
    max_pixels: int
    """largest image, pixels (width x height) [default: 89000000]."""
    max_files: int
    """maximum number of images per batch request [default: 64]."""
    queue: int
    """maximum number of images in the queue; more get a 503 [default: 256]."""
    max_batch_size: int
    """maximum number of images per forward pass [default: 2]."""
    max_embeddings: int
    """embeddings to cache, most recently used (promptable bundles) [default: 32]."""
    max_embedding_bytes: int
    """total size of the cached embeddings, bytes [default: 512000000]."""
    max_decode_memory: int | None
    """memory of all decoding threads, bytes; None: a quarter of the machine's [default: None]."""
    threads: int | None
    """threads that decode and predict, each on one core; None: one per core [default: None]."""
    max_connections: int
    """maximum number of connections; above it slow clients are disconnected [default: 512]."""
    request_timeout: float
    """maximum time for a client to send a request, seconds; later ones get a 408 [default: 600]."""
    poll_seconds: float
    """time between two polls of an alias or of a bundle in a store, seconds; 0: never [default: 10]."""
    max_open_bytes: int
    """total bytes of the requests that are received or predicted; more get a 503 [default: 2000000000]."""
