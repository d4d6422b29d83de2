"""Weights of patch encoders: found on this machine, fetched where asked for, read without running code, and fitted.

Checkpoints come in the layouts of timm, of DINO's training (``teacher``, ``backbone.``), of transformers' ViT and of
Swin transformers before timm 0.9; each is brought to timm's names. What then differs from the network is refused and
named.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .spec import EncoderSpec

if TYPE_CHECKING:
    import torch

State = dict[str, Any]

_HUB = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*):(?P<file>[\w./-]+)")
_ALSO = ("model.safetensors", "pytorch_model.bin")
_WRAPPERS = ("teacher", "model", "state_dict")
_PREFIXES = ("module.", "backbone.")
_DROPPED_STARTS = ("head.", "fc.", "pooler.")
_DROPPED_ENDS = ("relative_position_index", "attn_mask", "mask_token")


def find_weights(spec: EncoderSpec) -> Path | None:
    """The file with an encoder's weights, if it is on this machine; no network."""
    if spec.weights:
        path = Path(spec.weights)
        return path if path.is_file() else None
    hub = _HUB.fullmatch(spec.source)
    if hub is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    for name in dict.fromkeys((hub["file"], *_ALSO)):
        found = try_to_load_from_cache(hub["repo"], name)
        if isinstance(found, str) and Path(found).is_file():
            return Path(found)
    return None


def fetch_weights(spec: EncoderSpec) -> Path:
    """Download an encoder's weights into the hub's cache, because the user asked for it; ``HF_HUB_OFFLINE`` forbids it.

    Raises:
        ModelError: where the hub refuses or cannot be reached, or the file must be fetched by hand.
    """
    hub = _HUB.fullmatch(spec.source)
    if hub is None:
        raise missing_weights(spec)
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(hub["repo"], hub["file"]))
    except Exception as error:  # the hub's client and its transport raise many kinds
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise missing_weights(spec, f"the hub says: {said}") from error


def missing_weights(spec: EncoderSpec, found: str = "its weights are not on this machine") -> ModelError:
    """What to tell a user who has no weights: the command, word for word."""
    return ModelError(
        f"load the patch encoder {spec.id}", found, "nothing is fetched unless you ask for it", how_to_get(spec)
    )


def how_to_get(spec: EncoderSpec) -> str:
    """How to come by an encoder's weights, in a sentence with the command."""
    if spec.weights:
        return f"Train it with ssldiff train, or reinstall: {spec.weights} is missing"
    hub = _HUB.fullmatch(spec.source)
    if hub is None:
        return f"Fetch the file by hand ({spec.source or 'ask its author'}) and give it with --encoder-weights FILE"
    page = f"https://huggingface.co/{hub['repo']}"
    gate = f"accept the terms at {page} and run `hf auth login`, then " if spec.gated else ""
    text = f"{gate}run `hf download {hub['repo']} {hub['file']}`"
    return f"{text[0].upper()}{text[1:]}, or give --download, or a file with --encoder-weights FILE"


def load_weights(network: torch.nn.Module, path: Path, asked: str) -> None:
    """Load a checkpoint into a network, in float32: every weight of it, and no other.

    Raises:
        ModelError: where the file is broken or would run code, or its weights are not those of the network; what is
            missing, has no place or has another shape is named.
    """
    state = _to_timm(read_checkpoint(path, asked), network)
    own = network.state_dict()
    differences = _differences(own, state)
    if differences:
        raise ModelError(
            asked, f"the weights in {path} do not fit its network: {differences}",
            "every weight of the network is in the file, with its shape", "Take the file of this very encoder",
        )  # fmt: skip
    network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in state.items()})


def read_checkpoint(path: Path, asked: str) -> State:
    """The tensors of a ``.safetensors`` file or of a torch checkpoint, which is read without running what it holds.

    Raises:
        ModelError: where the file is broken, or holds more than tensors and plain values.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with torch.serialization.safe_globals([argparse.Namespace]):  # DINO's checkpoints hold the training's options
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch, pickle, zip and safetensors each have their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            asked, f"its weights {path} are broken or hold more than numbers: {reason[:200]}",
            "a checkpoint is read without running code", "Take a .safetensors file, or a state_dict saved by torch",
        ) from error  # fmt: skip
    return _tensors(content)


def weights_digest(path: Path) -> str:
    """sha256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tensors(content: Any) -> State:
    """The dictionary of tensors inside a checkpoint."""
    for _ in range(3):
        inner = next((content[k] for k in _WRAPPERS if isinstance(content, Mapping) and k in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping):
        return {}
    return {str(name): value for name, value in content.items() if hasattr(value, "is_floating_point")}


def _to_timm(state: State, network: torch.nn.Module) -> State:
    """The state under timm's names, without classifier, projection head and what is computed anew."""
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    state = {name.removeprefix("vit."): value for name, value in state.items()}
    if "embeddings.cls_token" in state:
        state = _from_transformers(state)
    if "layers.0.downsample.reduction.weight" in state:  # before timm 0.9 a stage of Swin ended with its downsampling
        state = {
            re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) + 1}.downsample", name): value
            for name, value in state.items()
        }
    own = network.state_dict()
    return {
        name: value
        for name, value in state.items()
        if name in own or not (name.startswith(_DROPPED_STARTS) or name.endswith(_DROPPED_ENDS))
    }


def _from_transformers(state: State) -> State:
    """A ViT of transformers: its layers under timm's names, queries, keys and values in one matrix."""
    import torch

    renamed: State = {}
    for name, value in state.items():
        for old, new in _TRANSFORMERS:
            name = re.sub(old, new, name)
        renamed[name] = value
    for name in [name for name in renamed if ".attn.query." in name]:
        parts = [renamed.pop(name.replace("query", part)) for part in ("query", "key", "value")]
        renamed[name.replace("query", "qkv")] = torch.cat(parts)
    return renamed


_TRANSFORMERS = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
    (r"^encoder\.layer\.", "blocks."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.attention\.", ".attn."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)


def _differences(own: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """What differs between a network and a file, for people; empty where nothing does."""
    shapes = [
        f"{name} is {tuple(state[name].shape)} and not {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    groups = (
        ("missing", [name for name in own if name not in state]),
        ("without a place", [name for name in state if name not in own]),
        ("of another shape", shapes),
    )
    return "; ".join(
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in groups
        if names
    )
