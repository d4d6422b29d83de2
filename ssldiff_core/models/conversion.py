"""From weights as others published them to a model folder that the catalogue finds."""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import ModelError
from .families import get_family
from .published import LRDM_PAPER, PIXCELL_PAPER, Published, find_published
from .published import SD3_AUTOENCODER as SD3_AUTOENCODER
from .sources import fetch_source, find_source, missing_source, parse_hub_place
from .spec import ModelSpec, write_model_spec

CELL_PX = 256
"""Canvas pixels along a cell: both families were trained on patches of 256 px."""

_SCHEDULE = "scheduler/scheduler_config.json"

PIXEL_SIZE_M = 0.5e-6
"""Where nothing else is known: 20×, as most of these models."""


@dataclass(frozen=True)
class Facts:
    """What the files do not say; what is None follows from the published model of that id, or from the files' names.

    Args:
        id: to ask for the model by; by default the name of its folder.
        encoder_id: the patch encoder whose embeddings it takes; by default the model's own name for an unknown one.
        pixel_size_m: of its training, metres.
    """

    id: str | None = None
    encoder_id: str | None = None
    pixel_size_m: float | None = None

    def spec(self, folder: Path, family: str, source: str, **found: Any) -> ModelSpec:
        """The entry of a model in ``folder``, with what was ``found`` in its files.

        Raises:
            ModelError: where the id is that of a published model of another family.
        """
        model_id = self.id or folder.name
        known = find_published(model_id, source)
        if known is not None and known.family != family:
            raise ModelError(
                f"convert {source} as {model_id!r}", f"these are weights of the family {family}",
                f"{model_id!r} is a model of the family {known.family}", "Give another --id",
            )  # fmt: skip
        paper = LRDM_PAPER if family == "lrdm" else PIXCELL_PAPER
        known = known or Published(model_id, family, "unknown", model_id, PIXEL_SIZE_M, 4.0, "unknown", paper, source)
        record: dict[str, Any] = {
            "version": "published", "domain": known.domain, "encoder_id": self.encoder_id or known.encoder_id,
            "pixel_sizes_m": (self.pixel_size_m or known.pixel_size_m,), "guidance_scale": known.guidance_scale,
            "licence": known.licence, "paper": known.paper, "engine": "windowed", "cell_px": CELL_PX,
        }  # fmt: skip
        return ModelSpec(id=model_id, family=family, folder=folder, **record | found)


def convert_checkpoint(checkpoint: Path, project: Path, folder: Path, facts: Facts | None = None) -> ModelSpec:
    """Write a model folder of the paper's family from ``last.ckpt`` and ``project.yaml``, completely or not at all.

    Raises:
        ModelError: where a file is missing or broken, the two do not fit each other, or the folder is not empty.
    """
    from .lrdm_conversion import convert_lrdm
    from .preview import fit_latent_rgb

    with _written_whole(folder) as part:
        model = convert_lrdm(checkpoint, project)
        model.save(part)
        autoencoder = model.autoencoder()
        spec = (facts or Facts()).spec(
            folder, "lrdm", str(checkpoint), condition_dim=model.embedder.config.patch_dim,
            latent_factor=autoencoder.factor, latent_channels=model.unet.config.in_channels,
            window_lat=model.unet.config.sample_size,
            latent_rgb=fit_latent_rgb(autoencoder, model.vq.quantize.embedding.weight),
        )  # fmt: skip
        write_model_spec(replace(spec, folder=part))
        _check_loads(replace(spec, folder=part))
    return spec


def adopt_pixcell(
    source: str, folder: Path, facts: Facts | None = None, *, autoencoder: str = SD3_AUTOENCODER, download: bool = False
) -> ModelSpec:
    """Write a model folder of the family ``pixcell``; the weights stay where they are, and it says where.

    Args:
        source: a local diffusers folder (the whole, or its ``transformer/``), or a repository on the hub.
        folder: to write.
        facts: what the files do not say.
        autoencoder: the SD3 autoencoder: a local folder (the whole, or its ``vae/``), or a place on the hub.
        download: fetch what is not here; otherwise nothing is.

    Raises:
        ModelError: where weights are missing (with the command that fetches them) or of another family, or the folder
            is not empty.
    """
    sources = {}
    for name, place, inside in (("denoiser", source, "transformer"), ("autoencoder", autoencoder, "vae")):
        sources[name] = _settle(place, inside)
        if find_source(sources[name]) is None:
            if not download:
                raise missing_source(sources[name])
            fetch_source(sources[name], beside=(_SCHEDULE,) if name == "denoiser" else ())
    network = find_source(sources["denoiser"])
    assert network is not None, "it was found or fetched"
    try:
        config = json.loads((network / "config.json").read_text(encoding="utf-8"))
        tokens, window_lat = int(config["caption_num_tokens"]), int(config["sample_size"])
        condition_dim, channels = int(config["caption_channels"]), int(config["in_channels"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"use the weights {source}", f"its config.json describes something else: {error}",
            "a PixCell folder holds transformer/config.json of a PixCellTransformer2DModel",
            "Checkpoints of the paper are given as last.ckpt and project.yaml",
        ) from error  # fmt: skip
    with _written_whole(folder) as part:
        spec = (facts or Facts()).spec(
            folder, "pixcell", source, condition_dim=condition_dim, latent_factor=8, latent_channels=channels,
            window_lat=window_lat, cells_per_window=math.isqrt(tokens), sources=tuple(sources.items()),
        )  # fmt: skip
        _write_schedule(network.parent / "scheduler", part / "scheduler")
        write_model_spec(replace(spec, folder=part))
        _check_loads(replace(spec, folder=part))
    return spec


def _settle(place: str, inside: str) -> str:
    """The place of a part: the folder ``inside`` a local folder or a repository, where not named itself."""
    local = Path(place).expanduser()
    if local.is_dir():
        return str((local / inside if (local / inside).is_dir() else local).resolve())
    hub = parse_hub_place(place)
    return f"{place}:{inside}" if hub and not hub.part and not place.startswith((".", "/", "~")) else place


def _write_schedule(found: Path, folder: Path) -> None:
    """The noise schedule beside the weights, or the family's: 1000 steps, β linear from 0.0001 to 0.02."""
    from diffusers import DDPMScheduler

    schedule = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    file = found / Path(_SCHEDULE).name
    if file.is_file():
        given = json.loads(file.read_text(encoding="utf-8"))
        schedule |= {name: given[name] for name in schedule if name in given}
    DDPMScheduler(**schedule, clip_sample=False).save_pretrained(folder)


def _check_loads(spec: ModelSpec) -> None:
    """What was written is read again before anyone is told that it is there."""
    get_family(spec.family).load_model(spec, torch.device("cpu"), torch.float32)


@contextmanager
def _written_whole(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name when it is complete.

    Raises:
        ModelError: where something stands there already, or it cannot be written.
    """
    asked = f"write the model folder {folder}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(asked, "it is there and not empty", "", "Name a new folder")
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        part.mkdir(parents=True)
        yield part
        if folder.is_dir():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise ModelError(asked, f"it failed: {error.strerror or error}", "", "Choose a writable folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
