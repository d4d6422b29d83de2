"""The manifest: what made an image, and all that is needed to make it again.

A manifest is one JSON object, written beside every result and inside it; ``manifest-1.schema.json`` says the same to
programs::

    {
      "schema": "ssldiff manifest",       always this text
      "schema_version": 1,                readers refuse a later one
      "synthetic": true,                  always; the image shows nothing that was ever photographed
      "notice": "SYNTHETIC …",            the same for people
      "created": "2026-01-31T12:00:00+00:00",
      "model": {"id": "tissue", "digest": "<sha256 of the weights>"},
      "settings": {"seed": 0, "steps": 20, …},          as generate.Settings takes them
      "edits": [{…}, …],                  what was done to the source's grid, in order (layouts.edit_to_json); already
                                          contained in "grid"
      "parents": ["<digest>", …],         digests of the manifests this run continues, oldest first
      "reference": {"strength": 0.5, "digest": "<sha256 of its latents>", "name": …, "path": …, "latents": "<base64>"},
                                          what a variation started from (diffusion.reference), or null
      "appearance": {"kind": "stains", …},              the colours it was given (diffusion.appearance), or null
      "chain": [{"margin_lat": 6, "change": {…}, …}, …],      how each grid of a regenerated image became the next,
                                          oldest first (embeddings.grid_change), so that all can be drawn again
      "bit_exact": true,                  replay on the same machine, device and versions gives the same bytes
      "image": {"digest": "<sha256>", "shape": [height, width, 3]},     or null before there is an image
      "versions": {"python": …, "ssldiff": …, "torch": …, "numpy": …},
      "machine": {"processor": …, "system": …, "device": …, "precision": …, "threads": …},
      "source": {…},                      name, region, attribution of the scene the grid was read from, and
                                          "edited_from", "edits" where the grid's file already held edits
      "grid": {
        "digest": "<sha256>",             of the grid, checked on reading
        "encoder_id": "tissue-1",
        "preprocessing_digest": "…",
        "geometry": {"shape_cell": [8, 8], "pixel_size_m": 5e-07, …},   as geometry.GridGeometry takes them
        "arrays": "<base64 of an .npz with vectors (rows, cols, dim) float32 and valid (rows, cols) bool; where it has
                                          class regions also region_labels, …, as embeddings.class_regions names them>"
      }
    }
"""

from __future__ import annotations

import binascii
import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..embeddings.arrays import digest_array
from ..embeddings.grid import EmbeddingGrid
from ..errors import ManifestError, SSLDiffError
from .machine import describe_machine, describe_versions
from .record import NOTICE, SCHEMA, SCHEMA_VERSION, grid_from_json, grid_to_json, plain_copy, read_record


@dataclass(frozen=True)
class Manifest:
    """What made one image.

    Args:
        grid: the grid that was drawn, edits applied.
        model_id: catalogue id of the model.
        model_digest: sha256 of its weights.
        settings: JSON-able; as ``generate.Settings`` takes them, device and precision as they were asked for.
        edits: JSON-able records of what led from the source's grid to ``grid``, in order.
        parents: digests of the manifests that this run continues, oldest first.
        reference: JSON-able; what a variation started from, empty for a run from noise.
        appearance: JSON-able; the colours that the image was given, empty where they are the model's own.
        chain: JSON-able; for each time the image was regenerated, what changed and how wide around it was drawn.
        bit_exact: whether a replay on the same machine, device and versions is promised to be equal in every bit.
        image_digest: :func:`digest_image` of the result; empty before there is one.
        image_shape: (height, width, 3) of the result; empty before there is one.
        versions: see :func:`describe_versions`.
        machine: see :func:`describe_machine`.
        created: ISO 8601 time in UTC.

    Raises:
        ManifestError: where a part cannot be written as JSON or the ids are empty.
    """

    grid: EmbeddingGrid
    model_id: str
    model_digest: str
    settings: Mapping[str, Any]
    edits: tuple[Mapping[str, Any], ...] = ()
    parents: tuple[str, ...] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    appearance: Mapping[str, Any] = field(default_factory=dict)
    chain: tuple[Mapping[str, Any], ...] = ()
    bit_exact: bool = False
    image_digest: str = ""
    image_shape: tuple[int, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: describe_versions())
    machine: Mapping[str, Any] = field(default_factory=lambda: describe_machine())
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        for name in ("model_id", "model_digest"):
            if not getattr(self, name):
                raise ManifestError(
                    "make a manifest", f"{name} is empty", "a manifest names the weights that drew the image"
                )
        for name in ("settings", "reference", "appearance", "versions", "machine"):
            object.__setattr__(self, name, MappingProxyType(plain_copy(name, dict(getattr(self, name)))))
        for name in ("edits", "chain"):
            records = tuple(MappingProxyType(plain_copy(name, dict(record))) for record in getattr(self, name))
            object.__setattr__(self, name, records)
        object.__setattr__(self, "parents", tuple(str(parent) for parent in self.parents))
        object.__setattr__(self, "image_shape", tuple(int(side) for side in self.image_shape))

    @property
    def synthetic(self) -> bool:
        """Always True: there is no manifest of a photograph."""
        return True

    @property
    def source(self) -> Mapping[str, Any]:
        """Where the grid was read from: name, region, attribution. Empty for a grid without a scene."""
        return MappingProxyType(dict(self.grid.source))

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of what decides the image: weights, grid, settings, earlier runs; not of time and place."""
        facts: list[Any] = [self.model_id, self.model_digest, self.grid.digest, dict(self.settings), list(self.parents)]
        if self.reference:
            facts.append([self.reference["digest"], self.reference["strength"]])
        if self.appearance:
            facts.append(dict(self.appearance))
        if self.chain:
            facts.append([dict(record) for record in self.chain])
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def with_image(self, image: np.ndarray) -> Manifest:
        """The same manifest with the digest and shape of its result, a (height, width, 3) uint8 image."""
        return replace(self, image_digest=digest_image(image), image_shape=image.shape)

    def to_json(self) -> str:
        """The JSON object of this module's docstring."""
        image = {"digest": self.image_digest, "shape": list(self.image_shape)} if self.image_digest else None
        return json.dumps(
            {
                "schema": SCHEMA,
                "schema_version": SCHEMA_VERSION,
                "synthetic": self.synthetic,
                "notice": NOTICE,
                "created": self.created,
                "model": {"id": self.model_id, "digest": self.model_digest},
                "settings": dict(self.settings),
                "edits": [dict(edit) for edit in self.edits],
                "parents": list(self.parents),
                "reference": dict(self.reference) or None,
                "appearance": dict(self.appearance) or None,
                "chain": [dict(record) for record in self.chain],
                "bit_exact": self.bit_exact,
                "image": image,
                "versions": dict(self.versions),
                "machine": dict(self.machine),
                "source": plain_copy("source", dict(self.source)),
                "grid": grid_to_json(self.grid),
            },
            indent=1,
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, name: str = "the manifest") -> Manifest:
        """Read what :meth:`to_json` wrote.

        Args:
            text: the JSON.
            name: what to call it in an error, e.g. its path.

        Raises:
            ManifestError: where the text is no JSON, the JSON no manifest, of a later version, damaged or incomplete.
        """
        record = read_record(text, name)
        try:
            image = record["image"] or {"digest": "", "shape": ()}
            return cls(
                grid=grid_from_json(record["grid"], record["source"]),
                model_id=str(record["model"]["id"]),
                model_digest=str(record["model"]["digest"]),
                settings=record["settings"],
                edits=tuple(record["edits"]),
                parents=tuple(record["parents"]),
                reference=record.get("reference") or {},
                appearance=record.get("appearance") or {},
                chain=tuple(record.get("chain") or ()),
                bit_exact=bool(record["bit_exact"]),
                image_digest=str(image["digest"]),
                image_shape=tuple(image["shape"]),
                versions=record["versions"],
                machine=record["machine"],
                created=str(record["created"]),
            )
        except (binascii.Error, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise ManifestError(f"read {name}", f"the grid inside is damaged: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise ManifestError(f"read {name}", f"a part is missing or malformed: {error}") from error
        except SSLDiffError as error:
            raise ManifestError(f"read {name}", f"a part is not valid: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Manifest:
        """Read a manifest's file.

        Raises:
            ManifestError: where there is no such file, or it is no manifest.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ManifestError(f"read {path}", f"it cannot be opened: {error.strerror}") from error
        return cls.from_json(content, name=str(path))


def digest_image(image: np.ndarray) -> str:
    """sha256 (hex) of an image's shape, type and bytes."""
    return digest_array(image)
