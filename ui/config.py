"""What a running app was told: where scenes come from, where work is kept, what may be uploaded."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ssldiff_core.assets import assets_path
from ssldiff_core.errors import SettingsError

SCENE_SUFFIXES = frozenset({
    ".svs", ".tif", ".tiff", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".czi", ".dcm",
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".jp2", ".vrt", ".img",
})  # fmt: skip
"""Suffixes that the list of scenes shows and an upload may have. Whether the content is an image is for the reader."""


def default_data_dir() -> Path:
    """Where documents are kept: ``SSLDIFF_DATA_DIR``, or the user's own data folder."""
    given = os.environ.get("SSLDIFF_DATA_DIR")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "ssldiff"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ssldiff"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "ssldiff"


@dataclass(frozen=True)
class AppConfig:
    """Args:
    root: folder whose scenes the page lists; None shows demo scenes and uploads only.
    data_dir: folder for documents, results and uploads; made when missing.
    max_upload_bytes: largest upload, in bytes.
    accounts: password of each user; empty asks for no login.
    proxy_header: header in which a proxy in front names the user; instead of accounts.
    kiosk: whether this is a stage: no uploads, a gallery while nobody touches it, everything anew after a while.
    kiosk_idle_s: seconds without a touch after which a stage begins anew.
    keep_source_names: whether exports and documents carry the names of the files that scenes came from.
    quota_bytes: what results may take on disk before the oldest are removed; 0 for no limit.
    max_sockets: pages that may be open at once, over all users.
    """

    root: Path | None = None
    data_dir: Path = field(default_factory=default_data_dir)
    max_upload_bytes: int = 8 << 30
    accounts: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy_header: str = ""
    kiosk: bool = False
    kiosk_idle_s: float = 90.0
    keep_source_names: bool = False
    quota_bytes: int = 0
    max_sockets: int = 400

    def __post_init__(self) -> None:
        if self.accounts and self.proxy_header:
            raise SettingsError(
                "start with a login", "both accounts and a proxy's header are given", "one of them names the user",
                "Leave out --auth or --proxy-header",
            )  # fmt: skip
        object.__setattr__(self, "data_dir", Path(self.data_dir).expanduser().resolve())
        if self.root is not None:
            root = Path(self.root).expanduser().resolve()
            if not root.is_dir():
                raise SettingsError(
                    f"list the scenes in {self.root}",
                    "it is no folder",
                    "--root names a folder",
                    "Give an existing folder",
                )
            object.__setattr__(self, "root", root)
        try:
            for name in ("documents", "jobs", "uploads"):
                (self.data_dir / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"keep documents in {self.data_dir}", f"the folder cannot be written ({error.strerror})",
                "the app needs a folder of its own", "Give another one with --data-dir",
            ) from None  # fmt: skip

    @property
    def demo_dir(self) -> Path:
        return assets_path("scenes")


@cache
def static_version() -> str:
    """Digest of the page's own scripts and styles: part of their addresses, so that they can be cached for good."""
    digest = hashlib.blake2b(digest_size=6)
    here = Path(__file__).parent
    for path in sorted([*here.glob("scripts/*.js"), *here.glob("styles/*.css")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
