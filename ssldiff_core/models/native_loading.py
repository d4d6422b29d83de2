"""Loading a model of the native family: ``autoencoder/`` and ``denoiser/`` of :mod:`.native`."""

from __future__ import annotations

import torch

from ..diffusion.denoisers import NativeWindowDenoiser, VelocityDenoiser
from .native import NativeDenoiser
from .native_autoencoder import NativeAutoencoder
from .parts import load_part
from .spec import Model, ModelSpec


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Model:
    """The networks, ready to draw densely and in windows, and the student where there is one.

    Raises:
        ModelError: where a part is missing, broken or of another family.
    """
    autoencoder, network = (
        load_part(spec, name, kind, device, dtype)
        for name, kind in (("autoencoder", NativeAutoencoder), ("denoiser", NativeDenoiser))
    )
    student = None
    if spec.has_student:
        student = load_part(spec, "student", NativeDenoiser, device, dtype)
    return assemble(spec, autoencoder, network, device, dtype, student)


def assemble(
    spec: ModelSpec, autoencoder: NativeAutoencoder, network: NativeDenoiser, device: torch.device, dtype: torch.dtype,
    student: NativeDenoiser | None = None,
) -> Model:  # fmt: skip
    """A model of networks that are loaded already; they are laid out with channels last."""
    for part in (autoencoder, network, student):
        if part is not None:
            part.to(memory_format=torch.channels_last)
    denoiser, windows = VelocityDenoiser(network, network.radius_lat), NativeWindowDenoiser(network)
    fast = None if student is None else VelocityDenoiser(student, student.radius_lat)
    return Model(spec, denoiser, windows, autoencoder, autoencoder.config.latent_rgb, device, dtype, fast)
