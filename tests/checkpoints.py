"""Small random checkpoints of SAM and SAM 2, saved in the hub's own format."""

import logging
from pathlib import Path
from typing import Any

import torch

SIDE = 128  # pixels


def sam(folder: Path, seed: int = 0) -> Any:
    """A SamModel whose image encoder has two small layers."""
    from transformers import SamConfig, SamModel

    torch.manual_seed(seed)
    config: Any = SamConfig(
        vision_config={
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE, "mlp_dim": 64,
            "window_size": 4, "global_attn_indexes": [1], "mlp_ratio": 2.0,
        },
        prompt_encoder_config={"image_size": SIDE},
    )  # fmt: skip
    return _saved(SamModel(config), folder)


def sam2(folder: Path, seed: int = 0) -> Any:
    """A Sam2Model whose image encoder has five small blocks."""
    from transformers import Sam2Config, Sam2Model

    torch.manual_seed(seed)
    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 16, "num_attention_heads": 1, "image_size": [SIDE, SIDE],
        "embed_dim_per_stage": [16, 32, 64, 128], "blocks_per_stage": [1, 1, 2, 1],
        "num_attention_heads_per_stage": [1, 1, 2, 4], "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [3],
    }  # fmt: skip
    vision = {
        "backbone_config": backbone, "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    }  # fmt: skip
    config: Any = Sam2Config(vision_config=vision, prompt_encoder_config={"image_size": SIDE})
    return _saved(Sam2Model(config), folder)


def _saved(model: Any, folder: Path) -> Any:
    from transformers.utils import logging as hub

    logging.getLogger("transformers").setLevel(logging.ERROR)
    untyped: Any = hub
    untyped.disable_progress_bar()
    model.eval().save_pretrained(folder)
    return model
