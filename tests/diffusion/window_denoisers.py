"""Denoisers of windows whose answer is known in closed form."""

from __future__ import annotations

import torch


class GaussianDenoiser:
    """The exact ε for clean latents that are independent normals, N(m, deviation²) where the condition's first number
    is m, and N(0, deviation²) for the null condition.
    """

    latent_channels, window_lat, cells_per_window = 3, 16, 1

    def __init__(self, deviation: float = 0.4) -> None:
        self.deviation = deviation
        self.betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
        self.alphas_cumprod = torch.cumprod(1.0 - self.betas, 0)
        self.calls: list[tuple[int, float]] = []

    def embed(self, vectors, valid, pixel_size_m):
        return (vectors[:, 0] * valid)[:, None, None, None]

    def predict_noise(self, latents, timestep, context, alpha):
        self.calls.append((len(latents), timestep))
        variance = alpha * self.deviation**2 + 1 - alpha
        return (1 - alpha) ** 0.5 / variance * (latents - alpha**0.5 * context)

    def answer(self, x, alpha, mean):
        """Where the probability flow takes latents ``x`` at ᾱ."""
        return mean + self.deviation * (x - alpha**0.5 * mean) / (alpha * self.deviation**2 + 1 - alpha) ** 0.5


class CountingDenoiser(GaussianDenoiser):
    """Writes down each position it sees: give it a canvas that numbers its positions."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def predict_noise(self, latents, timestep, context, alpha):
        self.seen += list(latents)
        return torch.zeros_like(latents)


class SmallMemoryDenoiser(GaussianDenoiser):
    """Runs out of memory as a graphics card does, for more than ``most`` windows at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def predict_noise(self, latents, timestep, context, alpha):
        if len(latents) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return super().predict_noise(latents, timestep, context, alpha)
