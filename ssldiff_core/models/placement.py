"""Where networks run and in which precision: chosen by the machine, or as asked."""

from __future__ import annotations

import torch

from ..errors import SettingsError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, then MPS, then the CPU; or the one named.

    Raises:
        SettingsError: where that device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingsError(
            f"compute on {name!r}", f"that device is not here: {str(error).splitlines()[0]}", "",
            "Use auto, cpu, cuda, cuda:1 or mps",
        ) from error  # fmt: skip
    return device


def cpu_has_fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(test() for test in tests if test is not None)


def choose_dtype(device: torch.device, name: str = "auto") -> torch.dtype:
    """bfloat16 where it is fast, else float32; or the one named."""
    if name != "auto":
        if name not in PRECISIONS:
            raise SettingsError(
                f"compute in {name!r}", "there is no such precision", f"known: auto, {', '.join(PRECISIONS)}"
            )
        return PRECISIONS[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if cpu_has_fast_bfloat16() else torch.float32
    return torch.float32


def training_autocast(device: torch.device) -> torch.autocast:
    """Mixed precision for a training step: bfloat16 where it is fast, which no scaling of the loss has to follow.

    Elsewhere it does nothing: a processor without it takes a hundred times as long for a product of matrices.
    """
    fast = choose_dtype(device) is torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
