"""Runs that can be gone on with: what each result's run passed through, on disk beside its document.

A result that was drawn on top of another holds only what it changed, and names the other. All runs of a server share a
budget; those that nobody went on with for longest are forgotten first. A result whose run is forgotten stays an image:
the next one is then drawn whole.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.diffusion.graph.trajectory import Trajectory, Version

BUDGET_BYTES = 4 << 30
FACTS = "version.json"


class KeptRuns:
    """Args:
    documents: folder of all documents.
    budget_bytes: what all runs together may take.
    """

    def __init__(self, documents: Path, budget_bytes: int = BUDGET_BYTES) -> None:
        self._documents, self._budget = documents, budget_bytes

    def keep(self, document: Document, result_id: str, trajectory: Trajectory, parent: str = "") -> bool:
        """Write down the last version of a trajectory; False where it is larger than the budget.

        Args:
            document: whose result it is.
            result_id: of the result that it drew.
            trajectory: with a version or more.
            parent: the result that it went on from; empty for a run of its own.
        """
        version = trajectory.versions[-1]
        arrays = [*version.levels, *version.pixels]
        if sum(array.nbytes for array in arrays) > self._budget:
            return False
        folder = self._folder(document, result_id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, parts in (("levels", version.levels), ("pixels", version.pixels)):
            for index, part in enumerate(parts):
                np.save(folder / f"{name}-{index}.npy", np.asarray(part))
        facts = {
            "parent": parent, "canvas": asdict(version.canvas), "factor": version.factor, "record": version.record,
            "blocks": [asdict(block) for block in version.blocks],
            "pixel_blocks": [asdict(block) for block in version.pixel_blocks],
        }  # fmt: skip
        part_file = folder / f"{FACTS}.part"
        part_file.write_text(json.dumps(facts), encoding="utf-8")
        part_file.replace(folder / FACTS)
        self._trim(keep=folder)
        return True

    def load(self, document: Document, result_id: str) -> Trajectory | None:
        """The trajectory that ends at a result; None where a part of it was forgotten."""
        from ssldiff_core.diffusion.graph.trajectory import Trajectory

        versions: list[Version] = []
        while result_id:
            found = self._load(self._folder(document, result_id))
            if found is None or len(versions) > 1000:
                return None
            version, result_id = found
            versions.insert(0, version)
        trajectory = Trajectory()
        trajectory.versions = versions
        return trajectory if versions else None

    def forget(self, document: Document, result_id: str) -> None:
        """A result was deleted: its run goes too, unless another result was drawn on top of it."""
        folder = self._folder(document, result_id)
        others = (path for path in folder.parent.glob(f"*/{FACTS}") if path.parent != folder)
        if all(json.loads(path.read_text(encoding="utf-8"))["parent"] != result_id for path in others):
            shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, document: Document, result_id: str) -> Path:
        return self._documents / document.id / "runs" / result_id

    @staticmethod
    def _load(folder: Path) -> tuple[Version, str] | None:
        """A version, its arrays left on disk, and the result before it."""
        from ssldiff_core.diffusion.graph import Block
        from ssldiff_core.diffusion.graph.trajectory import Version

        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            blocks, pixel_blocks = (tuple(Block(**b) for b in facts[name]) for name in ("blocks", "pixel_blocks"))
            levels = tuple(np.load(folder / f"levels-{i}.npy", mmap_mode="r") for i in range(len(blocks)))
            pixels = tuple(np.load(folder / f"pixels-{i}.npy", mmap_mode="r") for i in range(len(pixel_blocks)))
            os.utime(folder)
            made = Version(
                Block(**facts["canvas"]), blocks, levels, facts["factor"], pixel_blocks, pixels, facts["record"]
            )
            return made, str(facts["parent"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _trim(self, keep: Path) -> None:
        folders = sorted(self._documents.glob("*/runs/*"), key=lambda path: path.stat().st_mtime)
        sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in folders}
        held = sum(sizes.values())
        for folder in folders:
            if held > self._budget and folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
                held -= sizes[folder]
