"""Memory and computation of two ways to a large image: a patch model with an engine, and the same network on the whole.

Counted, on networks without weights or memory (torch's meta device): the operations of a denoising step, and what a
training step keeps for its gradients (every tensor that autograd saves, each storage once). Measured, in a process of
its own for each size: the peak of resident memory, less what it was before the first step.

The ways: ``engine``, tiles or windows of fixed size, whatever the image; ``direct``, one call on the whole image; and
training, on patches for the one and on whole images for the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...diffusion.tiling import cut_tiles
from ...errors import ModelError
from ..plots import line_plot
from ..report import Cell, Measurement, Part, Table

if TYPE_CHECKING:
    import torch

SIDES_PX = (256, 512, 1024, 2048)
PATCH_PX = 256
TILE_LAT = 64
"""Side of the engine's tiles in this study; the default of `generate` is 512, which is one tile up to 4096 px."""
GIB = 2**30
MEMORIES_GIB = (8, 24, 80)
"""Of a laptop, a consumer's and a data centre's card."""


@dataclass(frozen=True)
class Network:
    """A denoiser without weights.

    Args:
        name: for tables.
        px: canvas pixels along a latent.
        build: makes it on the current device.
        call: runs it on a canvas of so many latents a side.
        windows: sides in latents of the engine's calls for a canvas of so many latents a side.
    """

    name: str
    px: int
    build: Callable[[], torch.nn.Module]
    call: Callable[[torch.nn.Module, int], torch.Tensor]
    windows: Callable[[int], list[int]]


def native_network(model_id: str) -> Network:
    """The shipped denoiser of a model; its engine draws tiles with a halo as wide as its receptive field.

    Raises:
        ModelError: where the model is not of the native family.
    """
    import torch

    from ...models.catalogue import get_model_spec
    from ...models.native import NativeDenoiser

    spec = get_model_spec(model_id)
    if spec.family != "native":
        raise ModelError(
            f"count the network of {model_id}", f"it is of the family {spec.family}", "", "Name tissue or aerial"
        )
    config: dict[str, Any] = dict(NativeDenoiser.load_config(spec.folder / "denoiser"))

    def build() -> torch.nn.Module:
        return NativeDenoiser.from_config(config)  # type: ignore[no-any-return]

    def call(network: torch.nn.Module, side: int) -> torch.Tensor:
        parts = [torch.zeros(1, channels, side, side) for channels in (spec.latent_channels, spec.condition_dim, 1, 2)]
        latents, condition, valid, place = parts
        return network(latents, torch.zeros(1), condition, valid, torch.ones(1), place)  # type: ignore[no-any-return]

    with torch.device("meta"):
        radius = NativeDenoiser.from_config(config).radius_lat

    def windows(side: int) -> list[int]:
        tiles = cut_tiles((side, side), TILE_LAT, radius, NativeDenoiser.phase)
        return [round((tile.crop_height * tile.crop_width) ** 0.5) for tile in tiles]

    return Network(f"{model_id} ({TILE_LAT}-latent tiles)", spec.latent_factor, build, call, windows)


def published_network(stride_lat: int = 64) -> Network:
    """The paper's UNet, its attention over everything it is given; windows of 64 latents at a stride."""
    import torch

    from ..reproduction.cost import LATENT_PX, UNET, WINDOW_LAT

    def build() -> torch.nn.Module:
        from diffusers import UNet2DConditionModel

        return UNet2DConditionModel(**UNET)  # type: ignore[no-any-return]

    def call(network: torch.nn.Module, side: int) -> torch.Tensor:
        return network(torch.zeros(1, 3, side, side), torch.zeros(1), torch.zeros(1, 2, 512)).sample  # type: ignore[no-any-return]

    def windows(side: int) -> list[int]:
        return [WINDOW_LAT] * ((side - WINDOW_LAT) // stride_lat + 1) ** 2

    return Network(f"the paper's UNet (windows, stride {stride_lat})", LATENT_PX, build, call, windows)


@dataclass(frozen=True)
class Count:
    """Of one side.

    Args:
        side_px: of the image.
        engine_flop, direct_flop: of a denoising step without guidance.
        engine_training, direct_training: bytes that a training step keeps, on one patch and on the whole image.
    """

    side_px: int
    engine_flop: float
    direct_flop: float
    engine_training: int
    direct_training: int


def count(network: Network, sides_px: Sequence[int] = SIDES_PX) -> Iterator[Count]:
    """Operations and what training keeps, size by size."""
    import torch

    with torch.device("meta"):
        built = network.build()
        flop = {
            side: _flop(network, built, side)
            for side in {w for px in sides_px for w in network.windows(px // network.px)}
        }
        patch = _kept(network, built, PATCH_PX // network.px)
    for side_px in sides_px:
        side = side_px // network.px
        with torch.device("meta"):
            direct = _flop(network, built, side)
            whole = _kept(network, built, side)
        yield Count(side_px, sum(flop[window] for window in network.windows(side)), direct, patch, whole)


def _flop(network: Network, built: torch.nn.Module, side: int) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.call(built, side)
    return float(counter.get_total_flops())


def _kept(network: Network, built: torch.nn.Module, side: int) -> int:
    """Bytes of all storages that autograd saves for the backward pass, parameters left out."""
    import torch

    own = {parameter.untyped_storage()._cdata for parameter in built.parameters()}
    sizes: dict[int, int] = {}
    held = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            sizes[storage._cdata] = storage.nbytes()
            held.append(storage)  # an address is not given to another one while it is held
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.call(built, side).sum()
    return sum(sizes.values())


def measure_peak(way: str, model_id: str, side_px: int) -> float:
    """MiB of resident memory that a step takes in a process of its own.

    Args:
        way: ``engine``, ``direct`` or ``training`` (of the whole image).
        model_id: a native model.
        side_px: of the image.

    Raises:
        ModelError: where the process fails, for example for want of memory.
    """
    words = [sys.executable, "-m", "ssldiff_core.evaluation.studies.memory", way, model_id, str(side_px)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise ModelError(f"measure {way} at {side_px} px", f"the process failed: {reason}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def run_step(way: str, model_id: str, side_px: int) -> float:
    """One step in this process; the growth of its peak, MiB."""
    import torch

    network = native_network(model_id)
    torch.manual_seed(0)
    built: Any = network.build()
    side = side_px // network.px
    network.call(built, 16)  # libraries set themselves up
    before = _peak_mib()
    if way == "training":
        network.call(built, side).square().mean().backward()
    else:
        with torch.inference_mode():
            canvas = torch.zeros(1, built.config.latent_channels, side, side)
            for window in network.windows(side) if way == "engine" else [side]:
                canvas[..., :window, :window] += network.call(built, window)
    return _peak_mib() - before


def _peak_mib() -> float:
    import resource

    unit = 1024.0 if sys.platform != "darwin" else 1024.0**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def largest_side_px(counts: Sequence[Count], memory_gib: float) -> float:
    """Side of the largest image whose direct training step fits; what is kept grows by a power of the side, that of the
    last two sizes.
    """
    import numpy as np

    first, last = counts[-2], counts[-1]
    power = np.log(last.direct_training / first.direct_training) / np.log(last.side_px / first.side_px)
    return float(last.side_px * (memory_gib * GIB / last.direct_training) ** (1.0 / power))


def memory_parts(name: str, counts: Sequence[Count], peaks: dict[tuple[str, int], float]) -> list[Part]:
    """A table, two plots, and where direct training no longer fits."""
    rows: list[tuple[Cell, ...]] = [
        (
            c.side_px, c.engine_flop / 1e9, c.direct_flop / 1e9, c.engine_training / GIB, c.direct_training / GIB,
            *(peaks.get((way, c.side_px), float("nan")) for way in ("engine", "direct", "training")),
        )
        for c in counts
    ]  # fmt: skip
    columns = (
        "side, px", "engine, GFLOP a step", "direct, GFLOP a step", f"training on {PATCH_PX} px keeps, GiB",
        "training on the whole keeps, GiB", "engine, MiB measured", "direct, MiB measured", "training, MiB measured",
    )  # fmt: skip
    note = (
        "Counted in float32, batch 1, without weights and optimizer; attention is not fused. – was not measured. "
        + " ".join(
            f"Direct training fits {memory} GiB up to about {largest_side_px(counts, memory):.0f} px."
            for memory in MEMORIES_GIB
        )
    )
    sides = [c.side_px for c in counts]
    kept = {
        "patch model": [Measurement(c.engine_training / GIB) for c in counts],
        "direct": [Measurement(c.direct_training / GIB) for c in counts],
    }
    flop = {
        "engine": [Measurement(c.engine_flop / 1e9) for c in counts],
        "direct": [Measurement(c.direct_flop / 1e9) for c in counts],
    }
    return [
        Table(f"Memory and computation: {name}", columns, rows, note),
        line_plot(
            f"What a training step keeps: {name}",
            sides,
            kept,
            x_label="side, px",
            y_label="GiB",
            log_x=True,
            log_y=True,
        ),
        line_plot(
            f"A denoising step: {name}", sides, flop, x_label="side, px", y_label="GFLOP", log_x=True, log_y=True
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(run_step(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
