"""A batch on a Ray cluster: each item a task, given to another worker where one dies."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from .console import Console
from .shards import Done, Shard, append, read_ledgers

LOCAL = "local"
"""The address of a cluster that is started for this batch, on this machine alone."""

_RETRIES = 2
_KILLED = 137


def run_on_ray(items: list[str], folder: Path, address: str, console: Console) -> None:
    """Run the items that the ledgers in a folder do not hold as done, each once on some worker of a cluster.

    Workers run in this process's folder, which all machines of a cluster are to share, and keep their models from one
    item to the next. Where the cluster has GPUs each task takes one, else one core.

    Args:
        items: command lines.
        folder: of the ledgers, which this process alone writes.
        address: of a running cluster, ``auto`` for the one that this machine belongs to, or ``local``.
        console: to tell how far it is.

    Raises:
        SettingsError: where Ray is not installed, or there is no cluster at the address.
    """
    known = read_ledgers(folder)
    left = [line for line in items if known.get(Done(line, -1).digest, Done(line, -1)).code != 0]
    with contextlib.redirect_stdout(sys.stderr):  # what Ray tells of its workers; the report alone goes to stdout
        _run_all(items, left, folder, address, console)


def _run_all(items: list[str], left: list[str], folder: Path, address: str, console: Console) -> None:
    ray = _connect(address)
    try:
        needed: dict[str, Any] = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
        task = ray.remote(max_retries=_RETRIES, **needed)(_run_there)
        with console.progress("items", "item") as bar:
            bar.total = len(items)
            bar.update(len(items) - len(left))
            waiting = {task.remote(line, os.getcwd()): line for line in left}
            while waiting:
                (ready,), _ = ray.wait(list(waiting), num_returns=1)
                append(folder / Shard().ledger_name, _result(ray, ready, waiting.pop(ready)))
                bar.update()
    finally:
        ray.shutdown()


def _connect(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "run a batch on Ray", "it is not installed", "", "pip install 'ssldiff[cluster]'"
        ) from error
    try:
        ray.init(
            address=None if address == LOCAL else address, include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"run a batch on the Ray cluster {address!r}", f"it cannot be reached ({error})", "",
            "Start one with `ray start --head`, or leave the address out",
        ) from error  # fmt: skip
    return ray


def _run_there(line: str, folder: str) -> Done:
    """An item, in a worker of the cluster."""
    from .batch import run_line

    os.chdir(folder)
    return run_line(line)


def _result(ray: Any, task: Any, line: str) -> Done:
    """What a task gave; where its worker died too often, that."""
    try:
        done: Done = ray.get(task)
    except ray.exceptions.RayError as error:
        return Done(line, _KILLED, message=f"its worker died {_RETRIES + 1} times: {str(error)[:500]}")
    return done
