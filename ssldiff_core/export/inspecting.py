"""What a file says of its own making: the manifests in it or beside it, and whether it bears the SYNTHETIC mark."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ManifestError, ModelError
from ..provenance import Manifest
from .embedding import description_in, manifest_path, read_manifest
from .marks import DIGITAL_SOURCE_TYPE, XMP_PNG_KEY, XMP_TAG

Weights = Literal["here", "another version", "not here"]

_MANIFEST_SUFFIX = ".manifest.json"
_MAX_MANIFESTS, _MAX_BYTES = 200, 2**28
"""Of a zip that may come from anybody."""


@dataclass(frozen=True)
class Finding:
    """One manifest.

    Args:
        where: ``in the file``, ``beside it``, or its name in a zip.
        manifest: itself.
        weights: whether the model that drew the image is on this machine.
    """

    where: str
    manifest: Manifest
    weights: Weights

    def to_json(self) -> dict[str, Any]:
        """The manifest but for its grid's and reference's numbers, which are long."""
        record = json.loads(self.manifest.to_json())
        del record["grid"]["arrays"]
        (record["reference"] or {}).pop("latents", None)
        return {"where": self.where, "weights": self.weights, "digest": self.manifest.digest, "manifest": record}


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Args:
        path: of the file.
        marked: whether the file itself bears the SYNTHETIC mark (a description, an XMP packet, a title); a manifest
            beside a file is no mark in it.
        findings: manifests; several in a document or a folder's zip.
    """

    path: Path
    marked: bool
    findings: tuple[Finding, ...]

    @property
    def synthetic(self) -> bool | None:
        """True where a mark or a manifest says so; None where nothing does, which proves nothing."""
        return True if self.marked or self.findings else None


def inspect_file(path: str | Path) -> Inspection:
    """Look for manifests and marks in an image (TIFF, PNG, JPEG, Deep Zoom), a ``.manifest.json``, a saved document
    (``.ssldiff``) or another zip of ours.

    Raises:
        ManifestError: where there is no such file, or a manifest is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise ManifestError(f"inspect {path}", "there is no such file", "", "Check the name and the folder")
    if zipfile.is_zipfile(path):
        return _inspect_zip(path)
    if path.suffix.lower() == ".json":
        return Inspection(path, False, (_finding("in the file", read_manifest(path), path.name),))
    marked = _is_marked(path)
    try:
        text = read_manifest(path)
    except ManifestError:
        return Inspection(path, marked, ())
    inside = "\nmanifest=" in description_in(path)
    where = "in the file" if inside else f"beside it, {manifest_path(path).name}"
    return Inspection(path, marked, (_finding(where, text, path.name),))


def _inspect_zip(path: Path) -> Inspection:
    findings = []
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(_MANIFEST_SUFFIX)]
            for entry in entries[:_MAX_MANIFESTS]:
                with archive.open(entry) as file:
                    text = file.read(_MAX_BYTES + 1)
                if len(text) > _MAX_BYTES:
                    raise ManifestError(f"inspect {path}", f"{entry.filename} is larger than a manifest ever is", "")
                findings.append(_finding(entry.filename, text, entry.filename))
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ManifestError(f"inspect {path}", f"the file is damaged: {error}") from error
    return Inspection(path, False, tuple(findings))


def _finding(where: str, text: str | bytes, name: str) -> Finding:
    manifest = Manifest.from_json(text, name=name)
    return Finding(where, manifest, _weights_of(manifest))


def _weights_of(manifest: Manifest) -> Weights:
    from ..models.catalogue import get_model_spec

    try:
        spec = get_model_spec(manifest.model_id)
        if spec.how_to_get:
            return "not here"
        return "here" if spec.digest == manifest.model_digest else "another version"
    except (ModelError, OSError):
        return "not here"


def _is_marked(path: Path) -> bool:
    return "SYNTHETIC" in description_in(path)[:200] or DIGITAL_SOURCE_TYPE in _xmp_in(path) or _deep_zoom_mark(path)


def _deep_zoom_mark(path: Path) -> bool:
    return path.suffix.lower() == ".dzi" and b"SYNTHETIC" in path.read_bytes()[:4096]


def _xmp_in(path: Path) -> str:
    """The XMP packet of an image, or an empty text."""
    with path.open("rb") as file:
        magic = file.read(8)
    try:
        if magic[:2] in (b"II", b"MM"):
            import tifffile

            with tifffile.TiffFile(path) as tiff:
                tag = tiff.pages.first.tags.get(XMP_TAG)
                return bytes(tag.value).decode("utf-8", "replace") if tag is not None else ""
        if magic.startswith((b"\x89PNG", b"\xff\xd8\xff")):
            from PIL import Image

            with Image.open(path) as image:
                found = image.info.get(XMP_PNG_KEY) or image.info.get("xmp") or b""
                return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    except Exception:  # whatever a decoder raises on a damaged file: then it says nothing
        return ""
    return ""
