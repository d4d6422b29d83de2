"""Results out: an image file with its pixel size and its manifest inside and beside, marked SYNTHETIC."""

from .embedding import manifest_path, read_manifest
from .writing import SUFFIXES, write_image

__all__ = ["SUFFIXES", "manifest_path", "read_manifest", "write_image"]
