"""Inception-v3 and CLIP as features, from files that a user gives; nothing is fetched.

Pixels are prepared as clean-fid does (Parmar et al. 2022): each channel resized in float by Pillow's antialiased
bicubic filter, clipped to 0 … 255 and never rounded. Layouts that are read, all as ``.pth``, ``.bin`` or
``.safetensors`` state dicts:

- ``inception:FILE`` with 1008 classes, as pytorch-fid and torch-fidelity ship it (``pt_inception-2015-12-05``, the
  weights of the original FID): averages leave the padding out, the last block pools by maximum, pixels are
  (x - 128) / 128. With these weights figures are comparable with published ones.
- ``inception:FILE`` with 1000 classes, as torchvision ships it: ImageNet's mean and deviation. Another network: its
  figures are comparable among themselves only, and its id says so.
- ``clip:FILE``, the image tower of OpenAI's CLIP under the names of open_clip (``visual.*``): ViT-B/32, B/16 or L/14,
  told from the shapes; 224 px, centre of the shorter side; QuickGELU, as OpenAI's weights want it.

TorchScript archives (``inception-2015-12-05.pt``, OpenAI's own ``ViT-B-32.pt``) hold code, and are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor, nn

from ..embeddings.weights import State, read_checkpoint, weights_digest
from ..errors import ModelError

if TYPE_CHECKING:
    from torchvision.models import Inception3

CLIP_TOWERS = {
    (768, 32): "vit_base_patch32_clip_quickgelu_224", (768, 16): "vit_base_patch16_clip_quickgelu_224",
    (1024, 14): "vit_large_patch14_clip_quickgelu_224",
}  # fmt: skip
"""(width, patch) -> timm's name."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class NetworkFeatures:
    """A frozen network on clean-fid's preprocessing.

    Args:
        id: names the features, with the digest of the weights.
        network: pixels (n, 3, side, side), normalised -> (n, dim).
        side: of its input in px.
        mean, std: of the channels in [0, 1].
        device: of the computation.
    """

    patch_px = 0

    def __init__(
        self, id: str, network: nn.Module, side: int, mean: tuple[float, ...], std: tuple[float, ...], device: str
    ) -> None:
        self.id, self.side, self.device = id, side, torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.mean, self.std = (torch.tensor(v, device=self.device)[None, :, None, None] for v in (mean, std))
        self.preprocessing = (
            f"clean-fid's: float bicubic with antialiasing to {side} px, mean {mean}, deviation {std} of 0 to 1"
        )

    def extract(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        resized = np.stack([resize_cleanly(patch, self.side) for patch in patches])
        pixels = torch.from_numpy(resized).to(self.device).permute(0, 3, 1, 2) / 255.0
        with torch.inference_mode():
            found = self.network((pixels - self.mean) / self.std)
        return np.asarray(found.float().cpu().numpy())


def resize_cleanly(patch: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A patch (h, w, 3) uint8 at (side, side, 3) float32, 0 … 255; the middle square of one that is not square."""
    height, width = patch.shape[:2]
    edge = min(height, width)
    row, col = (height - edge) // 2, (width - edge) // 2
    square = patch[row : row + edge, col : col + edge].astype(np.float32)
    if edge == side:
        return square
    channels = [
        np.asarray(Pillow.fromarray(square[..., c]).resize((side, side), Pillow.Resampling.BICUBIC)) for c in range(3)
    ]
    return np.stack(channels, axis=-1).clip(0.0, 255.0)


def load_inception(path: Path, device: str = "cpu") -> NetworkFeatures:
    """Inception-v3 up to its 2048 pooled features, in either layout of this module's docstring.

    Raises:
        ModelError: where the file is missing, broken, would run code, or holds other weights.
    """
    asked = f"take features of Inception-v3 with the weights {path}"
    state = _read(path, asked)
    classes = len(state["fc.weight"]) if "fc.weight" in state else 0
    if classes not in (1000, 1008):
        raise ModelError(
            asked, f"its last layer has {classes or 'no'} classes", "1008 are FID's own, 1000 are torchvision's",
            "Take pt_inception-2015-12-05-6726825d.pth of pytorch-fid",
        )  # fmt: skip
    network = build_inception(fid=classes == 1008)
    own = network.state_dict()
    kept = {name: value for name, value in state.items() if name in own}
    if set(kept) != set(own) or any(kept[name].shape != own[name].shape for name in own):
        missing = [name for name in own if name not in kept or kept[name].shape != own[name].shape]
        raise ModelError(
            asked, f"{len(missing)} weights are missing or of another shape ({', '.join(missing[:3])})",
            "names and shapes are torchvision's", "Take pt_inception-2015-12-05-6726825d.pth of pytorch-fid",
        )  # fmt: skip
    network.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in kept.items()}
    )
    digest = weights_digest(path)[:12]
    if classes == 1008:
        # (x - 128) / 128 of 0 … 255, written for 0 … 1
        half = (128.0 / 255.0,) * 3
        return NetworkFeatures(f"inception-fid-{digest}", network, 299, half, half, device)
    return NetworkFeatures(f"inception-torchvision-{digest}", network, 299, IMAGENET_MEAN, IMAGENET_STD, device)


def build_inception(*, fid: bool) -> Inception3:
    """Inception-v3 with random weights whose output are the pooled features; ``fid`` pools as FID's original does."""
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, init_weights=False, aux_logits=False, num_classes=1)
    network.fc = nn.Identity()
    network.dropout = nn.Identity()
    if fid:
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7b"):
            _pool_branch(getattr(network, name), _average_inside)
        _pool_branch(network.Mixed_7c, _maximum)
    return network


def _pool_branch(block: Any, pool: Any) -> None:
    """Give the pooling branch of a block another pool.

    torchvision writes its pooling into the block's forward; the branch's convolution gets the block's input instead
    of what was pooled, by a block that runs it on ``pool(x)``.
    """
    whole = block._forward

    def forward(x: Tensor) -> list[Tensor]:
        branches: list[Tensor] = whole(x)
        return [*branches[:-1], block.branch_pool(pool(x))]

    block._forward = forward


def _average_inside(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=1, padding=1)


def load_clip(path: Path, device: str = "cpu") -> NetworkFeatures:
    """CLIP's image embedding, see this module's docstring.

    Raises:
        ModelError: where the file is missing, broken, would run code, or holds other weights.
    """
    import timm

    asked = f"take features of CLIP with the weights {path}"
    state = _read(path, asked)
    stem, head = state.get("visual.conv1.weight"), state.get("visual.proj")
    shape = (0, 0) if stem is None or head is None else (int(stem.shape[0]), int(stem.shape[-1]))
    if shape not in CLIP_TOWERS:
        raise ModelError(
            asked, f"its image tower is of width and patch {shape}" if stem is not None else "it has no visual.conv1",
            "the layout is open_clip's, of ViT-B/32, ViT-B/16 or ViT-L/14",
        )  # fmt: skip
    assert head is not None
    network = timm.create_model(CLIP_TOWERS[shape], pretrained=False, num_classes=int(head.shape[1]))
    load_clip_state(network, state)
    return NetworkFeatures(f"clip-{shape[1]}-{weights_digest(path)[:12]}", network, 224, CLIP_MEAN, CLIP_STD, device)


def load_clip_state(network: nn.Module, state: State) -> None:
    """The image tower under open_clip's names into timm's network, every weight of it."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    visual = {name: value.float() for name, value in state.items() if name.startswith("visual.")}
    network.load_state_dict(checkpoint_filter_fn(visual, network))  # type: ignore[arg-type]


def _read(path: Path, asked: str) -> State:
    if not path.is_file():
        raise ModelError(asked, "there is no such file", "nothing is fetched", "Fetch it by hand and name it here")
    return read_checkpoint(path, asked)
