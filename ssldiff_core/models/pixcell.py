"""PixCell (arXiv 2506.05127): a PixArt-like transformer told the UNI2-h embeddings of the cells under a window.

Written from the published facts and the layout of the weights; no code comes with them. Patch-trained: attention looks
at the whole window and positions are counted from its corner, so a large canvas is drawn in windows.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.embeddings import PatchEmbed, PixArtAlphaTextProjection, get_2d_sincos_pos_embed
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.normalization import AdaLayerNormSingle
from torch import Tensor, nn

from ..errors import ModelError
from .parts import check_finite

LATENT_SCALE, LATENT_SHIFT = 1.5305, 0.0609
"""Of the SD3 autoencoder, where its configuration does not say: raw latents are latents / scale + shift."""


class _CaptionProjection(PixArtAlphaTextProjection):
    """Two linear layers with tanh-GELU, and the embeddings of the null condition stored beside them."""

    def __init__(self, in_features: int, hidden_size: int, tokens: int) -> None:
        super().__init__(in_features, hidden_size)
        self.register_buffer("uncond_embedding", torch.zeros(tokens, in_features))


class _TokenPositions(nn.Module):
    """Sine-cosine positions of the tokens of a square block of cells, stored with the weights."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        side = math.isqrt(tokens)
        positions = get_2d_sincos_pos_embed(dim, side, base_size=side)
        self.register_buffer("y_pos_embed", positions.float()[None])

    def forward(self, embeddings: Tensor) -> Tensor:
        positions: Any = self.y_pos_embed
        return embeddings + positions.to(embeddings.dtype)  # type: ignore[no-any-return]


class PixCellTransformer2DModel(ModelMixin, ConfigMixin):
    """Latents, a timestep and embeddings of cells to ε, and a variance that is learned and not used.

    Named as the published configuration names it, whose other settings are fixed and accepted for its sake.

    Args:
        num_attention_heads, attention_head_dim: their product is the width.
        in_channels: of a latent.
        out_channels: ε in the first half, the learned variance in the second.
        num_layers: transformer blocks.
        cross_attention_dim: width of the condition inside; the network's width.
        sample_size: side of the window in latents.
        patch_size: latents along a token.
        interpolation_scale: of the positions; by default sample_size / 64, at least 1.
        caption_channels: length of an embedding.
        caption_num_tokens: embeddings under a window, a square number in row order.

    Raises:
        ValueError: where the configuration is of another network.
    """

    @register_to_config
    def __init__(
        self, num_attention_heads: int = 16, attention_head_dim: int = 72, in_channels: int = 16,
        out_channels: int = 32, num_layers: int = 28, dropout: float = 0.0, norm_num_groups: int = 32,
        cross_attention_dim: int = 1152, attention_bias: bool = True, sample_size: int = 128, patch_size: int = 2,
        activation_fn: str = "gelu-approximate", num_embeds_ada_norm: int = 1000, upcast_attention: bool = False,
        norm_type: str = "ada_norm_single", norm_elementwise_affine: bool = False, norm_eps: float = 1e-6,
        interpolation_scale: float | None = None, use_additional_conditions: bool = False,
        caption_channels: int = 1536, caption_num_tokens: int = 1, attention_type: str = "default",
    ) -> None:  # fmt: skip
        super().__init__()
        width = num_attention_heads * attention_head_dim
        if norm_type != "ada_norm_single" or use_additional_conditions or cross_attention_dim != width:
            raise ValueError(
                "norm_type is ada_norm_single, there are no additional conditions, and cross_attention_dim is the width"
            )
        if math.isqrt(caption_num_tokens) ** 2 != caption_num_tokens:
            raise ValueError(f"caption_num_tokens is {caption_num_tokens}, which is no square number")
        self.pos_embed = PatchEmbed(
            sample_size, sample_size, patch_size, in_channels, width,
            interpolation_scale=interpolation_scale or max(sample_size // 64, 1),
        )  # fmt: skip
        self.transformer_blocks = nn.ModuleList(
            BasicTransformerBlock(
                width, num_attention_heads, attention_head_dim, dropout=dropout,
                cross_attention_dim=cross_attention_dim, activation_fn=activation_fn,
                num_embeds_ada_norm=num_embeds_ada_norm, attention_bias=attention_bias,
                upcast_attention=upcast_attention, norm_type=norm_type,
                norm_elementwise_affine=norm_elementwise_affine, norm_eps=norm_eps, attention_type=attention_type,
            )
            for _ in range(num_layers)
        )  # fmt: skip
        self.norm_out = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.scale_shift_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.proj_out = nn.Linear(width, patch_size * patch_size * out_channels)
        self.adaln_single = AdaLayerNormSingle(width, use_additional_conditions=False)
        self.caption_projection = _CaptionProjection(caption_channels, width, caption_num_tokens)
        # one token has no positions
        self.y_pos_embed = _TokenPositions(caption_num_tokens, caption_channels) if caption_num_tokens > 1 else None

    @property
    def null_embeddings(self) -> Tensor:
        """(tokens, caption_channels): the null condition, stored with the weights."""
        null: Tensor = self.caption_projection.uncond_embedding
        return null

    def forward(self, latents: Tensor, timestep: Tensor, embeddings: Tensor) -> Tensor:
        """The network's output, ε and the variance.

        Args:
            latents: (n, in_channels, h, w), sides multiples of ``patch_size``.
            timestep: (n,).
            embeddings: (n, tokens, caption_channels), raw.

        Returns:
            (n, out_channels, h, w), dtype of the weights.
        """
        patch, (height, width) = self.config.patch_size, latents.shape[-2:]
        x = self.pos_embed(latents)
        modulation, embedded = self.adaln_single(timestep, None, batch_size=len(latents), hidden_dtype=x.dtype)
        told = embeddings if self.y_pos_embed is None else self.y_pos_embed(embeddings)
        condition = self.caption_projection(told)
        for block in self.transformer_blocks:
            x = block(x, encoder_hidden_states=condition, timestep=modulation)
        shift, scale = (self.scale_shift_table[None] + embedded[:, None]).chunk(2, dim=1)
        x = self.proj_out(self.norm_out(x) * (1 + scale) + shift)
        x = x.unflatten(1, (height // patch, width // patch)).unflatten(-1, (patch, patch, -1))
        return torch.einsum("nhwpqc->nchpwq", x).reshape(len(latents), -1, height, width)


class PixCellDenoiser:
    """A denoiser of windows: ε from latents, a timestep and the embeddings of the cells under the window.

    Args:
        network: the transformer.
        scheduler: the noise schedule it was trained on.

    Attributes:
        latent_channels: channels of a latent.
        window_lat: side of the windows it was trained on, in latents.
        cells_per_window: 1, or 4 for a window over 4 × 4 cells.
        betas, alphas_cumprod: (T,) float64 on the CPU.
    """

    def __init__(self, network: PixCellTransformer2DModel, scheduler: Any) -> None:
        self.network = network
        self.latent_channels: int = network.config.in_channels
        self.window_lat: int = network.config.sample_size
        self.cells_per_window = math.isqrt(network.config.caption_num_tokens)
        self.betas: Tensor = scheduler.betas.double()
        self.alphas_cumprod: Tensor = torch.cumprod(1.0 - self.betas, 0)

    @torch.inference_mode()
    def embed(self, vectors: Tensor, valid: Tensor, pixel_size_m: float = 0.0) -> Tensor:
        """Raw embeddings (n, dim) or (n, tokens, dim), and which of them hold -> (n, tokens, dim) for the network.

        Cells without an embedding carry the null condition of their place.

        Raises:
            ModelError: where the embeddings are not as long or as many as the network takes.
        """
        null = self.network.null_embeddings
        told = vectors[:, None] if vectors.ndim == 2 else vectors
        if told.shape[1:] != null.shape:
            raise ModelError(
                "condition the denoiser", f"a window has {told.shape[1]} embeddings of {told.shape[-1]} numbers",
                f"the network takes {null.shape[0]} of {null.shape[1]}", "Encode the scene with the model's encoder",
            )  # fmt: skip
        holds = valid.reshape(*told.shape[:2], 1).to(null.device)
        return torch.where(holds, told.to(null.device, null.dtype), null)

    @torch.inference_mode()
    def predict_noise(self, latents: Tensor, timestep: float, context: Tensor, alpha: float = 0.0) -> Tensor:
        """ε (n, c, h, w) float32, where ``latents`` (n, c, h, w) lie; the learned variance is dropped.

        Raises:
            ModelError: where the context is of another width.
            SettingsError: where the estimate leaves the range of the precision.
        """
        null = self.network.null_embeddings
        if context.shape[1:] != null.shape:
            raise ModelError(
                "denoise a window", f"its context is of shape {tuple(context.shape[1:])}",
                f"the network takes {tuple(null.shape)}",
            )  # fmt: skip
        times = torch.full((len(latents),), float(timestep), device=null.device)
        output = self.network(latents.to(null.device, null.dtype), times, context)
        noise = check_finite(output[:, : self.latent_channels], null.dtype, "the network's estimate")
        return noise.to(latents.device, torch.float32)


class PixCellAutoencoder:
    """The SD3 autoencoder: pixels (n, 3, h, w) in [-1, 1] to latents and back, factor 8.

    Its middle layer looks at the whole of what it is given, so a canvas is decoded in windows.

    Args:
        network: diffusers' ``AutoencoderKL``.
        window_lat: side of the windows that the denoiser draws, in latents.
    """

    def __init__(self, network: Any, window_lat: int) -> None:
        self.network = network
        self.factor = 2 ** (len(network.config.block_out_channels) - 1)
        self.decoder_radius_lat = window_lat
        shift = network.config.shift_factor
        # a configuration without a shift is not SD3's own: its scale is that of another model
        self.scale = LATENT_SCALE if shift is None else float(network.config.scaling_factor)
        self.shift = LATENT_SHIFT if shift is None else float(shift)

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels, sides multiples of the factor -> latents (n, c, h / factor, w / factor) float32, the most likely."""
        place = next(self.network.parameters())
        raw: Tensor = self.network.encode(pixels.to(place.device, place.dtype)).latent_dist.mode().float()
        return (raw - self.shift) * self.scale

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (n, c, h, w) -> pixels (n, 3, factor · h, factor · w) float32, about [-1, 1], not clamped."""
        place = next(self.network.parameters())
        raw = latents.to(place.device) / self.scale + self.shift
        pixels: Tensor = self.network.decode(raw.to(place.dtype), return_dict=False)[0].float()
        return check_finite(pixels, place.dtype, "the decoded image")
