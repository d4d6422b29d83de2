"""An augmentation from beginning to end: chunks on several processes or machines, and what a restart goes on from.

A chunk that is done lies as ``work/chunks/DIGEST.csv`` in the output, written after its images and named by what it
makes. A restart draws what is missing and gives the same set; a larger plan goes on from a smaller one; and several
machines share the folder, each with its shard.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from ...errors import ExportError, SettingsError
from ...export.replacing import replacing
from .chunk import Job, Workshop
from .manifest import NAME, Row, read_rows, write_rows

WORK = "work"


@dataclass(frozen=True)
class Progress:
    """How far an augmentation has come.

    Args:
        done, total: variations.
    """

    done: int
    total: int


@dataclass(frozen=True)
class Shard:
    """The part of the chunks that one machine draws: every ``of``-th, from ``index`` (1 … of)."""

    index: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.of:
            raise SettingsError(f"draw the shard {self.index}/{self.of}", "there is none", "shards are 1/N … N/N")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``"2/8"``."""
        index, _, of = text.partition("/")
        if not (index.isdigit() and of.isdigit()):
            raise SettingsError(f"draw the shard {text!r}", "it is not INDEX/COUNT", "", "For example 1/4")
        return cls(int(index), int(of))


def run_job(job: Job, *, workers: int = 1, shard: Shard | None = None) -> Iterator[Progress]:
    """Draw what is missing.

    Each process computes on one thread, so the images do not depend on their number.

    Args:
        job: what is made.
        workers: processes.
        shard: the part that is drawn here; all of it where None.

    Yields:
        progress after each chunk, over the whole job.

    Raises:
        SettingsError: where the folder holds another set.
        ExportError: where it cannot be written.
    """
    check_folder(job)
    chunks, shard = job.chunks, shard or Shard()
    sizes = [len(chunk) for chunk in chunks]
    missing = [index for index in range(len(chunks)) if not _is_done(job, index)]
    done = len(job.plan) - sum(sizes[index] for index in missing)
    mine = [index for index in missing if index % shard.of == shard.index - 1]
    yield Progress(done, len(job.plan))
    try:
        for index in _draw_all(job, mine, workers):
            done += sizes[index]
            yield Progress(done, len(job.plan))
    finally:  # who interrupts finds a manifest of what is there
        collect_manifest(job)


def _draw_all(job: Job, chunks: list[int], workers: int) -> Iterator[int]:
    if not chunks:
        return
    if workers <= 1:
        import torch

        threads = torch.get_num_threads()
        _open_workshop(job)
        try:
            for index in chunks:
                yield _draw_one(index)
        finally:
            torch.set_num_threads(threads)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_open_workshop, initargs=(job,)) as pool:
        futures = [pool.submit(_draw_one, index) for index in chunks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


_shop: Workshop | None = None


def _open_workshop(job: Job) -> None:
    """Load the networks, once a process."""
    import torch

    from ...embeddings.encoder import load_patch_encoder
    from ...models.catalogue import load_model

    global _shop
    torch.set_num_threads(1)
    model = load_model(job.model_id, device=job.settings.device, precision=job.settings.precision)
    encoder = load_patch_encoder(model.spec.encoder_id, model.device.type, patch_px=model.spec.cell_px)
    _shop = Workshop(job, model, encoder)


def _draw_one(index: int) -> int:
    assert _shop is not None, "the process was opened"
    job = _shop.job
    rows = _shop.draw_chunk(job.chunks[index])
    write_rows(_chunk_file(job, index), rows)
    return index


def _chunk_file(job: Job, index: int) -> Path:
    made = [asdict(job.plan[place]) for place in job.chunks[index]]
    digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    return job.out / WORK / "chunks" / f"{digest[:24]}.csv"


def _is_done(job: Job, index: int) -> bool:
    file = _chunk_file(job, index)
    return file.is_file() and all((job.out / row.file).is_file() for row in read_rows(file) if row.is_kept)


def collect_manifest(job: Job) -> list[Row]:
    """Write ``manifest.csv`` of all chunks that are done, in the order of the plan."""
    rows: dict[int, Row] = {}
    for index, chunk in enumerate(job.chunks):
        if _is_done(job, index):
            rows.update(zip(chunk, read_rows(_chunk_file(job, index)), strict=True))
    ordered = [rows[index] for index in sorted(rows)]
    write_rows(job.out / NAME, ordered)
    return ordered


def job_digest(job: Job) -> str:
    """sha256 (hex) of all that decides how an image of the set looks; which ones are made may grow."""
    from ...models.catalogue import get_model_spec

    settings = {name: value for name, value in asdict(job.settings).items() if name != "seed"}
    recipe = [job.recipe.seed, job.recipe.mix, job.recipe.strengths, job.recipe.jitter_deg, job.recipe.blend]
    facts = [
        [(sample.name, sample.sha256, sample.label, sample.split) for sample in job.sources.samples],
        [asdict(fit) for fit in job.sources.fits], recipe,
        get_model_spec(job.model_id).digest, settings, asdict(job.filter),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_folder(job: Job) -> None:
    """Make the output's folder, or find that it holds this very set.

    Raises:
        SettingsError: where it holds another.
        ExportError: where it cannot be made.
    """
    file, digest = job.out / WORK / "job.json", job_digest(job)
    try:
        (job.out / WORK / "chunks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"write to {job.out}", f"the file system refused ({error.strerror})") from error
    if not os.access(job.out, os.W_OK):
        raise ExportError(f"write to {job.out}", "the folder cannot be written")
    if file.is_file():
        if json.loads(file.read_text(encoding="utf-8"))["digest"] != digest:
            raise SettingsError(
                f"go on with the set in {job.out}", "it was made of other images, settings or weights",
                "a folder holds one set", "Give the options of the first time, or another folder",
            )  # fmt: skip
        return
    facts = {"digest": digest, "model": job.model_id, "mix": job.recipe.mix_text()}
    with replacing(f"write {file}", file) as (part,):
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
