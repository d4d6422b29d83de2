"""Palettes kept by name on this server, for every document of a user; and taking one over from elsewhere."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ssldiff_core.errors import LayoutError, SSLDiffError
from ssldiff_core.geometry import format_length

from .documents import Document
from .swatches import palette_of, put_palette
from .users import current_user, folder_of_user

if TYPE_CHECKING:
    from ssldiff_core.layouts.palette import Palette

    from .workspace import Workspace

MAX_FILE_BYTES = 256 << 20


class PaletteStore:
    """``palettes/<name>.npz`` in the data folder; where there is a login, each user's in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[tuple[str, int], Palette] = {}

    def listing(self) -> list[dict[str, object]]:
        """Name, encoder, pixel size and colours of each palette; files that are none are left out."""
        found = []
        for path in sorted(self._files().values(), key=lambda path: path.stem.lower()):
            try:
                found.append(palette_facts(path.stem, self._load(path)))
            except SSLDiffError:
                continue
        return found

    def save(self, name: str, palette: Palette) -> str:
        """Keep a palette, in place of one of the same name; returns the name as kept.

        Raises:
            LayoutError: where nothing is left of the name.
        """
        from dataclasses import replace

        kept = re.sub(r"[^\w .()+-]", "", unicodedata.normalize("NFC", name)).strip(" .")[:60]
        if not kept:
            raise LayoutError("save the palette", f"its name is {name!r}", "a name has letters or digits")
        own = self._folder / folder_of_user(current_user())
        own.mkdir(parents=True, exist_ok=True)
        replace(palette, retired=()).save(own / f"{kept}.npz")
        return kept

    def load(self, name: str) -> Palette:
        """The palette of a name.

        Raises:
            LayoutError: where there is none.
        """
        path = self._files().get(name)  # a name is no path
        if path is None:
            raise LayoutError(f"use the palette {name!r}", "there is none of this name on this server")
        return self._load(path)

    def _files(self) -> dict[str, Path]:
        """Name and file of what the user who asks has: own ones, and those of before the login."""
        own = self._folder / folder_of_user(current_user())
        return {path.stem: path for folder in (self._folder, own) for path in folder.glob("*.npz")}

    def _load(self, path: Path) -> Palette:
        from ssldiff_core.layouts.palette import Palette

        key = (str(path), path.stat().st_mtime_ns)
        if key not in self._read:
            self._read = {other: value for other, value in self._read.items() if other[0] != key[0]}
            self._read[key] = Palette.load(path)
        return self._read[key]


def palette_facts(name: str, palette: Palette) -> dict[str, object]:
    """What a list of palettes shows of one."""
    return {
        "name": name, "encoder_id": palette.encoder_id, "pixel_size": format_length(palette.pixel_size_m),
        "colours": [swatch.colour for swatch in palette.swatches], "names": list(palette.names),
    }  # fmt: skip


def take_palette(workspace: Workspace, document: Document, palette: Palette, name: str, beside: bool) -> None:
    """Use another palette in this document, in place of its own or beside it."""
    what = f"Added {name}" if beside else f"Took {name}"
    put_palette(workspace, document, palette_of(document).take(palette, beside=beside), what)


def read_palette_file(filename: str, stream: BinaryIO) -> Palette:
    """A palette from an uploaded file.

    Raises:
        LayoutError: where it is too large or no palette.
    """
    from ssldiff_core.layouts.palette import Palette

    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise LayoutError(f"load {filename}", f"it is larger than {MAX_FILE_BYTES >> 20} MiB", "a palette is small")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "palette.npz"
        path.write_bytes(content)
        try:
            return Palette.load(path)
        except LayoutError as error:
            reason = str(error).replace(str(path), filename)
            raise LayoutError(
                f"load {filename} as a palette", reason, "a palette is an .npz saved by ssldiff"
            ) from None
