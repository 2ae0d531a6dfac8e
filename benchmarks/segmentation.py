"""A U-Net on flood photos against a typical script: seconds of an epoch, time to its Dice, and test Dice."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

import pupila
from benchmarks.measure import new_cache, real_data, real_weights
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.vocabulary import SPLITS, TEST, TRAIN, VALIDATION

RECIPE: dict[str, Any] = {  # that of naive_segmentation.py, as far as speed goes
    "model": "unet", "encoder": "mobilenetv2_100", "image_size": 256, "batch_size": 8, "augment": "light",
    "epochs": 2, "finetune_epochs": 8,
}  # fmt: skip
BUDGET = "20m"
FOLDS = 5


def run() -> dict[str, Any]:
    """The same image size and batch size as the script, then `--budget 20m`: epoch seconds, time to its Dice, Dice."""
    prepared = _prepare_data(Path(tempfile.mkdtemp()))
    if prepared is None:
        return {}
    data, weights = prepared
    print("  a typical script", flush=True)
    naive = naive_on(data, weights, split_stems(data), data.parent / "naive")
    new_cache()
    print("  the same image size and batch size", flush=True)
    same = train(data, data.parent / "same", {**RECIPE, "weights": str(weights)})
    new_cache()
    print(f"  --budget {BUDGET}", flush=True)
    config = {"budget": BUDGET, "encoder": "tf_efficientnet_b0", "weights": str(_encoder(weights))}
    budget = train(data, data.parent / "budget", config)
    figures = {
        **_speed(naive, same), "plan": same["plan"], "test": against_naive(data, data.parent / "same"),
        f"budget {BUDGET}": {
            "seconds": budget["seconds"], "plan": budget["plan"],
            "validation_dice": max(line["dice"] for line in budget["log"]),
            "test": against_naive(data, data.parent / "budget"),
        },
    }  # fmt: skip
    return _finish(figures, data)


def _speed(naive: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    epochs = {
        phase: median(line["seconds"] for line in ours["log"] if line["phase"] == phase)
        for phase in ("head", "finetune")
    }
    theirs = median(line["train_seconds"] for line in naive["log"])
    reached = next((line["at"] for line in ours["log"] if line["dice"] >= naive["validation_dice"]), None)
    mean = sum(line["seconds"] for line in ours["log"]) / len(ours["log"])
    return {
        "naive_epoch_seconds": theirs,
        "head_epoch_seconds_with_validation": epochs["head"],
        "finetune_epoch_seconds_with_validation": epochs["finetune"],
        "epoch_ratio": round(theirs / mean, 2),
        "naive_seconds": naive["seconds"],
        "naive_validation_dice": naive["validation_dice"],
        "validation_dice": max(line["dice"] for line in ours["log"]),
        "seconds": ours["seconds"],
        "seconds_to_naive_dice": reached,
        "time_ratio": reached and round(naive["seconds"] / reached, 2),
    }


def _finish(figures: dict[str, Any], data: Path) -> dict[str, Any]:
    for name, value in figures.items():
        print(f"  {name}: {value}")
    shutil.rmtree(data.parent)
    return figures


def folds() -> dict[str, Any]:
    """All photos in five folds, which neither saw while it trained, paired. Resumes after an interruption."""
    prepared = _prepare_data(Path(tempfile.gettempdir()) / "pupila_benchmark_folds", folds=FOLDS)
    if prepared is None:
        return {}
    data, weights = prepared
    splits = SplitFile.read(str(data))
    assert splits is not None
    for fold in range(FOLDS):
        stems = fold_stems(splits, fold)
        report = data.parent / f"script-{fold}.json"
        if not report.exists():
            print(f"  fold {fold} of the script", flush=True)
            report.write_text(json.dumps(naive_on(data, weights, stems, data.parent / "naive", "hurry")))
        if not (data.parent / f"fold-{fold}/predictions/predictions.csv").exists():
            print(f"  fold {fold}", flush=True)
            _predict_fold(data, stems, {**RECIPE, "weights": str(weights)}, data.parent / f"fold-{fold}")
    ours = [pl.read_csv(data.parent / f"fold-{fold}/predictions/predictions.csv") for fold in range(FOLDS)]
    table = pl.concat([row.select("image", "mask").with_columns(
        image=pl.col("image").str.replace(".*/images/", "images/"),
        mask=pl.format(f"fold-{fold}/predictions/{{}}", "mask"),
    ) for fold, row in enumerate(ours)])  # fmt: skip
    table.write_csv(data.parent / "pupila.csv")
    return _finish(against_naive(data, data.parent / "pupila.csv", split=TRAIN), data)


def _predict_fold(data: Path, stems: dict[str, list[str]], config: dict[str, Any], home: Path) -> None:
    """Train on the stems of a fold, and predict those of its test split."""
    fold = home / "data"
    for part in ("images", "masks"):
        shutil.copytree(data / part, fold / part, dirs_exist_ok=True)
    split = {stem: name for name, of in stems.items() for stem in of}
    rows = pl.read_csv(data / "table.csv").filter(
        pl.col("image").str.extract("([^/]*).jpg").is_in(list(split))
    )
    side = rows["image"].str.extract("([^/]*).jpg").replace_strict(split)
    rows.with_columns(split=side).write_csv(fold / "table.csv")
    if SplitFile.read(str(fold)) is None:
        pupila.split(fold)
    train(fold, home / "run", config)
    test_images = [str(fold / f"images/{stem}.jpg") for stem in stems[TEST]]
    command = [
        sys.executable,
        "-m",
        "pupila",
        "predict",
        str(home / "run"),
        *test_images,
        "--out",
        str(home / "predictions"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _prepare_data(home: Path, folds: int | None = None) -> tuple[Path, Path] | None:
    """A copy whose table keeps near-duplicates together, split; what is there already stays."""
    photos, weights = real_data("flood_area"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return None
    data = home / "flood_area"
    if (data / "splits.json").exists():
        return data, weights
    shutil.copytree(photos, data, dirs_exist_ok=True)
    groups = json.loads((data / "duplicate_groups.json").read_text())
    group = {stem: f"copies of {stems[0]}" for stems in groups for stem in stems}
    stems = sorted(path.stem for path in (data / "images").iterdir())
    rows = {
        "image": [f"images/{s}.jpg" for s in stems],
        "mask": [f"masks/{s}.png" for s in stems],
        "group": [group.get(s) for s in stems],
    }
    pl.DataFrame(rows).write_csv(data / "table.csv")
    if folds is None:
        pupila.split(data)
    else:
        pupila.split(data, folds=folds, test=0)
    return data, weights


def _encoder(weights: Path) -> Path:
    """The better of both encoders for masks; the script has the one that its authors took."""
    return weights.with_name("tf_efficientnet_b0_encoder.safetensors")


def split_stems(data: Path) -> dict[str, list[str]]:
    """Stems of each split."""
    splits = SplitFile.read(str(data))
    assert splits is not None
    return {name: [Path(a.image).stem for a in splits.in_split(name)] for name in SPLITS}


def fold_stems(splits: SplitFile, fold: int) -> dict[str, list[str]]:
    """Both stop by an eighth of the other folds, and are tested on the fold; what belongs together stays so."""
    others = [a for a in splits.images if a.fold != fold]
    chosen = set(sorted({a.component for a in others})[::8])
    names = [VALIDATION if a.component in chosen else TRAIN for a in others]
    named = {name: [Path(a.image).stem for a, s in zip(others, names, strict=True) if s == name]
             for name in (TRAIN, VALIDATION)}  # fmt: skip
    return {**named, TEST: [Path(a.image).stem for a in splits.images if a.fold == fold]}


def naive_on(
    data: Path, weights: Path, stems: dict[str, list[str]], masks_folder: Path, *hurry: str
) -> dict[str, Any]:
    """The script's figures; its masks lie in the folder."""
    stems_file = Path(tempfile.mkdtemp()) / "stems.json"  # of its own: folds may run side by side
    stems_file.write_text(json.dumps(stems))
    command = [
        sys.executable,
        "-m",
        "benchmarks.naive_segmentation",
        *map(str, (data, weights, stems_file, masks_folder, *hurry)),
    ]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return figures


def train(data: Path, out: Path, config: dict[str, Any]) -> dict[str, Any]:
    """`pupila train`, from the start of the process: its log with the time of each line, and what was decided."""
    settings = [f"{name}={value}" for name, value in config.items()]
    start = time.perf_counter()
    resume = ["--resume"] if (out / "plan.json").exists() else []
    command = [sys.executable, "-m", "pupila", "train", str(data), "--out", str(out), *settings, *resume]
    log: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print("   ", line.rstrip(), flush=True)
            if " epoch " in line:
                log.append({"at": time.perf_counter() - start})
    assert process.returncode == 0
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    log = [{**line, **at} for line, at in zip(lines[len(lines) - len(log) :], log, strict=True)]
    plan = json.loads((out / "plan.json").read_text())["plan"]
    plan_fields = ("image_size", "view", "epochs", "batch_size", "precision", "loss", "augment", "encoder")
    return {
        "seconds": time.perf_counter() - start,
        "log": log,
        "plan": {name: plan[name] for name in plan_fields},
    }


def against_naive(data: Path, run: Path, split: str = TEST) -> dict[str, Any]:
    """A run or a table and the script on the same images at their own size, paired; its masks lie beside the data."""
    masks_folder = data.parent / "naive"
    masks = sorted(masks_folder.iterdir())
    table = {"image": [f"images/{m.stem}.jpg" for m in masks], "mask": [str(m) for m in masks]}
    pl.DataFrame(table).write_csv(masks_folder.parent / "naive.csv")
    model = run if run.suffix else run / "bundle"
    out = masks_folder.parent / "report"
    output = pupila.evaluate(model, data, split=split, against=[masks_folder.parent / "naive.csv"], out=out)
    report = json.loads(Path(output.report_json).read_text())
    return {
        "models": {
            row["name"]: {name: rows["mean"] for name, rows in row["per_image"].items()}
            for row in report["models"]
        },
        "comparisons": report["comparisons"],
    }
