"""A typical prediction service: everything inside one async handler."""

import io
import sys
import time
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, File, UploadFile
from PIL import Image

from benchmarks.naive_training import CLASSES, EVALUATE, Classifier


def make_app(weights: str) -> FastAPI:
    """The service; its head is not trained, which its speed does not show."""
    app = FastAPI()
    model = Classifier(weights).eval()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict/single")
    async def single(file: UploadFile = File()) -> dict[str, Any]:  # noqa: B008
        start = time.time()
        image = Image.open(io.BytesIO(await file.read())).convert("RGB")
        pixels = EVALUATE(image).unsqueeze(0)
        with torch.no_grad():
            probabilities = torch.softmax(model(pixels), dim=1)[0]
        top = int(probabilities.argmax())
        return {
            "prediction": CLASSES[top],
            "confidence": float(probabilities[top]),
            "processing_time": time.time() - start,
        }

    return app


def main(weights: str, port: int) -> None:
    """Serve until the process ends."""
    uvicorn.run(make_app(weights), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
