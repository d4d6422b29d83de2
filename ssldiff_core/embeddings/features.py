"""Features that people have already, as embedding grids: lattices found, holes left open, pixel size told truly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import GridError
from ..geometry import LATENT_FACTOR, GridGeometry, format_length
from ..scenes.identity import alias_of
from .arrays import digest_array
from .catalogue import check_pixel_size
from .feature_files import TRIDENT_NAMES, FeatureFile
from .grid import EmbeddingGrid
from .lattices import Lattice, find_lattices, find_pitch, merge_lattices

NOTED_DIFFERENCE = 0.03
"""A pixel size that differs by more than this from the nearest trained one is told."""


@dataclass(frozen=True)
class Wanted:
    """What a model wants of a grid.

    Args:
        encoder_id: the patch encoder.
        dim: length of an embedding.
        patch_px: side of a patch, which is a cell.
        pixel_sizes_m: trained pixel sizes; empty for any.
        latent_factor: canvas pixels along a latent.
    """

    encoder_id: str
    dim: int
    patch_px: int
    pixel_sizes_m: tuple[float, ...] = ()
    latent_factor: int = LATENT_FACTOR


@dataclass(frozen=True)
class ImportedGrids:
    """Grids made of a feature file.

    Args:
        grids: one for each lattice, the largest first.
        dropped: patches left out, because they overlap others or would have moved too far.
        shift_cells: how far at most a patch was moved, in cells.
        warnings: what a user should know.
    """

    grids: tuple[EmbeddingGrid, ...]
    dropped: int
    shift_cells: float
    warnings: tuple[str, ...]


def grids_from_features(
    features: FeatureFile, wanted: Wanted, *, scene_pixel_size_m: float, patch_l0: float | None = None,
    patch_px: int | None = None, one_lattice: bool = False, tolerance_cells: float = 0.5,
) -> ImportedGrids:  # fmt: skip
    """Lay features on lattices of cells.

    The pixel size is what it truly is: side of a patch in level-0 pixels, times their size, over its side in pixels.
    TRIDENT's "20×" of a slide at 0.265 µm is 0.53 µm and not 0.5.

    Args:
        features: as read.
        wanted: by the model that will draw; what does not fit it is refused.
        scene_pixel_size_m: metres along a level-0 pixel of the slide; feature files do not hold it.
        patch_l0: side of a patch in level-0 pixels, where the file does not say.
        patch_px: side of a patch in pixels, where the file does not say.
        one_lattice: whether patches of other offsets are moved to the nearest cell of the commonest lattice.
        tolerance_cells: how far, along an axis.

    Raises:
        GridError: where encoder, length, patch size or pixel size do not fit, or positions are on no lattice.
    """
    warnings = _check_encoder(features, wanted)
    side_l0 = patch_l0 or features.patch_l0
    spacing = find_pitch(features.coords_l0) if len(features.coords_l0) > 1 else side_l0
    if side_l0 is None:
        side_l0 = spacing
        warnings.append(f"The file does not say how large a patch is; they lie {side_l0:g} level-0 pixels apart.")
    if side_l0 is None:
        raise GridError("lay one patch on a lattice", "nothing says how large it is", "", "Give --patch-l0")
    if spacing is not None and spacing > 1.5 * side_l0:
        raise GridError(
            "lay patches on a lattice", f"they are {side_l0:g} level-0 pixels wide and lie {spacing:g} apart",
            "patches lie side by side", "Extract features without gaps, or correct the side with --patch-l0",
        )  # fmt: skip
    side_px = patch_px or features.patch_px or wanted.patch_px
    pixel_size_m = side_l0 * scene_pixel_size_m / side_px
    warnings += _check_scale(features, wanted, side_px, pixel_size_m)
    lattices = (
        [merge_lattices(features.coords_l0, side_l0, tolerance_cells)]
        if one_lattice
        else find_lattices(features.coords_l0, side_l0)
    )
    geometry = GridGeometry(
        (1, 1), pixel_size_m, (0.0, 0.0), scene_pixel_size_m, side_px, wanted.latent_factor
    )  # fmt: skip
    grids = tuple(_to_grid(features, lattice, geometry, wanted.encoder_id) for lattice in lattices)
    kept = sum(len(lattice.index) for lattice in lattices)
    shift = max((lattice.shift_cells for lattice in lattices), default=0.0)
    return ImportedGrids(grids, len(features.vectors) - kept, shift, tuple(warnings))


def _to_grid(features: FeatureFile, lattice: Lattice, geometry: GridGeometry, encoder_id: str) -> EmbeddingGrid:
    rows, cols = (int(n) + 1 for n in lattice.cells.max(axis=0))
    vectors = np.zeros((rows, cols, features.vectors.shape[1]), dtype=np.float32)
    valid = np.zeros((rows, cols), dtype=bool)
    row, col = lattice.cells.T
    vectors[row, col] = features.vectors[lattice.index]
    valid[row, col] = True
    placed = GridGeometry(
        (rows, cols), geometry.pixel_size_m, lattice.origin_l0, geometry.scene_pixel_size_m, geometry.cell_px,
        geometry.latent_factor,
    )  # fmt: skip
    name = alias_of(digest_array(features.vectors))  # the file is called like its slide
    source: Mapping[str, Any] = {"name": name, "region_l0": list(placed.box_l0.as_tuple()), "imported": True}
    return EmbeddingGrid(vectors, valid, placed, encoder_id, source=source)


def _check_encoder(features: FeatureFile, wanted: Wanted) -> list[str]:
    """Warnings; GridError where the features are of another encoder."""
    asked, dim = f"import features as embeddings of {wanted.encoder_id}", features.vectors.shape[1]
    theirs = TRIDENT_NAMES.get(features.encoder or "", features.encoder)
    if theirs and theirs != wanted.encoder_id:
        raise GridError(
            asked, f"the file says that they are of {theirs}", "embeddings of one encoder mean nothing to another",
            f"Choose a model that takes {theirs}, or give --encoder {theirs} and convert with `ssldiff adapt`",
        )  # fmt: skip
    if dim != wanted.dim:
        raise GridError(
            asked, f"they have {dim} numbers", f"those of {wanted.encoder_id} have {wanted.dim}",
            "Name the encoder that made them",
        )  # fmt: skip
    if theirs is None:
        return [f"The file does not say which encoder made its features; {wanted.encoder_id} is taken at your word."]
    return []


def _check_scale(features: FeatureFile, wanted: Wanted, side_px: int, pixel_size_m: float) -> list[str]:
    """Warnings; GridError where the patch or the pixel size is not what the model was trained on."""
    asked = f"import features as embeddings of {wanted.encoder_id}"
    if side_px != wanted.patch_px:
        raise GridError(
            asked, f"a patch has {side_px} × {side_px} px", f"the model's cells have {wanted.patch_px} px",
            f"Extract features of patches of {wanted.patch_px} px",
        )  # fmt: skip
    warnings = []
    if wanted.pixel_sizes_m:
        check_pixel_size(pixel_size_m, wanted.pixel_sizes_m, wanted.encoder_id)
        nearest = min(wanted.pixel_sizes_m, key=lambda trained: abs(trained - pixel_size_m))
        inside = min(wanted.pixel_sizes_m) <= pixel_size_m <= max(wanted.pixel_sizes_m)
        if not inside and abs(pixel_size_m / nearest - 1) > NOTED_DIFFERENCE:
            warnings.append(
                f"The patches are at {format_length(pixel_size_m)} a pixel, {abs(pixel_size_m / nearest - 1):.0%} from "
                f"the {format_length(nearest)} that {wanted.encoder_id} was trained at; shapes will be off by as much."
            )
    if features.magnification is not None:
        nominal = 10e-6 / features.magnification[1]
        if abs(pixel_size_m / nominal - 1) > NOTED_DIFFERENCE:
            warnings.append(
                f"The file calls its patches {features.magnification[1]:g}×, which would be {format_length(nominal)} "
                f"a pixel; this slide's are {format_length(pixel_size_m)}."
            )
    return warnings
