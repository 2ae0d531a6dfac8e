"""Export segmentation models: encoder and decoder as one file."""

from pupila.learning.export.exporter import Exporter
from pupila.learning.export.whole import compare_whole, export_whole, sample_whole

SEGMENT_EXPORTER = Exporter(
    export=export_whole,
    sample=sample_whole,
    compare=compare_whole,
    parity_images=16,
    most_images=lambda network: None,
    classes=lambda names: names,
)
