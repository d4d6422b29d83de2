"""The trajectory of a run and of the edits after it: the canvas after each step, and the pixels, version by version.

A version holds only what it changed. A block of a level is read from the oldest version up, so the last one that
touched a position tells it. Numbers are float32: what is kept is what the run itself went on from, to the bit (in half
precision either the run would have to go on from rounded numbers, or its surroundings would not be those it saw).

In a folder, a version is a folder ``0000`` … of Zarr arrays (``levels-0`` (steps, channels, h, w), ``pixels-0``
(h, w, 3), one for each block) and of ``version.json``, which is written last: a version without it is not finished.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ManifestError, SettingsError
from .lattice import Block

Array = Any
"""A numpy or a Zarr array: read and written by slices."""

TILE_LAT = 512
TILE_PX = 512


@dataclass(frozen=True)
class Version:
    """What a run or an edit left.

    Args:
        canvas: the whole canvas, in the frame of the noise.
        blocks: where latents were drawn.
        levels: for each block (steps, channels, h, w) float32, the canvas after step 1, 2, …
        factor: pixels along a latent.
        pixel_blocks: where pixels were decoded, in latents.
        pixels: for each of these (h · factor, w · factor, 3) uint8.
        record: the manifest as JSON text.
    """

    canvas: Block
    blocks: tuple[Block, ...]
    levels: tuple[Array, ...]
    factor: int
    pixel_blocks: tuple[Block, ...]
    pixels: tuple[Array, ...]
    record: str = ""


class Trajectory:
    """Versions of one canvas, in memory or in a folder.

    Args:
        folder: where it is kept, made when needed; what lies there already is continued. None is memory.

    Raises:
        ManifestError: where the folder holds something else.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.versions: list[Version] = []
        if self.folder is not None and self.folder.is_dir():
            while (self._place(len(self.versions)) / "version.json").is_file():
                self.versions.append(self._load(len(self.versions)))

    @property
    def canvas(self) -> Block:
        """Of the last version."""
        return self._last.canvas

    @property
    def steps(self) -> int:
        """Denoising steps of the run, fewer than its settings say where it is a variation."""
        return int(self._last.levels[0].shape[0])

    @property
    def record(self) -> str:
        """The last version's manifest as JSON text."""
        return self._last.record

    def begin(
        self, canvas: Block, blocks: Sequence[Block], pixel_blocks: Sequence[Block], steps: int, channels: int,
        factor: int,
    ) -> Version:  # fmt: skip
        """A draft of the next version with room for its arrays; :meth:`finish` makes it one."""
        if self.folder is not None:
            shutil.rmtree(self._place(len(self.versions)), ignore_errors=True)
        levels = tuple(
            self._make(
                f"levels-{i}", (steps, channels, b.height, b.width), "float32", (1, channels, TILE_LAT, TILE_LAT)
            )
            for i, b in enumerate(blocks)
        )
        pixels = tuple(
            self._make(f"pixels-{i}", (b.height * factor, b.width * factor, 3), "uint8", (TILE_PX, TILE_PX, 3))
            for i, b in enumerate(pixel_blocks)
        )
        return Version(canvas, tuple(blocks), levels, factor, tuple(pixel_blocks), pixels)

    def finish(self, draft: Version, record: str) -> Version:
        """Make a draft the last version.

        Args:
            draft: with all levels and pixels written.
            record: its manifest as JSON text.
        """
        done = Version(**{**draft.__dict__, "record": record})
        if self.folder is not None:
            facts = {
                "schema": "ssldiff trajectory version", "canvas": asdict(done.canvas), "factor": done.factor,
                "blocks": [asdict(block) for block in done.blocks],
                "pixel_blocks": [asdict(block) for block in done.pixel_blocks], "record": record,
            }  # fmt: skip
            place = self._place(len(self.versions))
            part = place / "version.json.part"
            part.write_text(json.dumps(facts), encoding="utf-8")
            part.replace(place / "version.json")
        self.versions.append(done)
        return done

    def recording(self, run: Iterator[Any], factor: int, plain: bool = True) -> Iterator[Any]:
        """Pass a run's steps on, keeping the canvas after each; :meth:`complete` makes it the first version.

        Args:
            run: yields steps with ``index``, ``total`` and ``latents``.
            factor: pixels along a latent.
            plain: False where the run has no steps, or is coloured afterwards.

        Raises:
            SettingsError: where a run is kept already, or this one cannot be continued.
        """
        if self.versions:
            raise SettingsError(
                "keep the trajectory of a run", f"{self.folder or 'the trajectory'} holds one already",
                "a trajectory belongs to one run", "Go on with it (regenerate), or choose another place",
            )  # fmt: skip
        if not plain:
            raise SettingsError(
                "keep the trajectory of a run", "it has another image's colours, or no steps",
                "only runs in the model's own colours, of one step or more, are continued", "Leave out --keep",
            )  # fmt: skip
        return self._recorded(run, factor)

    def _recorded(self, run: Iterator[Any], factor: int) -> Iterator[Any]:
        for step in run:
            channels, height, width = step.latents.shape
            if step.index == 1:
                whole = Block(0, 0, height, width)
                self._draft = self.begin(whole, [whole], [whole], step.total, channels, factor)
            self._draft.levels[0][step.index - 1] = step.latents.numpy()
            yield step

    def complete(self, image: NDArray[np.uint8], record: str) -> None:
        """The run that was recorded is done.

        Args:
            image: (h, w, 3) uint8.
            record: its manifest as JSON text.
        """
        self._draft.pixels[0][:] = image
        self.finish(self._draft, record)

    def undo_to(self, count: int) -> None:
        """Forget all versions but the first ``count``."""
        while len(self.versions) > count:
            self.versions.pop()
            if self.folder is not None:
                place = self._place(len(self.versions))
                (place / "version.json").unlink()
                shutil.rmtree(place)

    def read(self, step: int, block: Block, draft: Version | None = None) -> Tensor:
        """A block (channels, h, w) float32 of the canvas after ``step`` (1 …); zero where nobody has drawn.

        Args:
            step: denoising steps done.
            block: in the frame of the noise.
            draft: a version that is being drawn, on top.
        """
        versions = [*self.versions, *([draft] if draft is not None else [])]
        found = np.zeros((versions[0].levels[0].shape[1], block.height, block.width), np.float32)
        for version in versions:
            for place, levels in zip(version.blocks, version.levels, strict=True):
                shared = place.meet(block)
                if shared is not None:
                    source = (step - 1, slice(None), *shared.slices(place))
                    found[(slice(None), *shared.slices(block))] = levels[source]
        return torch.from_numpy(found)

    def image(self, block: Block | None = None, draft: Version | None = None) -> NDArray[np.uint8]:
        """Pixels (h, w, 3) of a block of latents of the last version, or of a draft; of its whole canvas where None."""
        versions = [*self.versions, *([draft] if draft is not None else [])]
        block = block or versions[-1].canvas
        factor = versions[-1].factor
        found = np.empty((block.height * factor, block.width * factor, 3), np.uint8)
        for version in versions:
            for place, pixels in zip(version.pixel_blocks, version.pixels, strict=True):
                shared = place.meet(block)
                if shared is not None:
                    found[_scaled(shared.slices(block), factor)] = pixels[_scaled(shared.slices(place), factor)]
        return found

    @property
    def _last(self) -> Version:
        if not self.versions:
            raise ManifestError(
                "continue a run", f"there is none in {self.folder or 'this trajectory'}",
                "a run is continued from its trajectory", "Draw with keep (--keep DIR) first",
            )  # fmt: skip
        return self.versions[-1]

    def _place(self, index: int) -> Path:
        assert self.folder is not None, "a trajectory in memory has no places"
        return self.folder / f"{index:04d}"

    def _make(self, name: str, shape: tuple[int, ...], dtype: str, tile: tuple[int, ...]) -> Array:
        if self.folder is None:
            return np.empty(shape, dtype)
        chunks = tuple(min(side, whole) for side, whole in zip(tile, shape, strict=True))
        return make_array(self._place(len(self.versions)) / name, shape, dtype, chunks)

    def _load(self, index: int) -> Version:
        import zarr

        place = self._place(index)
        try:
            facts = json.loads((place / "version.json").read_text(encoding="utf-8"))
            blocks, pixel_blocks = (tuple(Block(**b) for b in facts[name]) for name in ("blocks", "pixel_blocks"))
            levels = tuple(zarr.open_array(place / f"levels-{i}") for i in range(len(blocks)))
            pixels = tuple(zarr.open_array(place / f"pixels-{i}") for i in range(len(pixel_blocks)))
            canvas, factor = Block(**facts["canvas"]), int(facts["factor"])
            return Version(canvas, blocks, levels, factor, pixel_blocks, pixels, str(facts["record"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ManifestError(
                f"read the trajectory in {place}", f"a part is missing or malformed: {error}"
            ) from error


def make_array(path: Path, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...]) -> Array:
    """A new Zarr array whose chunks are written as they are; one chunk is one file that appears whole or not at all."""
    import zarr

    return zarr.create_array(
        path, shape=shape, dtype=dtype, chunks=chunks, compressors=None, overwrite=True,
        config={"write_empty_chunks": True},
    )  # fmt: skip


def _scaled(where: tuple[slice, slice], factor: int) -> tuple[slice, slice]:
    rows, cols = (slice(s.start * factor, s.stop * factor) for s in where)
    return rows, cols
