"""Provenance: the manifest that says what made an image, and all that is needed to make it again."""

from .machine import describe_machine, describe_versions
from .manifest import Manifest, digest_image
from .record import NOTICE, SCHEMA, SCHEMA_VERSION, schema

__all__ = [
    "NOTICE",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Manifest",
    "describe_machine",
    "describe_versions",
    "digest_image",
    "schema",
]
