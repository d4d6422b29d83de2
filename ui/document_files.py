"""Documents as one file: ``NAME.ssldiff``, a zip of what the document's folder holds; and copies of documents.

What comes back in may come from anybody. Only names that a document writes are taken, each within a limit of its kind;
sizes are counted while they are unpacked, not believed; arrays are read without pickle, after their headers were held
against their sizes; images are read in a process of their own first; and the document gets a new id, under which
everything is checked as on any opening.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ssldiff_core.errors import LayoutError, SceneError
from ssldiff_core.scenes.probe import probe_files

from .document_store import DocumentStore, named_files
from .documents import Document
from .files import write_json
from .library import file_version
from .proposals import FOLDER as PROPOSALS
from .proposals import check_proposals

KIND, VERSION, HEADER = "ssldiff document", 1, "ssldiff.json"
MAX_ENTRIES = 4000
MAX_JSON_BYTES = 256 << 20
MAX_RATIO = 400
"""Above 1 MiB: JSON full of base64 shrinks less than tenfold, a bomb a thousandfold."""

_RESULT = r"results/[0-9a-f]{12}/"
_KINDS = (
    (re.compile(rf"(?:{HEADER}|document\.json|{_RESULT}(?:labels\.json|image[\w.]*\.manifest\.json))"), MAX_JSON_BYTES),
    (re.compile(rf"{PROPOSALS}/proposals\.json"), MAX_JSON_BYTES),
    (re.compile(rf"(?:grid|palette|points)-[\w-]+\.npz|{_RESULT}fidelity\.npy"), 4 << 30),
    (re.compile(rf"{PROPOSALS}/[0-9a-f]{{12}}-\d{{1,10}}\.npz"), 4 << 30),
    (re.compile(rf"{_RESULT}image\.ome\.tif"), 64 << 30),
)
_RECORD_TEXTS = ("id", "scene_id", "scene_version", "name", "model_id", "engine", "appearance", "batch", "mark")


def write_document_file(store: DocumentStore, document: Document, path: Path) -> None:
    """Write a document as it is now.

    Raises:
        OSError: where the disk is full or read-only.
    """
    store.save(document)
    folder = store.folder(document.id)
    with store.exclusive(), zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        header = {"kind": KIND, "version": VERSION, "name": document.name}
        archive.writestr(HEADER, json.dumps(header, ensure_ascii=False), zipfile.ZIP_DEFLATED)
        for name in _names(folder):
            if name == "document.json":
                archive.writestr(name, _without_names(folder / name), zipfile.ZIP_DEFLATED)
                continue
            packing = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
            archive.write(folder / name, name, packing)


def _without_names(path: Path) -> str:
    """The document without what only this server should know: whose it is, and readers' remarks on the scene's file."""
    body = json.loads(path.read_text(encoding="utf-8"))
    body["owner"] = ""
    if body["scene"] is not None:
        body["scene"]["warnings"] = []
    return json.dumps(body, ensure_ascii=False)


def _names(folder: Path) -> Iterator[str]:
    """What of a document's folder goes into the file."""
    body = json.loads((folder / "document.json").read_text(encoding="utf-8"))
    named = named_files(body)
    kept = {record["id"] for record in body["results"]}
    yield "document.json"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        in_result = name.startswith("results/") and name.split("/")[1] in kept
        wanted = name in named or in_result or name.startswith(f"{PROPOSALS}/")
        if path.is_file() and wanted and _limit_of(name) is not None:
            yield name


def read_document_file(store: DocumentStore, file: IO[bytes], max_bytes: int, owner: str = "") -> Document:
    """A new document from a ``.ssldiff`` file.

    Raises:
        LayoutError: where it is no such file, is damaged, or holds what a document does not.
    """
    new_id = uuid.uuid4().hex
    folder = store.folder(new_id)
    try:
        _unpack(file, folder, max_bytes)
        _check_arrays(folder)
        _check_images(folder)
        _adopt(folder, new_id, owner)
        document = store.get(new_id)
        if document is None:
            raise _refusal("its parts do not fit each other")
    except BaseException:
        store.forget(new_id)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return document


def duplicate_document(store: DocumentStore, document: Document, owner: str = "") -> Document:
    """A copy with all results under a new id."""
    store.save(document)
    new_id = uuid.uuid4().hex
    source, folder = store.folder(document.id), store.folder(new_id)
    try:
        with store.exclusive():
            for name in _names(source):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, target)
        _adopt(folder, new_id, owner)
        copy = store.get(new_id)
        if copy is None:
            raise LayoutError("copy the document", "its files on the server are damaged")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    copy.rename(f"{document.name} copy"[:120])
    return copy


def _limit_of(name: str) -> int | None:
    return next((limit for pattern, limit in _KINDS if pattern.fullmatch(name)), None)


def _unpack(file: IO[bytes], folder: Path, max_bytes: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_entries(entries, max_bytes)
            _check_header(archive)
            for entry in entries:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)  # ends with an error past the size that was told
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _refusal(f"it is no zip file, or a damaged one ({error})") from None


def _check_entries(entries: list[zipfile.ZipInfo], max_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    if len(names) > MAX_ENTRIES or len(set(names)) != len(names):
        raise _refusal(f"it has {len(names)} parts, or two of one name")
    if sum(entry.file_size for entry in entries) > max_bytes:
        raise _refusal(f"unpacked it is larger than {max_bytes / 2**30:.3g} GiB", "Ask for a larger --max-upload-gib")
    for entry in entries:
        limit = _limit_of(entry.filename)
        if limit is None:
            raise _refusal(f"it holds {entry.filename[:80]!r}, which no document has")
        if entry.file_size > limit:
            raise _refusal(f"its part {entry.filename} is larger than {limit >> 20} MiB")
        if entry.file_size > 1 << 20 and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise _refusal(f"its part {entry.filename} is packed more tightly than real data can be")


def _check_header(archive: zipfile.ZipFile) -> None:
    try:
        header = json.loads(archive.read(HEADER))
        kind, version = header["kind"], int(header["version"])
    except (KeyError, TypeError, ValueError):
        raise _refusal("it does not say that it is a document") from None
    if kind != KIND:
        raise _refusal(f"it says that it is a {str(kind)[:40]!r}")
    if version > VERSION:
        raise _refusal(f"it is of format {version}, and this version reads up to {VERSION}", "Update ssldiff")


def _check_arrays(folder: Path) -> None:
    """Every array's header must tell the size that the array has: numpy would reserve what it tells."""
    for path in [*folder.glob("*.npz"), *folder.glob(f"{PROPOSALS}/*.npz"), *folder.glob("results/*/*.npy")]:
        try:
            if path.suffix == ".npy":
                with path.open("rb") as file:
                    _check_array(file, path.stat().st_size)
                continue
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    with archive.open(entry) as file:
                        _check_array(file, entry.file_size)
                    if entry.compress_type != zipfile.ZIP_STORED and entry.file_size > 64 << 20:
                        raise _refusal(f"{path.name} is packed, which a document never does")
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError) as error:
            raise _refusal(f"its part {path.name} cannot be read ({error})") from None


def _check_array(file: IO[bytes], size: int) -> None:
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
        raise ValueError("its header and its size differ")


def _check_images(folder: Path) -> None:
    """No reader may die of an image, whatever is in a file of its name."""
    try:
        probe_files(sorted(folder.glob("results/*/image.ome.tif")))
    except SceneError as error:
        raise _refusal(f"an image in it is damaged ({error.found})") from None


def _adopt(folder: Path, new_id: str, owner: str) -> None:
    """Make what was unpacked or copied a document of its own: under the new id, with results that name it."""
    try:
        body: dict[str, Any] = json.loads((folder / "document.json").read_text(encoding="utf-8"))
        for name in named_files(body):
            if _limit_of(str(name)) is None or not (folder / str(name)).is_file():
                raise _refusal(f"its {str(name).split('-')[0]} is missing")
        body["results"] = [_record(record, new_id, folder) for record in body["results"]]
        body.update(id=new_id, owner=owner, name=str(body["name"])[:120])
        write_json(folder / "document.json", body)
        check_proposals(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refusal(f"its contents are not those of a document ({type(error).__name__})") from None
    kept = {record["id"] for record in body["results"]}
    for path in folder.glob("results/*"):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _record(record: dict[str, Any], new_id: str, folder: Path) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9a-f]{12}", str(record["id"])):
        raise ValueError("a result without an id")
    texts = {key: str(record[key])[:200] for key in _RECORD_TEXTS if key in record}
    numbers = {
        key: [float(v) for v in value] if isinstance(value, list) else value
        for key, value in record.items()
        if key not in texts
    }
    if not all(isinstance(value, int | float | list) for value in numbers.values()):
        raise ValueError("a result with a text for a number")
    numbers["goes_on"] = False  # runs stay with the server that drew them
    texts["scene_id"] = f"result-{new_id}-{record['id']}"
    texts["scene_version"] = file_version(folder / "results" / texts["id"] / "image.ome.tif")
    return {**texts, **numbers}


def _refusal(found: str, remedy: str = "Save the document again from the app that has it") -> LayoutError:
    return LayoutError("open this file", found, "a document is a .ssldiff file that this app has written", remedy)
