"""How well a result follows its grid: the cosine between asked-for and re-read embedding, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import Cancelled, ModelError

from .documents import Document
from .files import write_atomically
from .jobs import Job
from .records import ResultRecord
from .results import result_folder, result_manifest

if TYPE_CHECKING:
    from .workspace import Workspace

FIDELITY_FILE = "fidelity.npy"


def read_fidelity(workspace: Workspace, document: Document, record: ResultRecord) -> np.ndarray | None:
    """(rows, cols) float32, NaN in invalid cells; None where it was not measured yet."""
    path = result_folder(workspace, document, record) / FIDELITY_FILE
    return np.load(path, allow_pickle=False) if path.is_file() else None


def start_fidelity(workspace: Workspace, document: Document, record: ResultRecord) -> Job:
    """Queue the measurement; the one that is under way where there is one.

    Raises:
        ModelError: where the model that drew the result is no longer here.
    """
    spec = next((spec for spec in workspace.models() if spec.id == record.model_id), None)
    if spec is None:
        raise ModelError(
            "measure how well this result follows its grid", f"its model {record.model_id!r} is no longer installed"
        )
    for job in workspace.jobs.of_document(document.id):
        if job.kind == "fidelity" and job.result_id == record.id and job.active:
            return job
    folder = result_folder(workspace, document, record)

    def work(job: Job) -> None:
        workspace.jobs.report(job, phase="reading the image back", done=0, total=0)
        measured = _measure(folder, workspace.encoder(spec), job, workspace)
        write_atomically(folder / FIDELITY_FILE, lambda part: np.save(part, measured))

    return workspace.jobs.submit(Job("fidelity", document.id, lane="background", result_id=record.id), work)


def _measure(folder: Path, encoder: object, job: Job, workspace: Workspace) -> np.ndarray:
    """Row by row, so that memory stays small and the work can be stopped."""
    from ssldiff_core.evaluation.similarity import cosine
    from ssldiff_core.geometry import Box
    from ssldiff_core.scenes import open_scene

    grid = result_manifest(folder).grid
    rows, cols = grid.shape_cell
    side, measured = grid.geometry.cell_px, np.full((rows, cols), np.nan, np.float32)
    encode: Callable[[np.ndarray], np.ndarray] = encoder.encode  # type: ignore[attr-defined]
    with open_scene(folder / "image.ome.tif") as scene:
        for row in range(rows):
            if job.cancelled():
                raise Cancelled("the measurement")
            band = scene.read(Box(0, row * side, cols * side, side), size_px=(cols * side, side))
            patches = band.reshape(side, cols, side, 3).swapaxes(0, 1)
            measured[row] = cosine(grid.vectors[row], encode(np.ascontiguousarray(patches)))
            workspace.jobs.report(job, phase="reading the image back", done=(row + 1) * cols, total=rows * cols)
    measured[~grid.valid] = np.nan
    return measured
