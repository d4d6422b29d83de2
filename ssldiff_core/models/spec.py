"""What a model is: its entry in the catalogue (:class:`ModelSpec`), and its networks once they are loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GridError, ModelError

if TYPE_CHECKING:
    import torch

    from ..diffusion.autoencoder import Autoencoder
    from ..diffusion.denoisers import Denoiser, WindowDenoiser
    from ..embeddings.grid import EmbeddingGrid

Stamps = tuple[tuple[str, int, int], ...]

PIXEL_SIZE_TOLERANCE = 1.25
"""How far beyond the trained pixel sizes a model still draws, as a ratio."""

SPEC_NAME = "model.json"


@dataclass(frozen=True)
class ModelSpec:
    """What a catalogue entry is.

    Args:
        id: name to ask for it.
        family: which code loads it.
        version: of the weights.
        domain: what it draws, for people.
        encoder_id: the patch encoder whose embeddings it takes.
        condition_dim: length of those embeddings.
        cell_px: canvas pixels along a cell.
        pixel_sizes_m: pixel sizes it was trained at, ascending.
        latent_factor: canvas pixels along a latent.
        latent_channels: channels of a latent.
        guidance_scale: a good default, 1 is off.
        guidance_interval: lowest and highest noise level at which ``dense`` is guided where nobody says; all of the run
            unless it was measured that less is no worse.
        licence: of the weights.
        paper: what it follows.
        folder: where its files lie.
        engine: how its canvas is drawn where nothing else is asked for.
        window_lat: side of the windows it was trained on, in latents; 0 for a model without windows.
        cells_per_window: cells along a window whose embeddings it is told, each for itself; 1 for one condition, the
            field at the window's centre.
        latent_rgb: linear map from a latent to RGB in [-1, 1], for previews; empty where the weights tell it.
        begins_fast: whether the app begins with the student, since its images look as good as the model's own.
        sources: (part, place) for parts that lie elsewhere: a folder, or ``owner/name[@revision]:subfolder`` on the
            Hugging Face hub.

    Raises:
        ModelError: where windows and cells do not fit each other.
    """

    id: str
    family: str
    version: str
    domain: str
    encoder_id: str
    condition_dim: int
    cell_px: int
    pixel_sizes_m: tuple[float, ...]
    latent_factor: int
    latent_channels: int
    guidance_scale: float
    licence: str
    paper: str
    folder: Path
    engine: str = "dense"
    window_lat: int = 0
    cells_per_window: int = 1
    latent_rgb: tuple[tuple[float, ...], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    begins_fast: bool = False

    def __post_init__(self) -> None:
        asked = f"describe the model {self.id!r}"
        if not self.pixel_sizes_m or min(self.pixel_sizes_m) <= 0:
            raise ModelError(asked, f"its pixel sizes are {self.pixel_sizes_m}", "they are lengths in metres above 0")
        if self.cells_per_window < 1 or self.window_lat < 0:
            raise ModelError(
                asked, f"a window is {self.window_lat} latents and {self.cells_per_window} cells",
                "a window has one cell along its side or more",
            )  # fmt: skip
        side_px = self.window_lat * self.latent_factor
        if self.cells_per_window > 1 and side_px != self.cells_per_window * self.cell_px:
            raise ModelError(
                asked, f"{self.cells_per_window} cells of {self.cell_px} px do not fill a window of {side_px} px",
                "cells lie side by side under a window",
            )  # fmt: skip

    @property
    def digest(self) -> str:
        """sha256 (hex) of the weights of all networks."""
        return _digest_of_weights(self.part_folders(), self.stamps)

    @property
    def stamps(self) -> Stamps:
        """Name, size and time of every weights file: what a cached result belongs to."""
        files = [(f"{name}/{file.name}", file.stat()) for name, file in self.weights_files()]
        return tuple((name, facts.st_size, facts.st_mtime_ns) for name, facts in files)

    def weights_files(self) -> list[tuple[str, Path]]:
        """(part, file) of every safetensors file that draws: not of the grid prior, which makes what is drawn, nor the
        judge's.
        """
        folders = [(name, folder) for name, folder in self.part_folders() if name not in ("prior", "judge")]
        return [(name, file) for name, folder in folders for file in sorted(folder.glob("*.safetensors"))]

    def part_folders(self) -> tuple[tuple[str, Path], ...]:
        """(part, folder) of the parts that are here: below the model's folder, or where ``sources`` says."""
        from .sources import find_source

        parts = {file.name: file for file in sorted(self.folder.glob("*")) if file.is_dir()}
        for name, place in self.sources:
            found = parts.get(name) or find_source(place, self.folder)
            if found is not None:
                parts[name] = found
        return tuple(sorted(parts.items()))

    @property
    def has_student(self) -> bool:
        """Whether it can draw fast."""
        return "student" in dict(self.part_folders())

    @property
    def how_to_get(self) -> str:
        """The commands that fetch the parts that are not here; empty where all are."""
        from .sources import fetch_command

        here = dict(self.part_folders())
        return "\n".join(dict.fromkeys(fetch_command(place) for name, place in self.sources if name not in here))

    def check_grid(self, grid: EmbeddingGrid) -> None:
        """GridError where the model cannot draw this grid: another encoder, dimension, cell or pixel size."""
        asked = f"draw the grid with the model {self.id!r}"
        geometry = grid.geometry
        if grid.encoder_id != self.encoder_id:
            raise GridError(
                asked, f"its embeddings are of the encoder {grid.encoder_id!r}",
                f"the model takes embeddings of {self.encoder_id!r}",
                remedy_for_encoder(grid.encoder_id, self.encoder_id),
            )  # fmt: skip
        if grid.dim != self.condition_dim:
            raise GridError(asked, f"its embeddings have {grid.dim} numbers", f"the model takes {self.condition_dim}")
        if (geometry.cell_px, geometry.latent_factor) != (self.cell_px, self.latent_factor):
            raise GridError(
                asked, f"its cells are {geometry.cell_px} px wide, {geometry.cell_lat} latents",
                f"the model's are {self.cell_px} px, {self.cell_px // self.latent_factor} latents",
            )  # fmt: skip
        size = geometry.pixel_size_m
        low, high = self.pixel_sizes_m[0] / PIXEL_SIZE_TOLERANCE, self.pixel_sizes_m[-1] * PIXEL_SIZE_TOLERANCE
        if not low <= size <= high:
            nearest = min(self.pixel_sizes_m, key=lambda trained: abs(trained - size))
            raise GridError(
                asked, f"its pixel size is {size:g} m", f"the model was trained from {self.pixel_sizes_m[0]:g} "
                f"to {self.pixel_sizes_m[-1]:g} m", f"Encode the scene at {nearest:g} m",
            )  # fmt: skip


def remedy_for_encoder(found: str, wanted: str) -> str:
    """What to do with embeddings of the encoder ``found``, where a model takes those of ``wanted``.

    Encoders that ship are called by domain and version: another version of the same domain means that the weights have
    changed since.
    """
    domain, _, version = found.rpartition("-")
    if domain and domain == wanted.rpartition("-")[0]:
        return (
            f"The weights that ship have changed since: encode the scene again with {wanted}, or draw with version "
            f"{version} of the model (its card says where the earlier weights are) by --models-dir"
        )
    return "Encode the scene with that encoder, or convert the grid with an adapter: see `ssldiff adapt --help`"


@dataclass(frozen=True)
class Model:
    """A loaded model, ready to draw.

    Args:
        spec: its catalogue entry.
        denoiser: estimates clean latents at every position; None where the family draws in windows only.
        window_denoiser: estimates the noise of windows.
        autoencoder: pixels to latents and back.
        latent_rgb: linear map from a latent to RGB, for previews.
        device: where the networks lie.
        dtype: the type they compute in.
        student: the denoiser of few steps that was distilled from the other one, where the model has one.
    """

    spec: ModelSpec
    denoiser: Denoiser | None
    window_denoiser: WindowDenoiser
    autoencoder: Autoencoder
    latent_rgb: tuple[tuple[float, ...], ...]
    device: torch.device
    dtype: torch.dtype
    student: Denoiser | None = None

    def denoiser_for(self, student: bool) -> Denoiser:
        """The student where it is asked for, else the denoiser itself; for dense drawing.

        Raises:
            ModelError: where the model has none.
        """
        found = self.student if student else self.denoiser
        if found is None:
            what = "a student" if student else "a dense denoiser"
            raise ModelError(
                f"draw with {what} of the model {self.spec.id!r}", "it has none", "",
                "Draw without the student" if student else "Draw with the engine windowed",
            )  # fmt: skip
        return found


def read_model_spec(folder: Path) -> ModelSpec:
    """The entry of one model folder.

    Raises:
        ModelError: where ``model.json`` is missing or malformed.
    """
    try:
        record: dict[str, Any] = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
        record["pixel_sizes_m"] = tuple(sorted(float(size) for size in record["pixel_sizes_m"]))
        low, high = record.get("guidance_interval", (0.0, 1.0))
        record["guidance_interval"] = (float(low), float(high))
        record["latent_rgb"] = tuple(tuple(float(v) for v in row) for row in record.get("latent_rgb", ()))
        record["sources"] = tuple((str(name), str(place)) for name, place in record.get("sources", {}).items())
        return ModelSpec(**record, folder=folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"read the model in {folder}", f"its {SPEC_NAME} is missing or malformed: {error}",
            f"a model folder holds a {SPEC_NAME} with the fields of ModelSpec",
        ) from error  # fmt: skip


def write_model_spec(spec: ModelSpec) -> None:
    """Write ``model.json`` into the model's folder; what has its default is left out."""
    record: dict[str, Any] = {item.name: getattr(spec, item.name) for item in fields(spec) if item.name != "folder"}
    defaults = {item.name: item.default for item in fields(spec)}
    record = {name: value for name, value in record.items() if value != defaults[name]}
    if spec.sources:
        record["sources"] = dict(spec.sources)
    (spec.folder / SPEC_NAME).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@lru_cache(maxsize=16)
def _digest_of_weights(folders: tuple[tuple[str, Path], ...], stamps: Stamps) -> str:
    sha, places = hashlib.sha256(), dict(folders)
    for name, _, _ in stamps:
        part, _, file = name.partition("/")
        sha.update(name.encode())
        with (places[part] / file).open("rb") as stream:
            while block := stream.read(2**24):
                sha.update(block)
    return sha.hexdigest()
