"""Keyword arguments of the functions: every setting with its type, its meaning and its default.

Written by `python -m pupila.cli.write_options` from the models of the settings, which check the values.
"""

from collections.abc import Sequence
from typing import Literal, TypedDict


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


class EvaluateOptions(TypedDict, total=False):
    """What is evaluated besides the metrics."""

    by: Sequence[str]
    """columns, size (of the object, with masks) or regular expressions searched in the file name, by which metrics
    are given: each slice against all other images, numbers cut into thirds."""
    explain: bool
    """heat maps of the worst errors, as pupila explain draws them [default: False]."""
    stress: bool
    """measure the sensitivity to light, blur, noise, compression, resolution and backgrounds [default: False]."""
    stress_images: int | None
    """most images of --stress; None: 500, with prompts 50 [default: None]."""


class CompressOptions(TypedDict, total=False):
    """How a bundle is compressed, and what that may cost."""

    int8: bool
    """8-bit weights and activations, in three ways [default: True]."""
    half: bool
    """16-bit floating point: half the size, seldom faster [default: False]."""
    prune: float
    """share of the weights that is removed, channel by channel, before fine-tuning; 0: none [default: 0.0]."""
    zero: float
    """share of the weights that is set to zero in its place (unstructured pruning), before fine-tuning; 0: none
    [default: 0.0]."""
    distill_into: str
    """smaller architecture that learns from the logits of the model; empty: none."""
    finetune_epochs: int
    """passes over the training split after prune or zero [default: 3]."""
    calibration_images: int
    """training images that the ranges of int8 are measured on, evenly over the classes [default: 100]."""
    max_drop: float
    """largest loss of the metric, as measured, of a model that is not shown to be equivalent [default: 0.01]."""
    rounds: int
    """measurements of time of each model [default: 40]."""


class ExplainOptions(TypedDict, total=False):
    """How heat maps are made, of which class and of how many images."""

    method: Literal["auto", "gradcam", "hirescam", "occlusion", "rise"]
    """gradcam, hirescam: from the last feature map and its gradient; occlusion: how the logit changes where a patch
    hides the image; rise: the same with random masks; auto: gradcam where the network has such a map, else occlusion
    [default: 'auto']."""
    label: str | None
    """class to explain; None: the predicted one, of a mask the largest [default: None]."""
    most: int
    """most images of a data set, drawn evenly over its classes [default: 24]."""
    random_masks: int
    """of --method rise [default: 1000]."""
    check: bool
    """test that the maps follow the model and matter to it [default: False]."""
    seed: int
    """of random masks, and of what is drawn [default: 0]."""


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


class QueueOptions(ReadOptions, total=False):
    """Which images of a service are reviewed, and how images are read."""

    limit: int
    """images to review, at most [default: 100]."""
    random_share: float
    """share of them that are drawn at random, for the live accuracy [default: 0.2]."""
    seed: int
    """seed of the random part [default: 0]."""
    extra_classes: Sequence[str]
    """additional classes to choose from."""
    again: bool
    """choose again from the log as it is now [default: False]."""


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
    login: str | None
    """environment variable with user:password (HTTP Basic), which is sent to the start pages' hosts alone; None: none
    [default: None]."""
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


class MonitorOptions(TypedDict, total=False):
    """When an alarm is raised."""

    false_alarm_every: int
    """mean number of groups of images between two false alarms of drift, at least [default: 10000]."""


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
    max_explanations: int
    """maximum number of requests with explain=true at once, each with one image at a time; more get a 503 [default:
    4]."""
    max_embeddings: int
    """embeddings to cache, most recently used (promptable bundles) [default: 32]."""
    max_embedding_bytes: int
    """total size of the cached embeddings, bytes [default: 512000000]."""
    max_decode_memory: int | None
    """memory of all decoding threads, bytes; None: a quarter of the machine's [default: None]."""
    threads: int | None
    """threads that decode and predict, each on one core; None: one per core [default: None]."""
    runtime: Literal["onnxruntime", "openvino", "auto"]
    """library that runs the model; auto: OpenVINO where it is faster on this machine and predicts the same as ONNX
    Runtime [default: 'onnxruntime']."""
    max_connections: int
    """maximum number of connections; above it slow clients are disconnected [default: 512]."""
    request_timeout: float
    """maximum time for a client to send a request, seconds; later ones get a 408 [default: 600]."""
    poll_seconds: float
    """time between two polls of an alias or of a bundle in a store, seconds; 0: never [default: 10]."""
    drain_seconds: float
    """time after SIGTERM in which requests are still served while /health/ready is a 503, so that a load balancer
    sends no more, seconds [default: 0]."""
    max_open_bytes: int
    """total bytes of the requests that are received or predicted; more get a 503 [default: 2000000000]."""
    tokens: str | None
    """file of tokens (`pupila token new`): every request needs one; None: none does [default: None]."""
    open: bool
    """serve other machines without tokens: whoever reaches the service may use it [default: False]."""
    address_rate: str
    """maximum number of requests without a valid token from one address; more get a 429 [default: '60/min']."""
    trusted_proxy: Sequence[str]
    """addresses or networks of proxies whose X-Forwarded-For names the client."""
    certificate: str | None
    """PEM file of a certificate, for https; None: plain http [default: None]."""
    key: str | None
    """PEM file of the certificate's private key [default: None]."""
    cors: Sequence[str]
    """origins of the web pages that may call the service, such as https://shop.example."""
    log_folder: str | None
    """folder of access.jsonl and security.jsonl; -: both to the standard output; None: no access log, and refusals to
    the standard error [default: None]."""
    emf: str | None
    """name under which the metrics go to the standard output each minute, as JSON lines for CloudWatch; None: they do
    not [default: None]."""
    log_bytes: int
    """maximum size of a log file, bytes; five older ones are beside it [default: 50000000]."""
    log_predictions: str | None
    """folder of predictions.jsonl, with a line for each predicted image, and of feedback.jsonl; None: neither is
    recorded [default: None]."""
    keep_images: float
    """share of the images that are stored beside predictions.jsonl, drawn at random, such as share=0.02; needs
    log_predictions [default: 0.0]."""
    keep_images_bytes: int
    """total size of the stored images, bytes; above it the oldest ones are deleted [default: 1000000000]."""
    false_alarm_every: int
    """mean number of groups of images between two false alarms of drift, at least; needs log_predictions and a bundle
    with a reference [default: 10000]."""
    workers: int
    """processes; 1, as one serves with all cores [default: 1]."""
