"""The promptable half of a model: what makes masks of an encoder's maps and of prompts, after Segment Anything."""

import math
from typing import Any

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]  # (C, h, w) of a map


class PromptHead(nn.Module):
    """Prompt encoder and mask decoder of SAM or SAM 2, with a neck before them where the encoder has none.

    All four masks of the decoder come out, the one mask first and then the three for an ambiguous prompt.

    Args:
        prompt_encoder: a SamPromptEncoder or a Sam2PromptEncoder.
        decoder: a SamMaskDecoder or a Sam2MaskDecoder.
        shapes: of the encoder's maps, which come flat, one after the other.
        neck: makes the embedding and the maps of higher resolution of the encoder's; None: they are so already.
    """

    def __init__(
        self, prompt_encoder: nn.Module, decoder: nn.Module, shapes: tuple[Shape, ...], neck: nn.Module | None = None
    ) -> None:  # fmt: skip
        super().__init__()
        self.prompt_encoder: Any = prompt_encoder
        self.decoder: Any = decoder
        self.shapes = shapes
        self.neck = neck

    @property
    def cells(self) -> int:
        """Side of the masks, in cells."""
        return 4 * int(self.prompt_encoder.image_embedding_size[0])

    def forward(self, features: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, size) features, (N, M, P, 2) points in input pixels and (N, M, P) labels to masks and predicted IoU.

        Returns:
            (N, M, 4, h, w) logits, and their (N, M, 4) predicted IoU.
        """
        return self.decode(self.embed(features), points, labels)

    def embed(self, features: Tensor) -> tuple[Tensor, ...]:
        """(N, size) to the (N, C, h, w) maps that `decode` takes, the embedding first."""
        parts = torch.split(features, [math.prod(shape) for shape in self.shapes], dim=1)
        maps = tuple(part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))
        return maps if self.neck is None else self.neck(maps)

    def decode(self, maps: tuple[Tensor, ...], points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """See `forward`.

        Source: Kirillov et al. 2023, arXiv:2304.02643, appendix A; Ravi et al. 2024, arXiv:2408.00714, appendix D.
        """
        decoder, count = self.decoder, points.shape[1]
        sparse = self._encode_points(points, labels).flatten(0, 1)[:, None]  # (N * M, 1, P, 256)
        tokens = [part.weight for part in self._tokens()]
        first = sum(len(part) for part in tokens) - decoder.num_mask_tokens
        every = torch.cat([torch.cat(tokens).expand(sparse.shape[0], 1, -1, -1), sparse], dim=2)
        dense = self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        image = _repeat(maps[0] + dense, count)
        every, image = decoder.transformer(
            point_embeddings=every, image_embeddings=image,
            image_positional_embeddings=self._encode_positions(maps[0]).expand(image.shape[0], -1, -1, -1),
            attention_similarity=None, target_embedding=None,
        )  # fmt: skip
        image = image.transpose(2, 3).reshape(-1, *maps[0].shape[1:])
        enlarged = self._upscale(image, [_repeat(finer, count) for finer in maps[1:]])
        own = every[:, 0, first : first + decoder.num_mask_tokens]
        weights = [mlp(own[:, number]) for number, mlp in enumerate(decoder.output_hypernetworks_mlps)]
        masks = torch.einsum("nkc,nchw->nkhw", torch.stack(weights, dim=1), enlarged)
        predicted_iou = decoder.iou_prediction_head(every[:, 0, first - 1])
        return masks.reshape(-1, count, *masks.shape[1:]), predicted_iou.reshape(
            -1, count, predicted_iou.shape[1]
        )

    def _tokens(self) -> list[Any]:
        """The decoder's own tokens in their order; SAM 2 begins with an object score token."""
        decoder = self.decoder
        there = [decoder.obj_score_token] if hasattr(decoder, "obj_score_token") else []
        return [*there, decoder.iou_token, decoder.mask_tokens]

    def _upscale(self, image: Tensor, finer: list[Tensor]) -> Any:
        """(N, 256, h, w) to (N, 32, 4h, 4w), with maps of 4 and 2 times the resolution, as in SAM 2."""
        decoder = self.decoder
        once = decoder.upscale_conv1(image)
        once = decoder.activation(decoder.upscale_layer_norm(once + finer[1] if finer else once))
        twice = decoder.upscale_conv2(once)
        return decoder.activation(twice + finer[0] if finer else twice)

    def _encode_points(self, points: Tensor, labels: Tensor) -> Tensor:
        """(N, M, P, 256): each point's place and meaning; `NO_POINT` has a meaning and no place."""
        encoder = self.prompt_encoder
        side = encoder.input_image_size
        places = encoder.shared_embedding(points + 0.5, (side, side))  # the centre of the pixel
        embed = encoder.point_embed
        meanings = (
            embed.weight if isinstance(embed, nn.Embedding) else torch.cat([part.weight for part in embed])
        )
        known = (labels >= 0)[..., None]
        return torch.where(known, places + meanings[labels.clamp_min(0)], encoder.not_a_point_embed.weight)

    def _encode_positions(self, image: Tensor) -> Tensor:
        """(1, 256, h, w): where each cell of the embedding is."""
        height, width = image.shape[2:]
        y, x = ((torch.arange(n, device=image.device, dtype=image.dtype) + 0.5) / n for n in (height, width))
        grid = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], dim=-1)
        positions: Tensor = self.prompt_encoder.shared_embedding(grid)
        return positions.permute(2, 0, 1)[None]


class Neck(nn.Module):
    """Maps of strides 4, 8, 16 and up to an embedding at stride 16, and to what edges are drawn from at 4 and 8.

    The embedding is made by two convolutions, each with a norm, as in SAM; the finer maps join where it is enlarged,
    as in SAM 2.

    Args:
        channels: of the maps.
        has_finer: the first two are of stride 4 and 8; else all are of stride 16 and up, as a plain ViT's.
        width: channels of the embedding; the map of stride 4 gets an eighth of them, that of stride 8 a quarter.
    """

    def __init__(self, channels: list[int], has_finer: bool, width: int = 256) -> None:
        super().__init__()
        edges, coarse = (channels[:2], channels[2:]) if has_finer else ([], channels)
        self.first = nn.Conv2d(sum(coarse), width, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for _ in range(2))
        self.edges = nn.ModuleList(
            _edge(*pair) for pair in zip(edges, (width // 8, width // 4), strict=False)
        )

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(N, C, h, w) each, the largest first, to (N, width, h, w) and those of 4 and 2 times its resolution."""
        finer, coarse = maps[: len(self.edges)], maps[len(self.edges) :]
        size = coarse[0].shape[2:]
        even = [
            nn.functional.interpolate(feature_map, size, mode="bilinear", align_corners=False)
            for feature_map in coarse[1:]
        ]
        features = self.norms[0](self.first(torch.cat([coarse[0], *even], dim=1)))
        embedding = self.norms[1](self.second(nn.functional.gelu(features)))
        return embedding, *(edge(feature_map) for edge, feature_map in zip(self.edges, finer, strict=True))


def _edge(channels: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.GroupNorm(1, width))


class EncoderPart(nn.Module):
    """Pixels to the maps that prompts are decoded from: what runs once for each image."""

    def __init__(self, encoder: nn.Module, head: PromptHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) to the maps."""
        return self.head.embed(self.encoder(pixels))


class DecoderPart(nn.Module):
    """Maps and prompts to masks: what runs once for each prompt."""

    def __init__(self, head: PromptHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps, (N, 1, P, 2) points and (N, 1, P) labels to (N, 1, 4, h, w) and (N, 1, 4)."""
        *maps, points, labels = inputs
        return self.head.decode(tuple(maps), points, labels)


def _repeat(image: Tensor, count: int) -> Tensor:
    """(N, ...) to (N * count, ...), each as often as it has prompts."""
    return image if count == 1 else image.repeat_interleave(count, dim=0)
