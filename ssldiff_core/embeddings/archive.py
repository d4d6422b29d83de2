"""The ``.npz`` files of grids and palettes: a JSON header naming kind and version, and arrays; written whole or not."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ExportError, SSLDiffError

_HEADER = "header"


def write_archive(path: Path, kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a file completely or not at all: to a temporary name in the same folder, then renamed.

    Args:
        path: the file's name; an existing file is replaced.
        kind: what it holds, e.g. ``"ssldiff embedding grid"``.
        version: of the format.
        header: JSON-able facts.
        arrays: named arrays, stored without pickle.

    Raises:
        ExportError: where the folder cannot be written or the disk is full; nothing is left behind.
    """
    text = json.dumps({"kind": kind, "version": version, **header}, sort_keys=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with temporary.open("xb") as file:
            np.savez(file, allow_pickle=False, **{_HEADER: np.array(text), **arrays})
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ExportError(
            f"write {path}", f"it failed: {error.strerror or error}", "", "Choose a writable folder with free space"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_archive(
    path: Path, kind: str, version: int, error_type: type[SSLDiffError]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what :func:`write_archive` wrote: the header and the arrays.

    Raises:
        SSLDiffError: of ``error_type``, where the file is missing, broken, of another kind or of a later version.
    """
    noun = kind.removeprefix("ssldiff ")
    asked = f"read {path} as {'an' if noun[0] in 'aeiou' else 'a'} {noun}"
    if not path.is_file():
        raise error_type(asked, "there is no such file")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop(_HEADER)))
        found = (header.pop("kind"), int(header.pop("version")))
    except Exception as error:  # zipfile, numpy's header and json raise whatever they like on what is not theirs
        raise error_type(
            asked, "it is broken or something else", f"the file is an .npz written by ssldiff as {noun}"
        ) from error
    if found[0] != kind:
        raise error_type(asked, f"it holds: {found[0]}")
    if found[1] > version:
        raise error_type(
            asked, f"it is of format {found[1]}", f"this version reads up to format {version}", "Update ssldiff"
        )
    return header, arrays
