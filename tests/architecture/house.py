"""The house as data: its floors, the one door of each third party, and its sizes (DESIGN.md, section 3)."""

FLOORS: tuple[tuple[str, ...], ...] = (
    ("messages", "errors", "vocabulary", "stores", "files", "settings", "progress", "threads"),
    ("stats", "metrics", "images", "geotiff", "masks", "regions", "tiles", "duplicates"),
    ("tasks",),
    ("dataset", "bundle", "report", "web"),
    ("models", "losses", "augment", "loader", "features", "loop", "export"),
    ("collect", "label", "doctor", "explore", "split", "convert", "train",
     "explain", "compress", "evaluate", "predict", "serve", "monitor"),
    ("flow", "sweep", "demo"),
    ("cli", "__main__", "__init__"),
)  # fmt: skip
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ORDERED = {0, 1, 4, 6, 7}  # here a room also knows those to its left; elsewhere neighbours are strangers

LEARNING = FLOORS[4]
TORCH_STAGES = ("train", "explain", "compress")
TORCH = ("torch", "torchvision", "timm")
TORCH_FREE = {*FLOORS[0], *FLOORS[1], *FLOORS[2], *FLOORS[3], *FLOORS[5]} - {*TORCH_STAGES}

# What every room from a floor upward may use.
OPEN = {
    "numpy": 1,
    "scipy": 1,
    "pydantic": 1,  # a room declares its own settings with Field; `settings` opens pydantic for floor 0
}
# The rooms through which a third party enters. `PIL` beside images: duplicates hashes a picture, report
# shrinks it for the page, demo draws it, augment turns it, bundle draws its golden ones.
DOORS: dict[str, tuple[str, ...]] = {
    "PIL": ("images", "masks", "regions", "duplicates", "report", "demo", "augment", "bundle"),
    "captum": ("explain",),
    "contourpy": ("regions",),
    "cleanlab": ("label", "doctor"),
    "fastapi": ("web",),
    "filelock": ("dataset",),
    "fsspec": ("stores",),
    "gradio": ("serve",),
    "httpcore": ("collect",),
    "httpx": ("collect", "label"),
    "jinja2": ("report",),
    "limits": ("web",),
    "markupsafe": ("report",),
    "matplotlib": ("report",),
    "mlflow": ("train",),
    "nncf": ("compress",),
    "onnx": ("export", "compress"),
    "onnxruntime": ("bundle",),
    "onnxscript": ("export",),
    "openai": ("label",),
    "openvino": ("compress",),
    "optuna": ("sweep",),
    "playwright": ("collect",),
    "polars": (
        "dataset",
        "label",
        "doctor",
        "explore",
        "split",
        "train",
        "evaluate",
        "monitor",
    ),  # readers of its frames
    "prometheus_client": ("serve",),
    "pycocotools": ("regions",),
    "protego": ("collect",),
    "pydantic": ("settings",),
    "rasterio": ("geotiff",),
    "ray": ("train", "predict", "serve", "sweep"),
    "rich": ("progress", "cli"),
    "safetensors": ("models", "loop", "export"),
    "segmentation_models_pytorch": ("models",),
    "simplejpeg": ("images",),
    "selectolax": ("collect",),
    "sklearn": ("doctor", "explore", "evaluate"),
    "starlette": ("web",),
    "structlog": ("web", "serve"),
    "tenacity": ("collect",),
    "timm": ("models",),
    "torch": (*LEARNING, *TORCH_STAGES),
    "torch_pruning": ("compress",),
    "torchvision": ("models", "augment"),
    "transformers": ("models",),
    "typer": ("cli",),
    "usearch": ("duplicates",),
    "uvicorn": ("web",),
    "yaml": ("settings",),
}

# Loading one of these rooms must need nothing but these libraries: a container without torch and tables.
BASE_ROOMS = {
    *FLOORS[0],
    "images",
    "geotiff",
    "masks",
    "regions",
    "tiles",
    "tasks",
    "bundle",
    "web",
    "predict",
    "serve",
    *FLOORS[7],
}
BASE_LIBRARIES = {
    "PIL", "contourpy", "fastapi", "fsspec", "limits", "numpy", "onnxruntime", "prometheus_client", "pycocotools",
    "pydantic", "rich", "simplejpeg", "starlette", "structlog", "typer", "uvicorn", "yaml",
}  # fmt: skip

PICKLES = {"pickle", "marshal", "shelve"}

FILE_LINES = 400
FILE_LINES_MEDIAN = 150
FUNCTION_LINES = 60
PARAMETERS = 6

# (file, rule) -> why it may break that rule. A row that nothing needs is a violation itself.
EXCEPTIONS: dict[tuple[str, str], str] = {}
