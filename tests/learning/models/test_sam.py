"""Promptable networks: the same masks as transformers' own, from folders in the hub's format; and pupila-sam."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pupila.core.errors import PupilaError
from pupila.learning.models import pupila_sam
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.settings import EncoderSettings, is_promptable
from pupila.tasks.prompt import DecoderOutput, Prompt, select_mask
from tests.checkpoints import SIDE, sam, sam2

POINTS = torch.tensor([[[[30.0, 40.0], [60.0, 70.0]]]])
LABELS = torch.tensor([[[1, 0]]])
BOX = torch.tensor([[[10.0, 20.0, 90.0, 100.0]]])
PAD, NO_POINT = torch.zeros(1, 1, 1, 2), torch.tensor([[[-1]]])
PADDED = torch.cat([POINTS, PAD], 2), torch.cat([LABELS, NO_POINT], 2)
CORNERS, CORNER_LABELS = BOX.reshape(1, 1, 2, 2), torch.tensor([[[2, 3]]])


def pixels(seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def predict(
    network: Network, points: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        masks, predicted_iou = network.head(network.encoder(pixels()), points, labels)
    return masks, predicted_iou


@pytest.mark.parametrize("multimask", [True, False])
def test_sam_answers_points_and_boxes_as_transformers_does(tmp_path: Path, multimask: bool) -> None:
    model = sam(tmp_path)
    network = build_promptable(EncoderSettings(model=str(tmp_path)), None)
    own = slice(1, None) if multimask else slice(0, 1)
    cases: list[tuple[dict[str, Any], torch.Tensor, torch.Tensor]] = [
        ({"input_points": POINTS, "input_labels": LABELS}, *PADDED),
        ({"input_boxes": BOX}, CORNERS, CORNER_LABELS),
        ({"input_points": POINTS, "input_labels": LABELS, "input_boxes": BOX},
         torch.cat([POINTS, CORNERS], 2), torch.cat([LABELS, CORNER_LABELS], 2)),
    ]  # fmt: skip
    for prompts, points, labels in cases:
        with torch.inference_mode():
            theirs = model(pixel_values=pixels(), multimask_output=multimask, **prompts)
        masks, predicted_iou = predict(network, points, labels)
        assert torch.allclose(masks[:, :, own], theirs.pred_masks, atol=1e-5)
        assert torch.allclose(predicted_iou[:, :, own], theirs.iou_scores, atol=1e-5)
        assert theirs.pred_masks.abs().max() > 1e-3  # there is something to compare


def test_sam2_answers_points_and_boxes_as_transformers_does(tmp_path: Path) -> None:
    model = sam2(tmp_path)
    network = build_promptable(EncoderSettings(model=str(tmp_path)), None)
    assert network.prompt_format == "sam2" and [shape[1] for shape in network.head.shapes] == [8, 32, 16]  # type: ignore[union-attr]
    for prompts, points, labels in (
        ({"input_points": POINTS, "input_labels": LABELS}, *PADDED),
        ({"input_boxes": BOX}, torch.cat([CORNERS, PAD], 2), torch.cat([CORNER_LABELS, NO_POINT], 2)),
    ):  # fmt: skip
        with torch.inference_mode():
            theirs = model(pixel_values=pixels(), multimask_output=True, **prompts)
        masks, predicted_iou = predict(network, points, labels)
        assert torch.allclose(masks[:, :, 1:], theirs.pred_masks, rtol=1e-4, atol=1e-4)
        assert torch.allclose(predicted_iou[:, :, 1:], theirs.iou_scores, atol=1e-4)


def test_sam2_falls_back_to_the_best_of_three_where_its_one_mask_is_unstable(tmp_path: Path) -> None:
    points, labels = torch.cat([CORNERS, PAD], 2), torch.cat([CORNER_LABELS, NO_POINT], 2)
    numbers = set()
    for seed in range(8):
        model = sam2(tmp_path / str(seed), seed)
        network = build_promptable(EncoderSettings(model=str(tmp_path / str(seed))), None)
        with torch.inference_mode():
            theirs = model(pixel_values=pixels(), multimask_output=False, input_boxes=BOX).pred_masks[0, 0, 0]
        masks, predicted_iou = predict(network, points, labels)
        raw = DecoderOutput(masks[0, 0].numpy(), predicted_iou[0, 0].numpy(), Prompt(box=(10, 20, 90, 100)))
        number = select_mask(raw, "sam2")
        numbers.add(number)
        assert np.allclose(raw.masks[number], theirs.numpy(), atol=1e-4)
    stable = np.full((4, 8, 8), 9, np.float32)
    assert (
        select_mask(
            DecoderOutput(stable, np.array([0, 1, 0, 0], np.float32), Prompt(box=(1, 1, 5, 5))), "sam2"
        )
        == 0
    )
    assert numbers & {1, 2, 3}  # random masks are hardly stable


def test_a_checkpoint_without_some_tensors_is_refused(tmp_path: Path) -> None:
    sam(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    cached = {name: tensor for name, tensor in tensors.items() if "iou_token" not in name}
    save_file(cached, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(PupilaError, match=r"(?s)lacks tensors.*mask_decoder.iou_token.weight"):
        build_promptable(EncoderSettings(model=str(tmp_path)), None)


def test_a_checkpoint_is_prepared_as_its_own_processor_does(tmp_path: Path) -> None:
    sam(tmp_path / "one")
    sam2(tmp_path / "two")
    item = build_promptable(EncoderSettings(model=str(tmp_path / "one")), None)
    two = build_promptable(EncoderSettings(model=str(tmp_path / "two")), None)
    assert (item.preprocessing.fit, item.preprocessing.padding, item.preprocessing.height) == (
        "corner",
        "mean",
        SIDE,
    )
    assert (two.preprocessing.fit, two.preprocessing.height) == ("squash", SIDE)
    assert item.pretrained and item.name == "one" and len(item.blocks) == 2
    assert not any(p.requires_grad for p in item.head.prompt_encoder.parameters())  # type: ignore[union-attr]


def test_several_prompts_of_an_image_get_what_each_gets_alone(tmp_path: Path) -> None:
    sam(tmp_path)
    network = build_promptable(EncoderSettings(model=str(tmp_path)), None)
    features = network.encoder(torch.cat([pixels(1), pixels(2)]))
    points, labels = torch.rand(2, 3, 2, 2) * SIDE, torch.tensor([1, 0]).expand(2, 3, 2)
    with torch.inference_mode():
        together, _ = network.head(features, points, labels)
        for image in range(2):
            for prompt in range(3):
                place = slice(image, image + 1), slice(prompt, prompt + 1)
                alone, _ = network.head(features[place[0]], points[place], labels[place])
                assert torch.allclose(together[place], alone, atol=1e-5)


def test_pupila_sam_is_any_encoder_of_timm_and_the_same_for_the_same_seed() -> None:
    overrides = EncoderSettings(model="pupila-sam", encoder="mobilenetv3_small_050", weights="none")
    built = []
    for _ in range(2):
        torch.manual_seed(5)
        built.append(build_promptable(overrides, None, 64))
    item, two = built
    assert [shape[1:] for shape in item.head.shapes] == [(16, 16), (8, 8), (4, 4), (2, 2)]  # type: ignore[union-attr]
    assert item.size == sum(int(np.prod(shape)) for shape in item.head.shapes)  # type: ignore[union-attr, misc]
    masks, predicted_iou = item.head(item.encoder(torch.zeros(1, 3, 64, 64)), POINTS, LABELS)
    assert masks.shape == (1, 1, 4, 16, 16) and predicted_iou.shape == (1, 1, 4)
    maps = item.head.embed(item.encoder(torch.zeros(1, 3, 64, 64)))  # type: ignore[operator]
    assert [tuple(part.shape[1:]) for part in maps] == [(256, 4, 4), (32, 16, 16), (64, 8, 8)]
    ours, theirs = item.head.state_dict(), two.head.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not item.pretrained


def test_maps_kept_of_other_strides_are_told_apart_though_the_tensors_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    overrides = EncoderSettings(model="pupila-sam", encoder="mobilenetv3_small_050", weights="none")
    hashes = []
    for strides in (pupila_sam.STRIDES, (1, 2, 16, 32)):  # none of stride 1: without finer maps
        monkeypatch.setattr(pupila_sam, "STRIDES", strides)
        torch.manual_seed(5)
        hashes.append(build_promptable(overrides, None, 64).weights_hash)
    assert hashes[0] != hashes[1]


def test_pupila_sam_stands_on_a_plain_vit_without_finer_maps() -> None:
    overrides = EncoderSettings(
        model="pupila-sam", encoder="vit_tiny_patch16_224", weights="none", options={"img_size": 64}
    )
    network = build_promptable(overrides, None, 64)
    assert [shape[1:] for shape in network.head.shapes] == [(4, 4)]  # type: ignore[union-attr]
    masks, _ = network.head(network.encoder(torch.zeros(1, 3, 64, 64)), POINTS, LABELS)
    assert masks.shape == (1, 1, 4, 16, 16)


def test_pupila_sam_takes_an_encoder_from_a_file(tmp_path: Path) -> None:
    import timm

    encoder = timm.create_model("mobilenetv3_small_050", features_only=True)
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    (tmp_path / "encoder.json").write_text('{"model": "mobilenetv3_small_050", "part": "encoder"}')
    overrides = EncoderSettings(model="pupila-sam", weights=str(tmp_path / "encoder.safetensors"))
    network = build_promptable(overrides, None, 64)
    assert network.encoder_name == "mobilenetv3_small_050" and network.pretrained
    ours = network.encoder.model.state_dict()  # type: ignore[union-attr]
    assert all(
        torch.equal(ours[name], tensor) for name, tensor in encoder.state_dict().items() if name in ours
    )


@pytest.mark.parametrize(
    ("overrides", "side", "message"),
    [
        ({"model": "pupila-sam", "encoder": "no_such", "weights": "none"}, None, "Unknown encoder"),
        ({"model": "pupila-sam", "encoder": "resnet18", "weights": "none", "options": {"deep": 1}}, None, "can't be"),
        ({"model": "./nowhere/at/all"}, None, r"Can't download the weights"),
        ({"model": "sam-vit-huge"}, None, r"(?s)too large.*sam-vit-large"),
        ({"model": "pupila-sam", "encoder": "vit_tiny_patch16_224", "weights": "none"}, 128, "options.img_size 128"),
        ({"model": "pupila-sam", "weights": "nowhere"}, None, "nowhere does not exist"),
    ],
)  # fmt: skip
def test_what_can_t_be_built_is_refused(overrides: dict[str, Any], side: int | None, message: str) -> None:
    with pytest.raises(PupilaError, match=message):
        build_promptable(EncoderSettings(**overrides), None, side)


def test_a_checkpoint_has_its_own_side_weights_and_kind(tmp_path: Path) -> None:
    from transformers import ViTConfig

    sam(tmp_path / "sam")
    with pytest.raises(PupilaError, match=r"(?s)does not support this image size.*image_size=128"):
        build_promptable(EncoderSettings(model=str(tmp_path / "sam")), None, 64)
    with pytest.raises(PupilaError, match="has fixed weights"):
        build_promptable(EncoderSettings(model=str(tmp_path / "sam"), weights="none"), None)
    ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(PupilaError, match=r"(?s)not a promptable model.*model_type=vit"):
        build_promptable(EncoderSettings(model=str(tmp_path / "vit")), None)


def test_names_tell_promptable_models_apart() -> None:
    assert all(
        map(
            is_promptable,
            ("pupila-sam", "sam-vit-base", "sam2.1-hiera-tiny", "facebook/sam-vit-huge", "./mine"),
        )
    )
    assert not any(map(is_promptable, ("auto", "unet", "mobilenetv2_100", "lenet")))


def test_near_places_have_much_in_common_and_far_ones_little() -> None:
    torch.manual_seed(0)
    network = build_promptable(
        EncoderSettings(model="pupila-sam", encoder="mobilenetv3_small_050", weights="none"), None, 512
    )
    places = torch.tensor([[[[100.0, 100.0], [104.0, 100.0], [400.0, 300.0]]]])
    item, near, far = network.head.prompt_encoder.shared_embedding(places, (512, 512))[0, 0]  # type: ignore[union-attr,operator]
    assert torch.cosine_similarity(item, near, dim=0) > 0.9 > 0.5 > torch.cosine_similarity(item, far, dim=0)
