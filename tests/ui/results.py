"""A result as a generation leaves it, made without a model."""

from __future__ import annotations

import numpy as np

from ssldiff_core.export import write_image
from ssldiff_core.provenance import Manifest
from ui.documents import Document
from ui.records import ResultRecord
from ui.results import keep_labels
from ui.workspace import Workspace


def add_result(
    workspace: Workspace, document: Document, result_id: str = "0123456789ab", seed: int = 7
) -> ResultRecord:
    """Draw noise as the result of the document's layout, and keep it."""
    layout = document.need_layout()
    grid = layout.grid()
    height, width = grid.geometry.shape_px
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    manifest = Manifest(grid, "tiny", "0" * 64, {"seed": seed, "steps": 4, "guidance_scale": 1.5}).with_image(image)
    folder = workspace.documents.folder(document.id) / "results" / result_id
    folder.mkdir(parents=True)
    write_image(folder / "image.ome.tif", image, manifest, pixel_size_m=grid.geometry.pixel_size_m)
    keep_labels(folder, layout)
    entry = workspace.library.get(f"result-{document.id}-{result_id}")
    record = ResultRecord(
        id=result_id, scene_id=entry.id, scene_version=entry.version, name="noise", width=width, height=height,
        origin_l0=grid.geometry.origin_l0, width_l0=grid.geometry.box_l0.width,
        pixel_size_m=grid.geometry.pixel_size_m, model_id="tiny", seed=seed, steps=4, guidance_scale=1.5,
        edits=len(layout.edits), seconds=1.0, created=1.0,
    )  # fmt: skip
    document.add_result(record, grid)
    return record
