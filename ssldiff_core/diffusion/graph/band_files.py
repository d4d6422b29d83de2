"""Bands on a disk that all processes share, so that a run that lost one of them goes on where it was."""

from __future__ import annotations

import os
import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ...errors import ExportError
from .bands import BandStep, Peers
from .lattice import Block


class BandFiles:
    """The last steps of every process's band, a file each.

    Args:
        folder: on a shared disk, of this run alone.
        peers: who draws the bands.
        band: of this process.
    """

    def __init__(self, folder: Path, peers: Peers, band: Block) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._peers, self._band = folder, peers, band
        self._kept: Path | None = None

    def last_common(self, total: int) -> BandStep | None:
        """This process's band after the last step that all processes have; None where there is none.

        All processes are to look before one of them keeps another step.
        """
        found = [self._steps_of(rank) for rank in range(self._peers.size)]
        common = set.intersection(*found)
        if not common:
            return None
        index = max(common)
        self._kept = self._path(self._peers.rank, index)
        tensors = load_file(self._kept)
        return BandStep(index, total, self._band, tensors["latents"], tensors["x0"])

    def keep(self, step: BandStep) -> None:
        """Write a step, and forget the one before it as soon as all have written theirs.

        Raises:
            ExportError: where the disk refuses.
            SettingsError: where a process is gone.
        """
        path = self._path(self._peers.rank, step.index)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            save_file({"latents": step.latents.contiguous(), "x0": step.x0.contiguous()}, part)
            part.replace(path)
        except (OSError, SafetensorError) as error:
            raise ExportError(
                f"keep the bands of step {step.index} in {self._folder}", f"it is refused ({error})",
                "a run by several processes keeps its last step on a disk that all share", "Make room there",
            ) from error  # fmt: skip
        self._peers.wait()
        if self._kept is not None and self._kept != path:
            self._kept.unlink(missing_ok=True)
        self._kept = path

    def _steps_of(self, rank: int) -> set[int]:
        names = (
            re.fullmatch(rf"band-{rank}-of-{self._peers.size}-(\d+)\.safetensors", path.name)
            for path in self._folder.iterdir()
        )
        return {int(name[1]) for name in names if name}

    def _path(self, rank: int, index: int) -> Path:
        return self._folder / f"band-{rank}-of-{self._peers.size}-{index}.safetensors"
