"""The networks of patch encoders, built by timm from the arguments of their specs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .spec import EncoderSpec


class ConvStem(nn.Module):
    """The stem of CTransPath: three convolutions where a Swin transformer has one (Wang et al. 2022, section 3.2).

    Two 3×3 convolutions of stride 2, each with batch norm and ReLU, and a 1×1 convolution: pixels (n, 3, h, w) ->
    tokens (n, h / 4, w / 4, dim). Parameters are named as in the authors' checkpoint.
    """

    def __init__(
        self, img_size: int | tuple[int, int] = 224, patch_size: int = 4, in_chans: int = 3, embed_dim: int = 96,
        norm_layer: Any = None, device: Any = None, dtype: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        place = {"device": device, "dtype": dtype}
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        self.img_size, self.patch_size = (height, width), (patch_size, patch_size)
        self.grid_size = (height // patch_size, width // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        quarter, half = embed_dim // 8, embed_dim // 4
        self.proj = nn.Sequential(
            nn.Conv2d(in_chans, quarter, 3, stride=2, padding=1, bias=False, **place),
            nn.BatchNorm2d(quarter, **place),
            nn.ReLU(),
            nn.Conv2d(quarter, half, 3, stride=2, padding=1, bias=False, **place),
            nn.BatchNorm2d(half, **place),
            nn.ReLU(),
            nn.Conv2d(half, embed_dim, 1, **place),
        )
        self.norm = norm_layer(embed_dim, **place) if norm_layer else nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.norm(self.proj(pixels).permute(0, 2, 3, 1))  # type: ignore[no-any-return]


def _layers() -> dict[str, Any]:
    from timm.layers.mlp import SwiGLUPacked

    return {"SwiGLUPacked": SwiGLUPacked, "SiLU": nn.SiLU, "ConvStem": ConvStem}


def build_network(spec: EncoderSpec) -> nn.Module:
    """The network of an encoder with random weights.

    In ``with torch.device("meta")`` it is built without memory for them.

    Raises:
        ModelError: where timm cannot build it.
    """
    import timm

    asked = f"build the network of the patch encoder {spec.id}"
    try:
        network: nn.Module = timm.create_model(spec.timm_name, pretrained=False, **_resolved(spec.timm_args))
    except Exception as error:  # timm, torch and the network's own constructor raise whatever they like
        raise ModelError(asked, f"timm {timm.__version__} cannot make {spec.timm_name}: {error}") from error
    return network


def _resolved(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with layers for their names."""
    layers = _layers()
    return {
        name: layers[value] if isinstance(value, str) and name.endswith("_layer") and value in layers else value
        for name, value in arguments.items()
    }


def fold_batch_norms(network: nn.Module) -> int:
    """Let each convolution do what the batch norm right after it would do, so that a pass over the image is saved.

    The network computes the same, to rounding, and keeps its modules. One whose way cannot be traced stays as it is.

    Args:
        network: in evaluation mode; changed in place.

    Returns:
        How many were folded.
    """
    if not any(type(module) is nn.BatchNorm2d for module in network.modules()):
        return 0
    from torch.fx import Node, symbolic_trace
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    try:
        nodes = list(symbolic_trace(network).graph.nodes)
    except Exception:  # a network may do on its way whatever Python can
        return 0
    called = Counter(str(node.target) for node in nodes if node.op == "call_module")
    folded = 0
    for node in nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        first, second = str(before.target), str(node.target)
        convolution, norm = network.get_submodule(first), network.get_submodule(second)
        if type(norm) is not nn.BatchNorm2d or type(convolution) is not nn.Conv2d:
            continue
        if called[first] == called[second] == 1 and norm.running_var is not None:
            network.set_submodule(first, fuse_conv_bn_eval(convolution, norm))
            network.set_submodule(second, nn.Identity())
            folded += 1
    return folded


def read_out(network: nn.Module, output: Tensor, readout: str) -> Tensor:
    """An embedding (n, dim) from what the network gives.

    Args:
        network: that gave it; knows how many tokens stand before those of patches.
        output: (n, dim), or for ``class+mean`` tokens (n, m, dim / 2), the class token first.
        readout: see :class:`~ssldiff_core.embeddings.spec.EncoderSpec`.
    """
    if readout == "output":
        return output
    first = int(getattr(network, "num_prefix_tokens", 1))
    return torch.cat([output[:, 0], output[:, first:].mean(1)], dim=-1)
