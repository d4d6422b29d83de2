"""Patch encoders: patches of pixels in, embeddings out. One class runs every network that timm can build."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import GridError, ModelError
from .catalogue import find_encoder
from .spec import CONFIG_NAME, WEIGHTS_NAME, EncoderSpec, read_encoder_spec
from .weights import fetch_weights, find_weights, how_to_get, load_weights, missing_weights
from .weights import weights_digest as weights_digest

if TYPE_CHECKING:
    import torch

_BATCH = {"cpu": 32}
"""Patches for one call of the network; on a processor what its caches hold is faster than more at once."""
_MOST_BATCH = 64
PRECISIONS = ("float32", "bfloat16", "float16")
_LIGHT_BYTES = 2**28
"""Weights up to here may be copied into worker processes."""


class PatchEncoder(Protocol):
    """What turns patches into embeddings."""

    @property
    def id(self) -> str:
        """Names the space the embeddings live in."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def patch_px(self) -> int:
        """Side of a patch in pixels."""

    @property
    def pixel_sizes_m(self) -> tuple[float, ...]:
        """Pixel sizes it was trained at, metres."""

    @property
    def digest(self) -> str:
        """sha256 (hex) of weights and of all that shapes the output."""

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """(n, patch_px, patch_px, 3) uint8 RGB -> (n, dim) float32."""


class TimmPatchEncoder:
    """A frozen timm network with the fixed arithmetic around it.

    Pixels are scaled to [0, 1], resized to the network's input where it differs, and normalised; its output is
    standardised by the training set's mean and deviation and given length 1, where the spec says so.

    Args:
        spec: what the encoder is.
        network: built by ``timm.create_model``, weights loaded; moved to the device, made ready for it and frozen here.
        weights_digest: sha256 of the weights, for :attr:`digest`.
        device: of the computation.
        precision: of the network, one of :data:`PRECISIONS`; what stands around it is float32.

    Raises:
        ModelError: where there is no such precision.
    """

    def __init__(
        self, spec: EncoderSpec, network: torch.nn.Module, weights_digest: str, device: str = "cpu",
        precision: str = "float32",
    ) -> None:  # fmt: skip
        import torch

        from .networks import fold_batch_norms

        if precision not in PRECISIONS:
            raise ModelError(
                f"compute {spec.id} in {precision!r}", "there is no such precision", f"known: {', '.join(PRECISIONS)}"
            )
        self.spec, self._weights_digest, self._device = spec, weights_digest, torch.device(device)
        self.id, self.dim, self.patch_px, self.pixel_sizes_m = spec.id, spec.dim, spec.patch_px, spec.pixel_sizes_m
        self.precision, self._dtype = precision, getattr(torch, precision)
        network = network.eval().requires_grad_(False)
        fold_batch_norms(network)
        self._network = network.to(self._device, self._dtype).to(memory_format=torch.channels_last)
        self._mean, self._std = (
            torch.tensor(values, device=self._device)[None, :, None, None] for values in (spec.mean, spec.std)
        )

    @property
    def digest(self) -> str:
        """sha256 (hex) of the weights and of every fact that shapes the output."""
        facts = self.spec.arithmetic()
        if self.precision != "float32":
            facts = {**facts, "precision": self.precision}
        return hashlib.sha256((self._weights_digest + json.dumps(facts, sort_keys=True)).encode()).hexdigest()

    @property
    def travels(self) -> bool:
        """Whether worker processes may compute with copies of it: small, and on the processor that they share."""
        parts = (*self._network.parameters(), *self._network.buffers())
        return self._device.type == "cpu" and sum(part.nbytes for part in parts) <= _LIGHT_BYTES

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Embed patches.

        Args:
            patches: (n, patch_px, patch_px, 3) uint8 RGB.

        Returns:
            (n, dim) float32, finite.

        Raises:
            GridError: where the patches are of another shape or type.
            ModelError: where the network gives something else than ``dim`` finite numbers a patch.
        """
        side = self.patch_px
        if patches.dtype != np.uint8 or patches.ndim != 4 or patches.shape[1:] != (side, side, 3):
            raise GridError(
                f"embed patches with {self.id}", f"they are {patches.dtype} of shape {patches.shape}",
                f"patches are uint8 RGB of shape (n, {side}, {side}, 3)",
            )  # fmt: skip
        batch = _BATCH.get(self._device.type, _MOST_BATCH)
        parts = [self._run(patches[start : start + batch]) for start in range(0, len(patches), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)

    def _run(self, patches: np.ndarray) -> np.ndarray:
        import torch

        from .networks import read_out

        with torch.inference_mode():
            pixels = torch.from_numpy(_filled_up(patches)).to(self._device).permute(0, 3, 1, 2).float()
            pixels = torch.addcmul(-self._mean / self._std, self._resized(pixels), 1 / (255 * self._std))
            pixels = pixels.to(self._dtype).contiguous(memory_format=torch.channels_last)
            read = read_out(self._network, self._network(pixels), self.spec.readout)
            output = read[: len(patches)].float().cpu().numpy()
        if output.shape != (len(patches), self.dim):
            raise ModelError(
                f"embed patches with {self.id}",
                f"its network gives {output.shape[1:]} a patch",
                f"its dim is {self.dim}",
            )
        return self._finished(output)

    def _resized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Patches (n, 3, patch_px, patch_px) in [0, 255] at the size of the network's input."""
        from torch.nn import functional

        side, wanted = self.spec.input_px, self.spec.resize_px or self.spec.input_px
        if wanted != self.patch_px:
            pixels = functional.interpolate(
                pixels, (wanted, wanted), mode=self.spec.interpolation, antialias=True, align_corners=False
            ).clamp(0, 255)
        start = (wanted - side) // 2
        return pixels[:, :, start : start + side, start : start + side]

    def _finished(self, output: np.ndarray) -> np.ndarray:
        """The network's output (n, dim) float32, standardised and normalised."""
        if self.spec.embedding_std:
            mean, std = (np.array(v, dtype=np.float32) for v in (self.spec.embedding_mean, self.spec.embedding_std))
            output = (output - mean) / std
        if self.spec.normalise:
            output = output / np.maximum(np.linalg.norm(output, axis=1, keepdims=True), 1e-12)
        if not np.isfinite(output).all():
            raise ModelError(
                f"embed patches with {self.id}", "its network gives values that are not finite", "",
                "The weights may be damaged: install or train them again",
            )  # fmt: skip
        return np.ascontiguousarray(output, dtype=np.float32)


def _filled_up(patches: np.ndarray) -> np.ndarray:
    """Patches and black ones behind them, a power of two in all: for each size of batch a network prepares itself."""
    missing = (1 << (len(patches) - 1).bit_length()) - len(patches)
    return np.pad(patches, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else np.array(patches)


def load_patch_encoder(
    id_or_path: str | Path, device: str = "cpu", *, weights: str | Path | None = None, patch_px: int | None = None,
    download: bool = False, precision: str = "float32",
) -> PatchEncoder:  # fmt: skip
    """An encoder of the catalogue by its id, or one from its folder or ``encoder.json``.

    Args:
        id_or_path: which.
        device: of the computation.
        weights: a file to take its weights from; by default they lie beside ``encoder.json``, or in the hub's cache.
        patch_px: side of its patches where a model wants other ones than the encoder's own: each is resized to the
            network's input.
        download: whether weights that are not here may be fetched from the hub.
        precision: of the network, float32, bfloat16 or float16.

    Raises:
        ModelError: where there is none, or no such precision, or weights and description are missing, broken or not of
            each other.

    Example:
        >>> encoder = ssldiff.load_patch_encoder("tissue-2")
        >>> encoder.patch_px, encoder.encode(np.zeros((3, 128, 128, 3), np.uint8)).shape == (3, encoder.dim)
        (128, True)
    """
    is_path = isinstance(id_or_path, Path) or Path(id_or_path).exists()
    spec = read_encoder_spec(Path(id_or_path)) if is_path else find_encoder(str(id_or_path))
    if not isinstance(spec, EncoderSpec):
        return spec(device)
    asked = f"load the patch encoder {spec.id}"
    if patch_px is not None and patch_px != spec.patch_px:
        spec = replace(spec, patch_px=patch_px)
    path = _weights_path(spec, weights, download)
    digest = weights_digest(path)
    if spec.digest and not digest.startswith(spec.digest):
        raise ModelError(
            asked, f"{path.name} is not the file that {CONFIG_NAME} describes",
            "weights have the digest noted beside them", "Take both files from the same training",
        )  # fmt: skip
    from .networks import build_network

    network = build_network(spec)
    load_weights(network, path, asked)
    return TimmPatchEncoder(spec, network, digest, device, precision)


def _weights_path(spec: EncoderSpec, given: str | Path | None, download: bool) -> Path:
    if given is not None:
        path = Path(given)
        if not path.is_file():
            raise ModelError(f"load the patch encoder {spec.id}", f"there is no file {path}", "", how_to_get(spec))
        return path
    found = find_weights(spec)
    if found is not None:
        return found
    if spec.weights or not download:
        raise missing_weights(spec)
    return fetch_weights(spec)


def save_patch_encoder(folder: Path, spec: EncoderSpec, network: torch.nn.Module) -> EncoderSpec:
    """Write ``encoder.safetensors`` and ``encoder.json``; the spec that is returned knows its weights and digest."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_NAME
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, path)
    spec = replace(spec, weights=str(path), digest=weights_digest(path))
    (folder / CONFIG_NAME).write_text(json.dumps(spec.to_json(), indent=1) + "\n", encoding="utf-8")
    return spec
