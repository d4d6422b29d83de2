"""One training by several processes, launched by ``torchrun`` or ``accelerate launch``.

Each process draws its own samples; after every step the gradients are averaged, so all hold the same weights. The first
process alone decides when the budget is spent, writes files and reports. A recipe's batch is that of one process: with
several, a step sees as many times more samples, at the same rate of learning. A critic, if there is one, is not shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..distributed import joined, launched_together, own_device
from ..errors import SettingsError
from ..models.placement import choose_device

_PATIENCE = timedelta(hours=6)
"""How long a process waits for another: the first one may embed all training images while the others wait."""
_APART = 1_000_003
"""Between the seeds of two processes: far more than a recipe adds to its own."""


class Ranks:
    """The processes that train together; one alone where none was launched beside it.

    Attributes:
        rank: which one this is, from 0.
        size: how many there are.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if together else 0
        self.size = dist.get_world_size() if together else 1

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """This process's own seed for what it samples; the first one's is the one given."""
        return seed + _APART * self.rank

    def agree(self, value: float, device: torch.device) -> float:
        """The first process's value, for all.

        Raises:
            SettingsError: where a process is gone.
        """
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=_exact(device))
        self._told(lambda: dist.broadcast(shared, 0))
        return float(shared)

    def begin_alike(self, step: int, modules: Iterable[nn.Module], device: torch.device) -> None:
        """Let all begin with the first process's weights, and with samples of their own.

        Args:
            step: of the checkpoint that this process goes on from.
            modules: of the same shapes in all processes; parameters and buffers are overwritten.
            device: of the training.

        Raises:
            SettingsError: where the processes go on from different checkpoints, or one is gone.
        """
        if self.size == 1:
            return
        of_first = int(self.agree(float(step), device))
        differ = torch.tensor([float(step != of_first)], device=device)
        self._told(lambda: dist.all_reduce(differ, dist.ReduceOp.MAX))
        if differ.item():
            raise SettingsError(
                f"train with {self.size} processes", f"process {self.rank} found step {step}, the first {of_first}",
                "all go on from one checkpoint", "Give a working folder on a disk that all share",
            )  # fmt: skip
        for module in modules:
            self._share([*module.parameters(), *module.buffers()])
        if not self.first:  # the first one's numbers are those of a training alone
            torch.manual_seed(self.seed(torch.initial_seed()))

    def average_gradients(self, module: nn.Module, loss: Tensor) -> float:
        """Replace each gradient by the mean over all processes.

        A parameter without a gradient in some of them counts there as zero; without one in any, it keeps none.

        Returns:
            The mean loss.

        Raises:
            SettingsError: where a process is gone.
        """
        if self.size == 1:
            return loss.item()
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        flags = [float(parameter.grad is not None) for parameter in learning]
        parts = [torch.tensor([float(loss.detach()), *flags], device=loss.device)]
        parts += [
            (torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).float().reshape(-1)
            for parameter in learning
        ]
        flat = torch.cat(parts)
        self._told(lambda: dist.all_reduce(flat))
        head, *means = (flat / self.size).split([len(parts[0]), *(parameter.numel() for parameter in learning)])
        for parameter, mean, present in zip(learning, means, head[1:].tolist(), strict=True):
            if present:
                parameter.grad = mean.view_as(parameter).to(parameter.dtype)
        return float(head[0])

    def share_buffers(self, module: nn.Module) -> None:
        """Give all the first process's buffers, such as running means of batch norm, which no gradient keeps alike.

        Raises:
            SettingsError: where a process is gone.
        """
        if self.size > 1:
            self._share(list(module.buffers()))

    def wait(self) -> None:
        """Return when all have called it.

        Raises:
            SettingsError: where a process is gone.
        """
        if self.size > 1:
            self._told(dist.barrier)

    @contextmanager
    def one_then_all(self) -> Iterator[None]:
        """Let the first process run the block, and then the others, which find the files that it has made."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def _share(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            whole = tensor.detach().contiguous()
            self._told(lambda whole=whole: dist.broadcast(whole, 0))  # type: ignore[misc]
            if whole.data_ptr() != tensor.data_ptr():
                tensor.detach().copy_(whole)

    def _told(self, talk: Callable[[], object]) -> None:
        try:
            talk()
        except RuntimeError as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise SettingsError(
                f"go on with the training in process {self.rank}", f"another process is gone ({said})",
                "all processes train one model together",
                "Look at what it said last, and give the same command again: it goes on from the last checkpoint",
            ) from error  # fmt: skip


@contextmanager
def trained_together(device: str) -> Iterator[tuple[Ranks, str]]:
    """The processes that were launched together, and this one's device; one alone otherwise.

    Args:
        device: as asked for, such as ``auto``; of several GPUs in a machine each process takes its own.

    Raises:
        SettingsError: where the processes do not find each other.
    """
    if not launched_together() or dist.is_initialized():
        yield Ranks(), device
        return
    own = own_device(choose_device(device).type)
    with joined(own, _PATIENCE):
        yield Ranks(), own


def _exact(device: torch.device) -> torch.device:
    """Where a float64 can lie and the process group reads it."""
    return device if device.type == "cuda" else torch.device("cpu")
