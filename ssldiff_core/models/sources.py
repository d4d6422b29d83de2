"""Where a part of a model lies that is not in its folder: another folder, or the Hugging Face hub's cache.

Nothing here goes to the network unless :func:`fetch_source` is called, and that obeys ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError

_HUB = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w.-]+))?(:(?P<part>[\w./-]+))?")


@dataclass(frozen=True)
class HubPlace:
    """A folder of a repository on the hub.

    Args:
        repo: ``owner/name``.
        revision: branch, tag or commit; None for the main branch.
        part: the folder in it; empty for its root.
    """

    repo: str
    revision: str | None
    part: str

    @property
    def command(self) -> str:
        """What fetches it, word for word."""
        words = ["hf", "download", self.repo]
        words += ["--include", f"'{self.part}/*'"] if self.part else []
        words += ["--revision", self.revision] if self.revision else []
        return " ".join(words)


def parse_hub_place(place: str) -> HubPlace | None:
    """``owner/name[@revision][:folder]``, or None for what is spelled otherwise."""
    found = _HUB.fullmatch(place)
    return HubPlace(found["repo"], found["revision"], found["part"] or "") if found else None


def find_source(place: str, base: Path | None = None) -> Path | None:
    """The folder of a part with its configuration and weights, if it is on this machine; no network.

    Args:
        place: a folder (absolute, or below ``base``), or a place on the hub.
        base: what a relative folder is relative to; by default the current folder.
    """
    folder = (base / place if base else Path(place)).expanduser()
    if folder.is_dir():
        return folder
    hub = parse_hub_place(place)
    if hub is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    name = f"{hub.part}/config.json" if hub.part else "config.json"
    config = try_to_load_from_cache(hub.repo, name, revision=hub.revision)
    if not isinstance(config, str) or not any(Path(config).parent.glob("*.safetensors")):
        return None
    return Path(config).parent


def fetch_command(place: str) -> str:
    """The command that brings a place to this machine, or what to look for where it is a folder."""
    hub = parse_hub_place(place)
    return hub.command if hub and not place.startswith((".", "/")) else f"look for the folder {place}"


def fetch_source(place: str, *, beside: tuple[str, ...] = ()) -> Path:
    """Download a place of the hub into its cache, because the user asked for it.

    Args:
        place: ``owner/name[@revision][:folder]``.
        beside: further files of the repository to fetch where it has them, e.g. the noise schedule.

    Raises:
        ModelError: where the hub refuses or cannot be reached, with the command and what stands in the way.
    """
    hub = parse_hub_place(place)
    if hub is None:
        raise missing_source(place)
    from huggingface_hub import snapshot_download

    wanted = [f"{hub.part}/*.json", f"{hub.part}/*.safetensors", *beside] if hub.part else None
    try:
        snapshot_download(hub.repo, revision=hub.revision, allow_patterns=wanted)
    except Exception as error:  # the hub's client and its transport raise many kinds
        raise missing_source(place, f"the hub says: {_first_line(error)}") from error
    folder = find_source(place)
    if folder is None:
        raise missing_source(place, "the repository holds no config.json and safetensors there")
    return folder


def missing_source(place: str, found: str = "it is not on this machine") -> ModelError:
    """What to tell a user whose weights are not here."""
    hub = parse_hub_place(place)
    if hub is None or place.startswith((".", "/")):
        asked = f"use the weights in {place}"
        return ModelError(asked, "there is no such folder", "", "Name the folder that holds them")
    return ModelError(
        f"use the weights {place}", found, "nothing is fetched unless you ask for it",
        f"Run `{hub.command}`, or give --download. Where the repository is gated or licensed, first accept its terms "
        f"at https://huggingface.co/{hub.repo} and run `hf auth login`; HF_HUB_OFFLINE=1 forbids any download",
    )  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
