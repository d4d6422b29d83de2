"""Whatever stands in a file that is called a scene: it opens and reads, or is refused in words."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssldiff_core.errors import SceneError, SSLDiffError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import open_scene
from ssldiff_core.scenes.probe import probe_files
from tests.fuzzing import CHANGES, fuzzed

FUZZED = fuzzed(120)
HEADER_BYTES = 400


def small_files() -> dict[str, bytes]:
    """A small image in each format that our readers open."""
    import tifffile
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    found = {}
    for kind, options in (("tif", {"metadata": None, "description": "MPP = 0.5"}), ("ome.tif", {"ome": True})):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, pixels, photometric="rgb", tile=(32, 32), **options)
        found[kind] = buffer.getvalue()
    for kind in ("png", "jpg", "webp"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG" if kind == "jpg" else kind.upper())
        found[kind] = buffer.getvalue()
    return found


FILES = small_files()


@pytest.mark.parametrize("kind", sorted(FILES))
@FUZZED
@given(changes=CHANGES, cut=st.integers(0, 40))
def test_a_damaged_header_is_read_or_refused(
    tmp_path: Path, kind: str, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(FILES[kind])
    reach = min(HEADER_BYTES, len(content))
    for place, value in changes:
        content[place % reach] = value
    if cut:
        del content[len(content) * cut // 41 :]
    path = tmp_path / f"scene.{kind}"
    path.write_bytes(bytes(content))
    with contextlib.suppress(SSLDiffError), open_scene(path) as scene:
        assert scene.read(Box(0, 0, 16, 16), size_px=(8, 8)).shape == (8, 8, 3)


@FUZZED
@given(
    content=st.binary(max_size=400), magic=st.sampled_from([b"", b"II*\0", b"MM\0*", b"II+\0", b"\x89PNG\r\n\x1a\n"])
)
def test_bytes_that_are_no_image_are_refused(tmp_path: Path, content: bytes, magic: bytes) -> None:
    path = tmp_path / "scene.tif"
    path.write_bytes(magic + content)
    with pytest.raises(SSLDiffError):
        open_scene(path)


@pytest.mark.parametrize("side", [2**30, 2**22])
def test_a_tile_that_no_memory_holds_is_refused_before_openslide_asks_for_it(tmp_path: Path, side: int) -> None:
    """OpenSlide ends the whole process where it gets no memory: a small file could take a server down."""
    import tifffile

    content, path = bytearray(FILES["tif"]), tmp_path / "scene.tif"
    with tifffile.TiffFile(io.BytesIO(FILES["tif"])) as tiff:
        place = tiff.pages.first.tags["TileWidth"].offset
    long, one = (4).to_bytes(2, "little"), (1).to_bytes(4, "little")
    content[place + 2 : place + 12] = long + one + side.to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(SceneError, match="a tile of it would have"), open_scene(path) as scene:
        scene.read(Box(0, 0, 16, 16))


@pytest.mark.parametrize("kind", sorted(FILES))
def test_a_whole_file_and_one_that_is_refused_in_words_pass_the_probe(tmp_path: Path, kind: str) -> None:
    for name, content in (("whole", FILES[kind]), ("cut", FILES[kind][:300])):
        path = tmp_path / f"{name}.{kind}"
        path.write_bytes(content)
        probe_files([path])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "broke down"),
        ("import time; time.sleep(60)", "more than 3 s"),
        ("bytes(2**62)", "broke"),
    ],
)
def test_a_file_that_its_reader_dies_of_is_refused_and_this_process_lives(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(SceneError, match=said):
        probe_files([tmp_path / "scene.svs"], code=code, limit_s=3.0)


def test_of_several_files_the_one_is_named_that_the_reader_died_of(tmp_path: Path) -> None:
    names = [tmp_path / f"{name}.svs" for name in "abc"]
    code = "import os, sys\nfor n in sys.argv[2:4]: print(n, flush=True)\nos.abort()"
    with pytest.raises(SceneError, match=r"open b\.svs"):
        probe_files(names, code=code)
    probe_files([])
