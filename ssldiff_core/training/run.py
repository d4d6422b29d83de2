"""What every recipe shares: a budget, an optimizer with its schedule, averaged weights, checkpoints, a report
of progress.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models.placement import choose_dtype, training_autocast
from .ranks import Ranks


@dataclass(frozen=True)
class Budget:
    """How long a training runs, and how its learning rate moves.

    Args:
        minutes: time of this run, by ``clock``.
        steps: at most so many steps in all (0: no bound); whichever of the two ends first.
        lr: peak learning rate.
        warmup_steps: steps of linear rise.
        decay_share: share of the budget over which the rate falls linearly to 2 %.
        clock: in seconds; ``time.process_time`` counts what this process computes, so that a busy machine takes
            nothing from it.
    """

    minutes: float
    steps: int = 0
    lr: float = 1e-3
    warmup_steps: int = 50
    decay_share: float = 0.5
    clock: Callable[[], float] = time.monotonic


def orthogonalise_in_float32() -> None:
    """Let timm's Muon multiply in float32 from now on in this process.

    It always takes bfloat16 and has no option for it; on a processor without it that takes most of a step's time.
    """
    from timm.optim import muon

    own = muon.zeropower_via_newtonschulz
    if not isinstance(own, functools.partial):
        muon.zeropower_via_newtonschulz = functools.partial(own, dtype=torch.float32)


class TrainingRun:
    """Trains one module until its budget is spent; resumes from ``folder / checkpoint.pt`` where that exists.

    The averaged weights (EMA, with a decay that grows with the step) are what a recipe ships. Where several processes
    were launched and joined (:mod:`.ranks`), all train one module: each adds a batch of its own to every step.

    Raises:
        SettingsError: where one of the processes is gone, or they find different checkpoints.
    """

    def __init__(
        self, module: nn.Module, folder: Path, budget: Budget, *, device: torch.device, ema_decay: float = 0.999,
        optimizer: str = "muon", weight_decay: float = 0.01, extra: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

        if optimizer == "muon" and choose_dtype(device) is not torch.bfloat16:
            orthogonalise_in_float32()
        self.module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.folder, self.budget, self.device, self.ema_decay = folder, budget, device, ema_decay
        self.average = copy.deepcopy(self.module).eval().requires_grad_(False)
        self.optimizer = create_optimizer_v2(self.module, opt=optimizer, lr=budget.lr, weight_decay=weight_decay)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.step = 0
        self.seconds = 0.0
        self.extra = extra or {}
        self.ranks = Ranks()
        folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        self.ranks.begin_alike(self.step, (self.module, self.average), device)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> None:
        """Takes up module, average, optimizer and counters from the checkpoint, where there is one."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all; of several processes the first one does."""
        if not self.ranks.first:
            return
        partial = self.checkpoint.with_suffix(".partial")
        state = {
            "module": self.module.state_dict(), "average": self.average.state_dict(), "step": self.step,
            "optimizer": self.optimizer.state_dict(), "seconds": self.seconds, **self.extra,
        }  # fmt: skip
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def fit(self, loss_of: Callable[[int], Tensor], *, save_every_s: float = 240.0, log_every: int = 50) -> None:
        """Steps until the budget is spent. ``loss_of(step)`` draws a batch and returns its mean loss.

        Raises:
            SettingsError: where one of several processes is gone.
        """
        clock = self.budget.clock
        start, last_save, mean_loss = clock(), time.monotonic(), 0.0
        seconds_before = self.seconds
        while (done := self._progress(clock() - start)) < 1.0:
            factor = self._lr_factor(done)
            for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
                group["lr"] = lr * factor
            with training_autocast(self.device):
                loss = loss_of(self.step)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            value = self.ranks.average_gradients(self.module, loss)
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.ranks.share_buffers(self.module)
            self.step += 1
            self._update_average()
            mean_loss = value if self.step == 1 else 0.98 * mean_loss + 0.02 * value
            self.seconds = seconds_before + clock() - start
            if self.step % log_every == 0 and self.ranks.first:
                print(f"step {self.step}  {100 * done:.0f} %  loss {mean_loss:.4f}  {self.seconds:.0f} s", flush=True)
            if time.monotonic() - last_save > save_every_s:
                self.save()
                last_save = time.monotonic()
        self.save()
        self.ranks.wait()

    def _progress(self, elapsed_s: float) -> float:
        by_time = elapsed_s / (60.0 * self.budget.minutes)
        done = max(by_time, self.step / self.budget.steps) if self.budget.steps else by_time
        return self.ranks.agree(done, self.device)

    def _lr_factor(self, done: float) -> float:
        rise = min(1.0, (self.step + 1) / self.budget.warmup_steps)
        fall = min(1.0, max(0.02, (1.0 - done) / self.budget.decay_share))
        return rise * fall

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.ema_decay, (1 + self.step) / (10 + self.step))
        for averaged, current in zip(
            self.average.state_dict().values(), self.module.state_dict().values(), strict=True
        ):
            if averaged.is_floating_point():
                averaged.lerp_(current, 1.0 - decay)
            else:
                averaged.copy_(current)
