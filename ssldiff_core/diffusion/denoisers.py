"""The denoiser contract and what wraps it: one call signature, whatever the network predicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """What a denoiser is told at every position.

    Args:
        vectors: (n, dim, h, w).
        valid: (n, 1, h, w), 1 where the condition holds and 0 for the null condition.
        pixel_size_m: metres along a canvas pixel.
        place_cell: (n, 2, h, w) row and column of every position in cells, whole numbers at cell centres; None where
            the vectors belong to no place in particular.
        told: (n, width, h, w) what a network made of it before it looks at latents, see :meth:`Denoiser.prepare`; the
            vectors may then be left out (of no positions).
        empty: whether the null condition holds everywhere; the rest does not count then.
    """

    vectors: Tensor
    valid: Tensor
    pixel_size_m: float
    place_cell: Tensor | None = None
    told: Tensor | None = None
    empty: bool = False

    def null(self) -> Condition:
        """The same place, told nothing."""
        return replace(self, valid=torch.zeros_like(self.valid), told=None, empty=True)

    def part(self, rows: slice, cols: slice) -> Condition:
        """Of a part of the positions; the field of a crop is the crop of the field."""
        at = (slice(None), slice(None), rows, cols)
        place, told = self.place_cell, self.told
        return replace(
            self, vectors=self.vectors[at] if told is None else self.vectors, valid=self.valid[at],
            place_cell=None if place is None else place[at], told=None if told is None else told[at],
        )  # fmt: skip


class Denoiser(Protocol):
    """``(latents, noise level, condition) -> x0``, the estimate of the clean latents, float32.

    Attributes:
        latent_channels: channels of a latent.
        radius_lat: how far, in latents, an output depends on its input.
        phase_lat: crops start at multiples of this many latents.
    """

    latent_channels: int
    radius_lat: int
    phase_lat: int

    def __call__(self, latents: Tensor, noise_level: float, condition: Condition) -> Tensor: ...

    def prepare(self, condition: Condition) -> Condition:
        """The condition with what does not depend on latents and noise level computed, to be kept over steps."""


class WindowDenoiser(Protocol):
    """A denoiser trained on patches: it sees a window at a time and estimates ε on a discrete, variance-preserving
    schedule of T timesteps.

    Attributes:
        latent_channels: channels of a latent.
        window_lat: side of the windows it was trained on, in latents.
        cells_per_window: 1: a window has one condition, the field at its centre. k > 1: it has k × k, the raw cells
            under it in row order, without interpolation.
        betas, alphas_cumprod: (T,) float64 on the CPU.
    """

    latent_channels: int
    window_lat: int
    cells_per_window: int
    betas: Tensor
    alphas_cumprod: Tensor

    def embed(self, vectors: Tensor, valid: Tensor, pixel_size_m: float) -> Tensor:
        """What the network is told, n first.

        Args:
            vectors: raw embeddings (n, dim), or (n, k², dim) where a window has k × k cells.
            valid: (n,) or (n, k²) bool, which of them hold; the others are the null condition.
            pixel_size_m: metres along a canvas pixel; a network trained at one size ignores it.
        """

    def predict_noise(self, latents: Tensor, timestep: float, context: Tensor, alpha: float) -> Tensor:
        """ε (n, c, h, w) float32 of latents (n, c, h, w), where they lie.

        Args:
            latents: ``sqrt(ᾱ) x0 + sqrt(1 - ᾱ) ε``.
            timestep: what a network of timesteps is told, 0 … T; fractions where a scheduler stops between two.
            context: of :meth:`embed`, n first.
            alpha: the latents' ᾱ, exactly; a network of timesteps ignores it.
        """


class VelocityDenoiser:
    """x0 from a network that estimates the velocity ``ε - x0`` of the straight path: ``x0 = x - t v``.

    Args:
        network: ``tell`` and ``tell_nothing`` make of a condition what ``velocity`` is told, see
            :class:`~ssldiff_core.models.native.NativeDenoiser`.
        radius_lat: its receptive field's radius.
    """

    def __init__(self, network: Any, radius_lat: int) -> None:
        self.network, self.radius_lat = network, radius_lat
        self.latent_channels: int = network.config.latent_channels
        self.phase_lat: int = network.phase

    @torch.inference_mode()
    def __call__(self, latents: Tensor, noise_level: float, condition: Condition) -> Tensor:
        parameter = next(self.network.parameters())
        count = len(latents)
        velocity = self.network.velocity(
            latents.to(parameter.device, parameter.dtype).contiguous(memory_format=torch.channels_last),
            torch.full((count,), noise_level, device=parameter.device),
            self.network.tell_nothing() if condition.empty else self.prepare(condition).told,
            torch.full((count,), condition.pixel_size_m, device=parameter.device),
        )
        return latents - noise_level * velocity.to(device=latents.device, dtype=torch.float32)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def prepare(self, condition: Condition) -> Condition:
        """What the network is told, where the network lies, in place of the vectors, which are larger."""
        if condition.told is not None:
            return condition
        parameter = next(self.network.parameters())
        place = {"device": parameter.device, "dtype": parameter.dtype}
        told = self.network.tell(
            condition.vectors.to(**place).contiguous(memory_format=torch.channels_last), condition.valid.to(**place),
            None if condition.place_cell is None else condition.place_cell.to(parameter.device),
        )  # fmt: skip
        return replace(condition, vectors=condition.vectors[:, :, :0, :0].clone(), told=told)


class NativeWindowDenoiser:
    """The native velocity network as a denoiser of windows, so that every engine draws with the same weights.

    The variance-preserving latents ``x = a x0 + s ε`` lie on the straight path at the level ``t = s / (a + s)`` once
    they are divided by ``a + s``; there ``ε = x' + (1 - t) v``. The schedule is the paper's. The condition is constant
    over a window.

    Args:
        network: as :class:`VelocityDenoiser` takes it.
        window_lat: side of a window; by default the paper's 256 px.
    """

    cells_per_window = 1

    def __init__(self, network: Any, window_lat: int = 32) -> None:
        self.network, self.window_lat = network, window_lat
        self.latent_channels: int = network.config.latent_channels
        self.betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
        self.alphas_cumprod = torch.cumprod(1.0 - self.betas, 0)

    def embed(self, vectors: Tensor, valid: Tensor, pixel_size_m: float) -> Tensor:
        """Raw embeddings (n, dim) and which of them hold (n,) bool -> (n, dim + 2): with validity and pixel size."""
        facts = torch.stack([valid.float(), torch.full(valid.shape, pixel_size_m)], dim=1)
        return torch.cat([vectors.float(), facts], dim=1)

    @torch.inference_mode()
    def predict_noise(self, latents: Tensor, timestep: float, context: Tensor, alpha: float) -> Tensor:
        """ε (n, c, h, w) float32, where ``latents`` lie; the noise level follows from ``alpha``."""
        parameter = next(self.network.parameters())
        place = {"device": parameter.device, "dtype": parameter.dtype}
        signal, noise = alpha**0.5, (1.0 - alpha) ** 0.5
        level, straight = noise / (signal + noise), latents / (signal + noise)
        told = self.network.tell(context[:, :-2, None, None].to(**place), context[:, -2:-1, None, None].to(**place))
        velocity = self.network.velocity(
            straight.to(**place).contiguous(memory_format=torch.channels_last),
            torch.full((len(latents),), level, device=parameter.device), told, context[:, -1].to(parameter.device),
        )  # fmt: skip
        return straight + (1.0 - level) * velocity.to(device=latents.device, dtype=torch.float32)  # type: ignore[no-any-return]


class GuidedDenoiser:
    """Classifier-free guidance around a denoiser (Ho and Salimans 2022), in the convention where 1 is off.

    ``x0 = null + scale (conditional - null)`` at noise levels inside ``interval`` (Kynkäänniemi et al. 2024), and the
    conditional estimate alone elsewhere, which costs half. None is the whole run.
    """

    def __init__(self, denoiser: Denoiser, scale: float, interval: tuple[float, float] | None = None) -> None:
        self.denoiser, self.scale, self.interval = denoiser, scale, interval or (0.0, 1.0)
        self.latent_channels, self.radius_lat = denoiser.latent_channels, denoiser.radius_lat
        self.phase_lat = denoiser.phase_lat

    def __call__(self, latents: Tensor, noise_level: float, condition: Condition) -> Tensor:
        conditional = self.denoiser(latents, noise_level, condition)
        if self.scale == 1.0 or not self.interval[0] <= noise_level <= self.interval[1]:
            return conditional
        return torch.lerp(self.denoiser(latents, noise_level, condition.null()), conditional, self.scale)

    def prepare(self, condition: Condition) -> Condition:
        """As the denoiser inside does."""
        return self.denoiser.prepare(condition)
