"""The paper's family (Graikos et al., CVPR 2024): a latent diffusion UNet with cross-attention, and a VQ autoencoder.

Patch-trained: group norm and attention look at the whole window, so a large canvas is drawn in windows and decoded in
windows. The networks are diffusers' classes; :mod:`.lrdm_conversion` makes them from the authors' checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel, VQModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from ..errors import ModelError
from .parts import check_finite

WINDOW_PX = 256
"""Side of the patches that the paper's networks were trained on."""


class ConditionEmbedder(ModelMixin, ConfigMixin):
    """Embeddings to context tokens: one linear layer for the patch, and one for its region where the model has it.

    Dropping the condition in training set the embedding to zeros, so the null condition is the layer's bias. Nothing
    is known of regions when a large image is drawn: the region's token is always made from zeros.

    Args:
        patch_dim: length of a patch embedding.
        region_dim: length of a region embedding, 0 for a model with one token.
        context_dim: length of a token.
        normalise: whether embeddings are scaled to length 1 first.
    """

    @register_to_config
    def __init__(self, patch_dim: int, region_dim: int = 0, context_dim: int = 512, normalise: bool = True) -> None:
        super().__init__()
        self.patch_fc = nn.Linear(patch_dim, context_dim)
        if region_dim:
            self.region_fc = nn.Linear(region_dim, context_dim)

    def forward(self, vectors: Tensor, valid: Tensor | None = None) -> Tensor:
        """Raw embeddings (n, dim), and where given (n,) bool which of them hold -> context (n, tokens, context_dim)."""
        if self.config.normalise:
            vectors = F.normalize(vectors, dim=-1)
        if valid is not None:
            vectors = torch.where(valid[:, None], vectors, torch.zeros_like(vectors))
        tokens = [self.patch_fc(vectors)]
        if self.config.region_dim:
            tokens.append(self.region_fc(vectors.new_zeros(len(vectors), self.config.region_dim)))
        return torch.stack(tokens, dim=1)


class LRDMDenoiser:
    """A denoiser of windows: ε from latents, a timestep and a window's context.

    Args:
        unet: the network.
        embedder: embeddings to context.
        scheduler: the noise schedule it was trained on.

    Attributes:
        latent_channels: channels of a latent.
        window_lat: side of the windows it was trained on, in latents.
        cells_per_window: 1, a window has one condition.
        betas, alphas_cumprod: (T,) float64 on the CPU; ``alphas_cumprod[t - 1]`` belongs to the timestep t = 1 … T.
    """

    cells_per_window = 1

    def __init__(self, unet: Any, embedder: ConditionEmbedder, scheduler: Any) -> None:
        self.unet, self.embedder = unet, embedder
        self.latent_channels: int = unet.config.in_channels
        self.window_lat: int = unet.config.sample_size
        self.betas: Tensor = scheduler.betas.double()
        self.alphas_cumprod: Tensor = torch.cumprod(1.0 - self.betas, 0)

    @torch.inference_mode()
    def embed(self, vectors: Tensor, valid: Tensor, pixel_size_m: float = 0.0) -> Tensor:
        """Raw embeddings (n, dim) and which of them hold (n,) bool -> context (n, tokens, context_dim).

        Raises:
            ModelError: where the embeddings are not as long as the model takes.
        """
        if vectors.shape[-1] != self.embedder.config.patch_dim:
            raise ModelError(
                "condition the denoiser", f"the embeddings have {vectors.shape[-1]} numbers",
                f"the model takes {self.embedder.config.patch_dim}", "Encode the scene with the model's encoder",
            )  # fmt: skip
        place = next(self.embedder.parameters())
        context: Tensor = self.embedder(vectors.to(place.device, place.dtype), valid.to(place.device))
        return context

    @torch.inference_mode()
    def predict_noise(self, latents: Tensor, timestep: float, context: Tensor, alpha: float = 0.0) -> Tensor:
        """ε (n, c, h, w) float32, where ``latents`` (n, c, h, w) lie, estimated at ``timestep``.

        Raises:
            ModelError: where the context is of another width.
            SettingsError: where the estimate leaves the range of the precision.
        """
        width = self.unet.config.cross_attention_dim
        if context.ndim != 3 or context.shape[-1] != width:
            raise ModelError(
                "denoise a window", f"its context is of shape {tuple(context.shape)}",
                f"the network takes (windows, tokens, {width})",
            )  # fmt: skip
        place = next(self.unet.parameters())
        noise: Tensor = self.unet(
            latents.to(place.device, place.dtype), timestep, encoder_hidden_states=context, return_dict=False
        )[0]
        return check_finite(noise, place.dtype, "the network's estimate").to(latents.device, torch.float32)


class LRDMAutoencoder:
    """VQ-f4: pixels (n, 3, h, w) in [-1, 1] to latents and back; decoding takes the nearest code of every latent first.

    Its middle layer looks at the whole of what it is given, so a canvas is decoded in windows as wide as it was trained
    on, and ``decoder_radius_lat`` is a window.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.factor = 2 ** (len(network.config.block_out_channels) - 1)
        self.decoder_radius_lat = WINDOW_PX // self.factor

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels, sides multiples of the factor -> latents (n, c, h / factor, w / factor) float32, not quantised."""
        place = next(self.network.parameters())
        latents: Tensor = self.network.encode(pixels.to(place.device, place.dtype)).latents.float()
        return latents * self.network.config.scaling_factor  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (n, c, h, w) -> pixels (n, 3, factor · h, factor · w) float32, about [-1, 1], not clamped."""
        place = next(self.network.parameters())
        scaled = latents.to(place.device) / self.network.config.scaling_factor
        quantised = self.quantise(scaled.to(place.dtype))
        pixels: Tensor = self.network.decode(quantised, force_not_quantize=True).sample.float()
        return check_finite(pixels, place.dtype, "the decoded image")

    def quantise(self, latents: Tensor) -> Tensor:
        """The nearest code of each latent (n, c, h, w).

        Distances are |z|² + |e|² - 2 z · e, and codes z + (e - z), as in training: far from the codes both round, and
        another formula picks others.
        """
        codes = self.network.quantize.embedding.weight
        flat = latents.permute(0, 2, 3, 1).flatten(0, 2)
        distances = (flat**2).sum(1, keepdim=True) + (codes**2).sum(1) - 2.0 * (flat @ codes.T)
        nearest = codes[distances.argmin(1)]
        chosen: Tensor = (flat + (nearest - flat)).view(len(latents), *latents.shape[2:], -1).permute(0, 3, 1, 2)
        return chosen.contiguous()


@dataclass(frozen=True)
class LRDM:
    """The parts of one model of this family, as they lie in a model folder.

    Args:
        unet: estimates ε.
        vq: the autoencoder.
        embedder: embeddings to context.
        scheduler: the noise schedule.
    """

    unet: Any
    vq: Any
    embedder: ConditionEmbedder
    scheduler: Any

    def denoiser(self) -> LRDMDenoiser:
        """The adapter that engines call."""
        return LRDMDenoiser(self.unet, self.embedder, self.scheduler)

    def autoencoder(self) -> LRDMAutoencoder:
        """The adapter that engines call."""
        return LRDMAutoencoder(self.vq)

    def to(self, device: torch.device, dtype: torch.dtype) -> LRDM:
        """The same networks, moved, ready to draw."""
        for network in (self.unet, self.vq, self.embedder):
            network.eval().requires_grad_(False).to(device=device, dtype=dtype)
        return self

    def save(self, folder: Path) -> None:
        """Write the parts as safetensors in diffusers' layout."""
        self.unet.save_pretrained(folder / "denoiser")
        self.vq.save_pretrained(folder / "autoencoder")
        self.embedder.save_pretrained(folder / "condition_embedder")
        self.scheduler.save_pretrained(folder / "scheduler")

    @classmethod
    def load(cls, folder: Path) -> LRDM:
        """Read what :meth:`save` wrote.

        Raises:
            ModelError: where a part is missing or broken.
        """
        options = {"local_files_only": True, "low_cpu_mem_usage": False}
        try:
            return cls(
                UNet2DConditionModel.from_pretrained(folder / "denoiser", **options),
                VQModel.from_pretrained(folder / "autoencoder", **options),
                ConditionEmbedder.from_pretrained(folder / "condition_embedder", **options),
                DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True),
            )
        except Exception as error:  # diffusers and safetensors raise many kinds for a broken file
            raise ModelError(
                f"load the model in {folder}", f"its weights are missing or broken: {str(error).splitlines()[0]}",
                "a model folder of this family holds denoiser/, autoencoder/, condition_embedder/ and scheduler/",
                "Convert the checkpoint again",
            ) from error  # fmt: skip
