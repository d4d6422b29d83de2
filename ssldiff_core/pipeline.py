"""A native model in the manner of diffusers: ``from_pretrained``, a call, ``save_pretrained``, ``push_to_hub``.

Thin over :func:`~ssldiff_core.generate.generate`, which tells the story. What ``save_pretrained`` writes is a folder of
diffusers (``model_index.json``) and a model folder of ours (``model.json``, patch encoder, palette) at once::

    pipe = SSLDiffPipeline.from_pretrained("tissue")
    image = pipe(grid, seed=7).images[0]
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput

from .errors import ModelError
from .generate import generate
from .models.catalogue import list_models
from .models.native import NativeDenoiser
from .models.native_autoencoder import NativeAutoencoder
from .models.native_loading import assemble
from .models.spec import SPEC_NAME, ModelSpec, read_model_spec, write_model_spec
from .settings import Settings

if TYPE_CHECKING:
    from .embeddings.encoder import PatchEncoder
    from .embeddings.grid import EmbeddingGrid
    from .generate import Result
    from .layouts import Layout

INDEX_NAME = "model_index.json"


@dataclass
class SSLDiffPipelineOutput(BaseOutput):
    """What a call gives.

    Args:
        images: one ``PIL.Image`` or (height, width, 3) uint8 array.
        result: the same with latents, geometry and manifest.
    """

    images: list[Any]
    result: Result


class SSLDiffPipeline(DiffusionPipeline):
    """Large images from grids of embeddings, by a model of the native family.

    Args:
        autoencoder: pixels to latents and back.
        denoiser: the network.
        spec: what the model is; its folder holds the patch encoder.
    """

    model_cpu_offload_seq = "denoiser->autoencoder"

    def __init__(self, autoencoder: NativeAutoencoder, denoiser: NativeDenoiser, spec: ModelSpec | None = None) -> None:
        super().__init__()
        self.register_modules(autoencoder=autoencoder, denoiser=denoiser)
        if spec is None:
            raise ModelError(
                "make a pipeline", "it is not said what its model is", "a pipeline knows encoder, cell and pixel size",
                "Use SSLDiffPipeline.from_pretrained, or give spec=read_model_spec(folder)",
            )  # fmt: skip
        self.spec = spec

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> SSLDiffPipeline:
        """A pipeline from a model's id in the catalogue, a folder, or a repository on the hub.

        Args:
            pretrained_model_name_or_path: which.
            kwargs: as diffusers takes them (``torch_dtype``, ``revision`` …). ``local_files_only=False`` allows a
                download; without it nothing is fetched, and ``HF_HUB_OFFLINE`` forbids it always.

        Raises:
            ModelError: where it is not here, with the command that fetches it; or where it is of another family.
        """
        hub: dict[str, Any] = {name: kwargs.pop(name) for name in ("revision", "token", "cache_dir") if name in kwargs}
        folder = _find(str(pretrained_model_name_or_path), kwargs.pop("local_files_only", True), hub)
        spec = read_model_spec(folder)
        if spec.family != "native":
            raise ModelError(
                f"make a pipeline of {folder}", f"its family is {spec.family!r}", "a pipeline runs the native family",
                "Draw with `ssldiff generate`, or ssldiff_core.generate()",
            )  # fmt: skip
        if not (folder / INDEX_NAME).is_file():  # a model folder of ours, not written by a pipeline
            parts = {
                name: kind.from_pretrained(folder / name, local_files_only=True, **kwargs)
                for name, kind in (("autoencoder", NativeAutoencoder), ("denoiser", NativeDenoiser))
            }
            return cls(**parts, spec=spec)
        pipeline: SSLDiffPipeline = super().from_pretrained(folder, spec=spec, local_files_only=True, **kwargs)
        return pipeline

    def save_pretrained(self, save_directory: str | Path, *args: Any, push_to_hub: bool = False, **kwargs: Any) -> None:
        """Write a folder that diffusers, ``from_pretrained`` and ``--models-dir`` read.

        Args:
            save_directory: made where it is missing.
            args, kwargs: as diffusers takes them.
            push_to_hub: whether to upload it then, to ``repo_id`` or a repository of the folder's name.
        """
        folder = Path(save_directory)
        remote = {name: kwargs.pop(name) for name in _REMOTE if name in kwargs}
        super().save_pretrained(str(folder), *args, **kwargs)
        for file in self.spec.folder.glob("*"):
            if file.is_file() and file.name not in (SPEC_NAME, INDEX_NAME) and not (folder / file.name).exists():
                shutil.copyfile(file, folder / file.name)
        student = dict(self.spec.part_folders()).get("student")
        if student is not None and not (folder / "student").exists():  # for those who draw with the folder as a model
            shutil.copytree(student, folder / "student")
        write_model_spec(replace(self.spec, folder=folder))
        if push_to_hub:
            self.push_to_hub(remote.pop("repo_id", folder.name), **remote)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> str:
        """Upload everything that :meth:`save_pretrained` writes; the address of the commit.

        Raises:
            ModelError: where the hub cannot be reached, refuses, or ``HF_HUB_OFFLINE`` is set.
        """
        from huggingface_hub import constants

        asked, remedy = (
            f"upload the model to {repo_id}",
            "Run `hf auth login` with a token that may write, and try again",
        )
        if constants.HF_HUB_OFFLINE:
            raise ModelError(asked, "HF_HUB_OFFLINE is set", "it forbids every request to the hub", "Unset it")
        try:
            return str(super().push_to_hub(repo_id, **kwargs))
        except Exception as error:  # the hub's client and its transport raise many kinds
            raise ModelError(asked, f"the hub says: {_first_line(error)}", "", remedy) from error

    @property
    def patch_encoder(self) -> PatchEncoder:
        """The encoder whose embeddings this model takes."""
        from .embeddings.encoder import load_patch_encoder

        return load_patch_encoder(self.spec.folder, str(self.denoiser.device))

    @torch.no_grad()
    def __call__(
        self, grid: EmbeddingGrid | Layout, *, seed: int | None = None, generator: torch.Generator | None = None,
        num_inference_steps: int = 20, guidance_scale: float | None = None, output_type: str = "pil",
        return_dict: bool = True, callback_on_step_end: Callable[..., Any] | None = None, **settings: Any,
    ) -> SSLDiffPipelineOutput | tuple[list[Any]]:  # fmt: skip
        """Draw the image that a grid describes.

        Args:
            grid: embeddings of this model's encoder, or a layout.
            seed: of the noise, which belongs to positions; that of ``generator`` where it is not given, else 0.
            generator: only its seed is taken.
            num_inference_steps: denoising steps.
            guidance_scale: 1 is off; the model's own by default.
            output_type: ``pil`` or ``np``.
            return_dict: whether to give an :class:`SSLDiffPipelineOutput`, or a tuple with the images.
            callback_on_step_end: called with (pipeline, step, steps, {"preview": array}).
            settings: any other field of :class:`~ssldiff_core.settings.Settings`, e.g. ``engine``.

        Raises:
            GridError: where the model cannot draw this grid.
            SettingsError: where a setting is out of its range or unknown.
        """
        seed = seed if seed is not None else 0 if generator is None else generator.initial_seed()
        asked = {"seed": seed, "steps": num_inference_steps, "guidance_scale": guidance_scale, **settings}
        network = self.denoiser
        model = assemble(self.spec, self.autoencoder.eval(), network.eval(), network.device, network.dtype)
        result = None
        with self.progress_bar(total=num_inference_steps) as bar:
            for step in generate(grid, Settings.from_dict(asked), model=model):
                bar.update(min(step.index, num_inference_steps) - bar.n)
                if callback_on_step_end is not None and step.phase == "denoise":
                    callback_on_step_end(self, step.index, num_inference_steps, {"preview": step.preview})
                result = step.result or result
        assert result is not None, "the last step carries the result"
        images = [result.image if output_type == "np" else self.numpy_to_pil(result.image[None] / 255.0)[0]]
        return SSLDiffPipelineOutput(images=images, result=result) if return_dict else (images,)


_REMOTE = ("repo_id", "private", "token", "commit_message", "create_pr")


def _find(name: str, local_files_only: bool, hub: dict[str, Any]) -> Path:
    """The folder of a model: named as a folder, by its id, or in the hub's cache."""
    if Path(name).is_dir():
        return Path(name)
    for spec in list_models():
        if spec.id == name:
            return spec.folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=local_files_only, **hub))
    except Exception as error:  # the hub's client and its transport raise many kinds
        known = ", ".join(spec.id for spec in list_models())
        raise ModelError(
            f"make a pipeline of {name}", f"it is not on this machine ({_first_line(error)})",
            f"nothing is fetched unless you ask for it; models here are {known}",
            f"Run `hf download {name}`, or give local_files_only=False",
        ) from error  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
