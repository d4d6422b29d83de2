"""Reading a training checkpoint without running what is in it.

Lightning's ``last.ckpt`` is a pickle, and a pickle is a program. torch's weights-only reader runs none of it, but
refuses a file that names any class it does not know; old checkpoints name classes of callbacks and loggers that are
installed nowhere. Such a file is read by an unpickler that knows how to rebuild tensors and puts an inert placeholder
in the place of everything else. Either way only ``state_dict`` is kept.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError

_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): torch.Size,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}
"""All that a checkpoint may call; storages are torch's reader's own affair."""


class Placeholder:
    """Stands for an object of a class that is not to be trusted: takes whatever a pickle does to it, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Placeholder:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Forget the arguments."""

    def __setstate__(self, state: Any) -> None:
        """Forget the state."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forget the item."""

    def append(self, item: Any) -> None:
        """Forget the item."""

    def extend(self, items: Any) -> None:
        """Forget the items."""

    def add(self, item: Any) -> None:
        """Forget the item."""

    def __call__(self, *args: Any, **kwargs: Any) -> Placeholder:
        return self


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name), Placeholder)


_INERT_PICKLE = SimpleNamespace(__name__="inert", Unpickler=_InertUnpickler)
"""What ``torch.load`` takes as its pickle module."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint's ``state_dict``, by name, on the CPU. No code of the file runs.

    The file is mapped into memory where its format allows it: what is not used (the optimiser's state) is not read.

    Raises:
        ModelError: where the file is missing, cut short, no checkpoint, or holds no ``state_dict``.
    """
    asked = f"read the checkpoint {path}"
    if not path.is_file():
        raise ModelError(asked, "there is no such file", "", "Name the last.ckpt that came with the weights")
    try:
        content = _load(path)
    except Exception as error:  # a broken pickle raises whatever its bytes happen to mean
        raise ModelError(
            asked, f"it cannot be read as one: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "a checkpoint is a whole file written by torch.save", "Compare its size with that of its source",
        ) from error  # fmt: skip
    tensors = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not tensors:
        raise ModelError(asked, "it holds no state_dict", "a Lightning checkpoint keeps its weights there")
    foreign = [str(name) for name, value in tensors.items() if not isinstance(value, Tensor)]
    if foreign:
        raise ModelError(asked, f"its state_dict holds {foreign[0]!r}, which is no tensor", "weights are tensors")
    return {str(name): value.detach() for name, value in tensors.items()}


def _load(path: Path) -> Any:
    """The checkpoint's content, with placeholders for what only a program could rebuild."""
    is_zip = zipfile.is_zipfile(path)  # torch's format since version 1.6
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError:
        if not is_zip or _is_program(path):
            raise
    return torch.load(path, map_location="cpu", weights_only=False, mmap=True, pickle_module=_INERT_PICKLE)


def _is_program(path: Path) -> bool:
    """Whether torch would take the file for TorchScript, which is another reader's affair."""
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())
