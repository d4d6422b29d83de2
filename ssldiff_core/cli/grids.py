"""Grids and encoders as commands name them: read whatever the format, for the model that was asked for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import checked_output

if TYPE_CHECKING:
    from ..embeddings.encoder import PatchEncoder
    from ..embeddings.features import Wanted
    from ..embeddings.grid import EmbeddingGrid
    from ..models.spec import ModelSpec

GRID_SUFFIXES = (".npz", ".h5", ".safetensors")


def read_grid_for(path: Path, model: ModelSpec | None = None) -> EmbeddingGrid:
    """The grid in a file; a bare array takes its facts from the model."""
    from ..embeddings.grid_files import read_grid

    return read_grid(path, None if model is None else wanted_by(model))


def checked_grid_output(path: Path) -> Path:
    """The path of a grid to write, refused before any work is done for it."""
    return checked_output(path, *GRID_SUFFIXES)


def wanted_by(model: ModelSpec) -> Wanted:
    """What a model wants of a grid."""
    from ..embeddings.features import Wanted

    return Wanted(
        model.encoder_id, model.condition_dim, model.cell_px, model.pixel_sizes_m, model.latent_factor
    )  # fmt: skip


def add_encoder_options(parser: argparse.ArgumentParser) -> None:
    """Where an encoder's weights come from; :func:`load_encoder_as_asked` takes them."""
    group = parser.add_argument_group("weights of the encoder")
    group.add_argument("--encoder-weights", type=Path, metavar="FILE", help="take them from this file")
    group.add_argument("--download", action="store_true", help="fetch them from the hub where they are not here")


def load_encoder_as_asked(
    which: str | Path, arguments: argparse.Namespace, device: str, patch_px: int | None = None,
    precision: str = "float32",
) -> PatchEncoder:  # fmt: skip
    """An encoder by id or folder, with the options of :func:`add_encoder_options`."""
    from ..embeddings.encoder import load_patch_encoder

    return load_patch_encoder(
        which, device, weights=arguments.encoder_weights, patch_px=patch_px, download=arguments.download,
        precision=precision,
    )  # fmt: skip


def load_encoder_of(
    model: ModelSpec, arguments: argparse.Namespace, device: str, precision: str = "float32"
) -> PatchEncoder:
    """The encoder that a model takes: the one in its folder, else that of the catalogue, with the model's patches."""
    from ..embeddings.spec import CONFIG_NAME

    own = (model.folder / CONFIG_NAME).is_file()
    return load_encoder_as_asked(model.folder if own else model.encoder_id, arguments, device, model.cell_px, precision)
