"""The authors' checkpoints (``last.ckpt``, ``project.yaml``) to networks of :mod:`.lrdm`, each key accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from diffusers import DDPMScheduler, UNet2DConditionModel, VQModel
from torch import Tensor, nn

from ..errors import ModelError
from .checkpoint import read_checkpoint
from .lrdm import LRDM, ConditionEmbedder

UNET, FIRST_STAGE, CONDITION = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
"""Prefixes of the checkpoint's parts. What stands under another (a metric's network, buffers of the schedule) draws
nothing and is left behind."""

_CODEBOOK = "quantize.embedding.weight"

Weights = Mapping[str, Tensor]


def convert_lrdm(checkpoint: Path, project: Path) -> LRDM:
    """Build the networks of a checkpoint.

    Raises:
        ModelError: where a file is missing or broken, or the two do not fit each other; the first key that differs is
            named.
    """
    params = read_project(project)
    weights = read_checkpoint(checkpoint)
    try:
        unet_args, vq_args = unet_config(params), vq_config(params)
        schedule = {"beta_start": float(params["linear_start"]), "beta_end": float(params["linear_end"])}
        timesteps = int(params.get("timesteps", 1000))
        normalise = bool(params["cond_stage_config"]["params"].get("normalize_ssl", True))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"read the project {project}", f"a setting is missing or malformed: {error}",
            "it is the yaml of a latent diffusion model of the paper", "Name the yaml that came with the checkpoint",
        ) from error  # fmt: skip
    return LRDM(
        convert_unet(weights, unet_args, checkpoint),
        convert_vq(weights, vq_args, checkpoint),
        convert_embedder(weights, normalise, checkpoint),
        DDPMScheduler(timesteps, **schedule, beta_schedule="scaled_linear", clip_sample=False),
    )


def read_project(path: Path) -> dict[str, Any]:
    """``model.params`` of a project's yaml.

    Raises:
        ModelError: where there is no such file, or it is none.
    """
    try:
        params: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["model"]["params"]
        for part in ("unet_config", "first_stage_config", "cond_stage_config"):
            params[part]["params"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ModelError(
            f"read the project {path}", f"it is missing or describes something else: {error}",
            "a project.yaml describes UNet, first stage and condition under model: params:",
            "Name the yaml that came with the checkpoint",
        ) from error  # fmt: skip
    return params


def unet_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``UNet2DConditionModel`` from the project's names.

    ``attention_head_dim`` is, for historical reasons, the number of heads.
    """
    unet = params["unet_config"]["params"]
    if unet.get("use_linear_in_transformer") or int(unet.get("num_head_channels", -1)) != -1:
        raise ValueError("use_linear_in_transformer and num_head_channels are not of this family")
    multipliers, attention = unet["channel_mult"], {int(factor) for factor in unet["attention_resolutions"]}
    crossed = [2**level in attention for level in range(len(multipliers))]
    return {
        "sample_size": int(unet["image_size"]), "in_channels": int(unet["in_channels"]),
        "out_channels": int(unet["out_channels"]), "layers_per_block": int(unet["num_res_blocks"]),
        "block_out_channels": tuple(int(unet["model_channels"]) * int(factor) for factor in multipliers),
        "down_block_types": tuple("CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in crossed),
        "up_block_types": tuple("CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(crossed)),
        "cross_attention_dim": int(unet["context_dim"]), "attention_head_dim": int(unet.get("num_heads", 1)),
        "transformer_layers_per_block": int(unet.get("transformer_depth", 1)), "use_linear_projection": False,
    }  # fmt: skip


def vq_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``VQModel`` from the project's names."""
    stage = params["first_stage_config"]["params"]
    network = stage["ddconfig"]
    channels = tuple(int(network["ch"]) * int(factor) for factor in network["ch_mult"])
    return {
        "in_channels": int(network["in_channels"]), "out_channels": int(network["out_ch"]),
        "block_out_channels": channels, "layers_per_block": int(network["num_res_blocks"]),
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "latent_channels": int(network["z_channels"]), "vq_embed_dim": int(stage["embed_dim"]),
        "num_vq_embeddings": int(stage["n_embed"]), "sample_size": int(network["resolution"]),
        "scaling_factor": float(params.get("scale_factor", 1.0)),
    }  # fmt: skip


def convert_unet(weights: Weights, config: dict[str, Any], source: Path) -> Any:
    """The denoising network with the checkpoint's weights."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    part = {name: value for name, value in weights.items() if name.startswith(UNET)}
    return _fill(lambda: UNet2DConditionModel(**config), part, convert_ldm_unet_checkpoint, config, source)


def convert_vq(weights: Weights, config: dict[str, Any], source: Path) -> Any:
    """The autoencoder with the checkpoint's weights; its training losses are left behind."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    part = {
        name: value
        for name, value in weights.items()
        if name.startswith(FIRST_STAGE) and not name.startswith(f"{FIRST_STAGE}loss.")
    }

    def convert(part: dict[str, Tensor], config: dict[str, Any]) -> dict[str, Tensor]:
        converted: dict[str, Tensor] = convert_ldm_vae_checkpoint(part, config)
        if FIRST_STAGE + _CODEBOOK in part:  # diffusers' mapping is for autoencoders without a codebook
            converted[_CODEBOOK] = part[FIRST_STAGE + _CODEBOOK]
        return converted

    return _fill(lambda: VQModel(**config), part, convert, config, source)


def convert_embedder(weights: Weights, normalise: bool, source: Path) -> ConditionEmbedder:
    """The linear layers of the condition; their sizes are those of the weights."""
    part = {name.removeprefix(CONDITION): value for name, value in weights.items() if name.startswith(CONDITION)}
    patch, region = part.get("patch_fc.weight"), part.get("region_fc.weight")
    if patch is None or patch.ndim != 2:
        raise ModelError(f"convert {source}", f"it holds no {CONDITION}patch_fc.weight", "the condition enters there")
    context_dim, patch_dim = patch.shape
    region_dim = 0 if region is None else int(region.shape[-1])
    embedder: ConditionEmbedder = _fill(
        lambda: ConditionEmbedder(int(patch_dim), region_dim, int(context_dim), normalise),
        part, lambda part, _: part, {}, source,
    )  # fmt: skip
    return embedder


def _fill(
    build: Callable[[], nn.Module], part: dict[str, Tensor],
    convert: Callable[[dict[str, Tensor], dict[str, Any]], dict[str, Tensor]], config: dict[str, Any], source: Path,
) -> Any:  # fmt: skip
    """A network with converted weights: none missing, none left over, every shape as described.

    Raises:
        ModelError: naming the first weight that is not so.
    """
    network = build().eval()
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    try:
        converted = convert(dict(part), config)
    except (KeyError, AttributeError, IndexError) as error:
        raise ModelError(f"convert {source}", f"it lacks the weight {error}", "", _REMEDY) from error
    found = {name: tuple(value.shape) for name, value in converted.items()}
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    faults += [f"{name} has no place in the network" for name in sorted(found.keys() - expected.keys())]
    faults += [
        f"{name} is of shape {found[name]} where the project says {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if not faults and len(part) != len(converted):
        faults = [f"{len(part)} weights became {len(converted)}"]
    if faults:
        raise ModelError(
            f"convert {source}", f"{faults[0]} ({len(faults)} such)", "checkpoint and project fit each other", _REMEDY
        )
    network.load_state_dict({name: value.float() for name, value in converted.items()})
    return network


_REMEDY = "Name the yaml that came with the checkpoint"
