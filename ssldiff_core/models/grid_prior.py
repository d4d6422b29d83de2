"""The network of the grid prior: a small transformer over the cells of a grid that estimates its clean embeddings.

Every cell is a token. Positions enter twice: as places on the whole layout (so that "on the left" means the same at
any number of columns), and as rotations of queries and keys by row and column (RoPE in two dimensions), so that what
neighbours do to each other depends on how far apart they lie. Phrases of the prompt are read by cross-attention; the
noise level, the pixel size and the size of the layout modulate every block (adaptive norm, one map for all blocks, as
in PixArt-α, arXiv 2310.00426).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

_WAVES = 6
"""Frequencies of a place on the layout: half a turn, then doubling."""


def place_features(places: Tensor) -> Tensor:
    """(..., 2) places in [0, 1] down and across the whole layout -> (..., 2 + 4 × 6) waves."""
    angles = places[..., None] * (math.pi * 2.0 ** torch.arange(_WAVES, device=places.device))
    return torch.cat([2 * places - 1, angles.sin().flatten(-2), angles.cos().flatten(-2)], dim=-1)


def rotate(x: Tensor, positions_cell: Tensor) -> Tensor:
    """Turn pairs of channels by the cell's row (first half of the channels) and column (second half).

    Args:
        x: (n, heads, cells, channels), channels a multiple of 4.
        positions_cell: (cells, 2) row and column.

    Returns:
        The same shape; scalar products of two results depend on x and the difference of positions only.
    """
    quarter = x.shape[-1] // 4
    frequencies = 32.0 ** (-torch.arange(quarter, device=x.device) / quarter)
    angles = (positions_cell[:, :, None] * frequencies).flatten(1)  # (cells, 2 × quarter)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys."""

    def __init__(self, width: int, heads: int, source: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(source or width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)
        nn.init.normal_(self.out.weight, std=0.3 * width**-0.5)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None = None, positions_cell: Tensor | None = None
    ) -> Tensor:
        """x (n, cells, width) reads source (n, tokens, source width); mask (n, 1, 1, tokens), True where readable."""
        n, cells, width = x.shape
        query = self.to_query(x).view(n, cells, self.heads, -1).transpose(1, 2)
        key, value = self.to_key_value(source).view(n, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key = F.rms_norm(query, query.shape[-1:]), F.rms_norm(key, key.shape[-1:])
        if positions_cell is not None:
            query, key = rotate(query, positions_cell), rotate(key, positions_cell)
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=2 * query.shape[-1] ** -0.5)
        return self.out(read.transpose(1, 2).reshape(n, cells, width))  # type: ignore[no-any-return]


class PriorBlock(nn.Module):
    """Self-attention over cells, cross-attention to phrases, and a two-layer network; the first and last modulated."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(6, width))
        self.cells = Attention(width, heads)
        self.phrases = Attention(width, heads)
        self.spread, self.gather = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.normal_(self.gather.weight, std=0.3 * hidden**-0.5)

    def forward(self, x: Tensor, modulation: Tensor, phrases: Tensor, mask: Tensor, positions_cell: Tensor) -> Tensor:
        """x (n, cells, width); modulation (n, 6, width); phrases (n, tokens, width)."""
        scale, shift, gate, scale2, shift2, gate2 = (modulation + self.shift)[:, :, None].unbind(1)
        h = F.rms_norm(x, x.shape[-1:]) * (1 + scale) + shift
        x = x + (1 + gate) * self.cells(h, h, positions_cell=positions_cell)
        x = x + self.phrases(F.rms_norm(x, x.shape[-1:]), phrases, mask)
        h = F.rms_norm(x, x.shape[-1:]) * (1 + scale2) + shift2
        return x + (1 + gate2) * self.gather(F.gelu(self.spread(h)))  # type: ignore[no-any-return]


class GridPriorNetwork(ModelMixin, ConfigMixin):
    """Noisy grid, noise level, phrases, sketch and pixel size -> the clean grid.

    Args:
        dim: length of an embedding.
        text_dim: length of a phrase's embedding.
        phrase_dim: principal directions of the phrases that are read, see :meth:`set_phrase_space`.
        width: of a cell's token.
        depth: blocks.
        heads: of the attention.
        hidden: width inside a block's two-layer network.
        pixel_size_reference_m: the pixel size whose logarithm is 0 for the network.
    """

    @register_to_config
    def __init__(
        self, dim: int = 128, text_dim: int = 384, phrase_dim: int = 128, width: int = 256, depth: int = 4,
        heads: int = 4, hidden: int = 512, pixel_size_reference_m: float = 0.3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.from_cell = nn.Linear(2 * dim + 1, width)
        self.from_place = nn.Linear(2 + 4 * _WAVES, width)
        self.register_buffer("phrase_mean", torch.zeros(text_dim))
        self.register_buffer("phrase_map", torch.eye(text_dim, phrase_dim) * text_dim**0.5)
        self.from_phrase = nn.Linear(phrase_dim, width)
        self.null_phrase = nn.Parameter(torch.randn(width) * 0.5)
        self.from_facts = nn.Sequential(nn.Linear(32, width), nn.SiLU())
        self.modulate = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.blocks = nn.ModuleList(PriorBlock(width, heads, hidden) for _ in range(depth))
        self.to_cell = nn.Linear(width, dim)
        self.register_buffer("frequencies", torch.exp(torch.linspace(0.0, 4.0, 8)), persistent=False)

    @torch.no_grad()
    def set_phrase_space(self, phrases: Tensor) -> None:
        """Look at phrases in their own principal directions, each of unit variance.

        "Trees on the left" and "trees on the right" differ in a few directions of little variance; without this the
        network has to find them first, which takes it most of a training.

        Args:
            phrases: (n, text_dim) unit vectors of captions, n well above ``phrase_dim``.
        """
        mean = phrases.mean(dim=0)
        _, spread, directions = torch.linalg.svd((phrases - mean).double(), full_matrices=False)
        count = self.phrase_map.shape[1]
        deviation = spread[:count] / len(phrases) ** 0.5
        floor = deviation[-1]  # directions beyond what is kept would be noise: the last ones are not blown up further
        self.phrase_mean.copy_(mean)
        self.phrase_map.copy_((directions[:count] / (deviation.square() + floor.square()).sqrt()[:, None]).T)

    def forward(
        self, noisy: Tensor, noise_level: Tensor, phrases: Tensor, phrase_valid: Tensor, known: Tensor,
        known_valid: Tensor, pixel_size_m: Tensor, window: tuple[int, int, int, int] | None = None,
    ) -> Tensor:  # fmt: skip
        """The estimate of the clean grid.

        Args:
            noisy: (n, rows, cols, dim) ``(1 - t) x + t ε``, x of unit variance.
            noise_level: (n,) t in [0, 1].
            phrases: (n, tokens, text_dim), unit vectors.
            phrase_valid: (n, tokens) bool; a layout without any phrase is unconditional.
            known: (n, rows, cols, dim) the sketch, scaled like x; zeros elsewhere.
            known_valid: (n, rows, cols) bool.
            pixel_size_m: (n,).
            window: (row, col, rows, cols): first cell of ``noisy`` and the size of the whole layout, where it is only
                a part of it.

        Returns:
            (n, rows, cols, dim).
        """
        n, rows, cols, dim = noisy.shape
        top, left, all_rows, all_cols = window or (0, 0, rows, cols)
        row = torch.arange(rows, device=noisy.device).float()
        col = torch.arange(cols, device=noisy.device).float()
        positions = torch.cartesian_prod(row, col).view(-1, 2)
        corner, size = noisy.new_tensor([top, left]).float(), noisy.new_tensor([all_rows, all_cols]).float()
        places = place_features((positions + corner + 0.5) / size).to(noisy.dtype)
        given = torch.cat([noisy, known, known_valid[..., None].to(noisy.dtype)], dim=-1)
        x = self.from_cell(given.view(n, -1, 2 * dim + 1)) + self.from_place(places)
        tokens, mask = self._tokens(phrases, phrase_valid)
        modulation = self.modulate(self._facts(noise_level, pixel_size_m, size)).view(n, 6, -1)
        for block in self.blocks:
            x = block(x, modulation, tokens, mask, positions)
        return self.to_cell(F.rms_norm(x, x.shape[-1:])).view(n, rows, cols, dim)  # type: ignore[no-any-return]

    def _tokens(self, phrases: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Phrases (n, tokens + 1, width), the last one the null phrase, and which may be read (n, 1, 1, tokens + 1)."""
        tokens = self.from_phrase((phrases.to(self.null_phrase.dtype) - self.phrase_mean) @ self.phrase_map)
        null = self.null_phrase.expand(len(tokens), 1, -1)
        readable = torch.cat([valid, valid.new_ones(len(valid), 1)], dim=1)
        return torch.cat([tokens, null], dim=1), readable[:, None, None]

    def _facts(self, noise_level: Tensor, pixel_size_m: Tensor, size: Tensor) -> Tensor:
        """(n, width) of noise level, pixel size and the layout's rows and columns."""
        pixel = torch.log2(pixel_size_m.float() / self.config.pixel_size_reference_m) * 0.5
        sides = size.log2() * 0.25
        facts = [noise_level.float()[:, None] * self.frequencies, pixel[:, None] * self.frequencies[:4]]
        facts += [sides[i].expand(len(noise_level), 1) * self.frequencies[:2] for i in (0, 1)]
        angles = torch.cat(facts, dim=1)
        return self.from_facts(torch.cat([angles.sin(), angles.cos()], dim=1).to(self.null_phrase.dtype))  # type: ignore[no-any-return]
