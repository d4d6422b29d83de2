"""Neighbours over ``torch.distributed``: gloo between processors, NCCL between GPUs."""

from __future__ import annotations

import re

import torch
import torch.distributed as dist
from torch import Tensor

from ...errors import SettingsError


class TorchPeers:
    """The process group as neighbours, one above the other by rank.

    Args:
        device: where tensors lie while they travel; with NCCL a GPU, else the CPU.

    Attributes:
        bytes_sent: by this process so far.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._device = torch.device(device)
        self.bytes_sent = 0

    def exchange(self, up: Tensor | None, down: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """As :class:`~ssldiff_core.diffusion.graph.bands.Peers` says.

        Raises:
            SettingsError: where a neighbour is gone.
        """
        sent = [
            (part.to(self._device), to) for part, to in ((up, self.rank - 1), (down, self.rank + 1)) if part is not None
        ]
        got = {peer: torch.empty_like(part) for part, peer in sent}
        ways = [dist.P2POp(dist.isend, part, to) for part, to in sent]
        ways += [dist.P2POp(dist.irecv, part, peer) for peer, part in got.items()]
        peer: int | None = None
        try:
            requests = dist.batch_isend_irecv(ways) if ways else []
            for number, request in enumerate(requests):  # over gloo one for each way, over NCCL one for all
                peer = ways[number].peer if len(requests) == len(ways) else None
                request.wait()
        except RuntimeError as error:
            raise lost(self.rank, error, peer) from error
        self.bytes_sent += sum(part.numel() * part.element_size() for part, _ in sent)
        above, below = got.get(self.rank - 1), got.get(self.rank + 1)
        return above.cpu() if above is not None else None, below.cpu() if below is not None else None

    def wait(self) -> None:
        """Return when all have called it.

        Raises:
            SettingsError: where one of them is gone.
        """
        try:
            if dist.get_backend() == "gloo":
                dist.monitored_barrier()  # the first process learns who is missing
            else:
                dist.barrier()
        except RuntimeError as error:
            missing = re.search(r"(?:from rank|Rank(?= \d+ failed to pass)) (\d+)", str(error))
            if missing:
                raise lost(self.rank, "it did not come to the end of the step", int(missing[1])) from error
            raise lost(self.rank, error) from error


def lost(rank: int, error: BaseException | str, peer: int | None = None) -> SettingsError:
    """What to tell where a process of the group is gone; ``peer`` is which one, where that is known."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    who = "another process" if peer is None else f"process {peer}"
    return SettingsError(
        f"go on with the band of process {rank}", f"{who} is gone ({said})", "all processes draw one image together",
        f"Look at what {who} said last, and give the same command again: it goes on after the last step that all have",
    )  # fmt: skip
