"""Reading one network of a model folder: of the right class, every weight there, finite in the chosen precision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError, SettingsError
from .sources import missing_source
from .spec import ModelSpec


def load_part(spec: ModelSpec, name: str, kind: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A network in diffusers' layout, ready to draw.

    Args:
        spec: whose part it is.
        name: of the part, e.g. ``"denoiser"``.
        kind: its class.

    Raises:
        ModelError: where it is missing, of another class or broken; the first weight that differs is named.
        SettingsError: where a weight does not fit the precision.
    """
    folder = find_part(spec, name)
    check_class(spec, folder, kind)
    with telling_broken(spec):
        network, facts = kind.from_pretrained(
            folder, local_files_only=True, low_cpu_mem_usage=False, output_loading_info=True
        )
    for fault, said in (
        ("missing_keys", "is missing"), ("unexpected_keys", "has no place"), ("mismatched_keys", "has another shape"),
    ):  # fmt: skip
        if keys := sorted(str(key) for key in facts[fault]):
            raise ModelError(
                f"load the model {spec.id!r}", f"in its {name} the weight {keys[0]} {said} ({len(keys)} such)",
                f"the {name} holds the weights that its config.json describes", "Convert or download it again",
            )  # fmt: skip
    network = network.eval().requires_grad_(False)
    check_precision(spec, name, network, dtype)
    return torch.nn.Module.to(network, device=device, dtype=dtype)  # that of diffusers warns of every cast


def find_part(spec: ModelSpec, name: str) -> Path:
    """The folder of a part.

    Raises:
        ModelError: where it is not here, with the command that fetches it.
    """
    folder = dict(spec.part_folders()).get(name)
    if folder is not None:
        return folder
    place = dict(spec.sources).get(name)
    if place is not None:
        raise missing_source(place)
    raise ModelError(
        f"load the model {spec.id!r}", f"its weights are missing: {spec.folder} holds no {name}/",
        f"a model of the family {spec.family} has one", "Convert or install it again",
    )  # fmt: skip


def check_class(spec: ModelSpec, folder: Path, kind: Any) -> None:
    """ModelError where a part's configuration is of another class than its family's."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"load the model {spec.id!r}", f"its weights are missing or broken: {folder.name}/config.json, {error}",
            "a part is a folder in diffusers' layout",
        ) from error  # fmt: skip
    if found != kind.__name__:
        raise ModelError(
            f"load the model {spec.id!r}", f"its {folder.name} is a {found}",
            f"in the family {spec.family} it is a {kind.__name__}", "Name the family that the weights are of",
        )  # fmt: skip


@contextmanager
def telling_broken(spec: ModelSpec) -> Iterator[None]:
    """Turn what diffusers and safetensors raise for a broken file, which is many kinds, into a ModelError."""
    try:
        yield
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"load the model {spec.id!r}", f"its weights are missing or broken: {reason}",
            "its folder holds whole safetensors files in diffusers' layout", "Convert, download or install it again",
        ) from error  # fmt: skip


def check_precision(spec: ModelSpec, name: str, network: torch.nn.Module, dtype: torch.dtype) -> None:
    """SettingsError where a weight is no number any more in the precision asked for; ModelError where it never was."""
    largest = torch.finfo(dtype).max
    for key, value in network.state_dict().items():
        if not value.is_floating_point() or not value.numel():
            continue
        greatest = float(value.abs().max())
        if greatest != greatest or greatest == float("inf"):
            raise ModelError(f"load the model {spec.id!r}", f"in its {name} the weight {key} is not finite", "")
        if greatest > largest:
            raise too_narrow(dtype, f"the weight {key} of its {name} reaches {greatest:.3g}")


def check_finite(values: Tensor, dtype: torch.dtype, what: str) -> Tensor:
    """The values, or SettingsError where they left the range of the precision they were computed in."""
    if not bool(torch.isfinite(values).all()):
        raise too_narrow(dtype, f"{what} is not finite")
    return values


def too_narrow(dtype: torch.dtype, found: str) -> SettingsError:
    """What to tell a user whose precision does not hold the numbers."""
    name = str(dtype).removeprefix("torch.")
    remedies = {torch.float16: "Use --precision bfloat16 or float32", torch.bfloat16: "Use --precision float32"}
    return SettingsError(
        f"compute in {name}", found, f"{name} goes to {torch.finfo(dtype).max:.3g}", remedies.get(dtype, "")
    )
