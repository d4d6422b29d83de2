"""The text encoder: the published weights, the known formula, and the library that the weights come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.errors import ModelError
from ssldiff_core.models.minilm import TOKEN_LIMIT, MiniLM, MiniLMTextEncoder, load_minilm, pool, rename_bert_weights
from ssldiff_core.models.text_encoders import load_text_encoder

TEXTS = ["houses on the left", "a harbour", "Häuser links", ""]


def test_pooling_is_the_mean_over_the_tokens_that_count_at_length_one() -> None:
    states, mask = torch.randn(2, 5, 4), torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    first = states[0, :3].mean(dim=0)
    assert torch.allclose(pool(states, mask)[0], first / first.norm(), atol=1e-6)
    assert torch.allclose(pool(states, mask).norm(dim=1), torch.ones(2), atol=1e-6)


def test_the_network_is_bert_as_the_library_has_it() -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=20,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = BertModel(config, add_pooling_layer=True).eval()
    ours = MiniLM(50, 24, 2, 4, 32, 20).eval()
    ours.load_state_dict(rename_bert_weights(theirs.state_dict()))
    ids = torch.randint(0, 50, (3, 9))
    mask = torch.arange(9) < torch.tensor([[9], [5], [2]])
    with torch.inference_mode():
        states = theirs(ids, attention_mask=mask.long()).last_hidden_state
        assert torch.allclose(ours(ids, mask), pool(states, mask), atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_in_a_batch() -> None:
    encoder = load_minilm()
    together = encoder.encode(TEXTS)
    assert together.shape == (4, 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert np.allclose(together[1], encoder.encode(TEXTS[1:2])[0], atol=1e-5)
    likeness = encoder.encode(["boats", "ships", "a tax form"])
    assert likeness[0] @ likeness[1] > likeness[0] @ likeness[2] + 0.2


def test_words_beyond_the_limit_are_not_read() -> None:
    encoder = load_minilm()
    assert encoder.count_tokens("sand " * 1000) == TOKEN_LIMIT
    long, longer = encoder.encode(["sand " * 400, "sand " * 400 + "houses"])
    assert np.array_equal(long, longer)


def test_files_that_are_not_the_published_ones_are_refused(tmp_path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ModelError, match="digest"):
        MiniLMTextEncoder(tmp_path)


@pytest.mark.parametrize("name", ["word2vec", "open_clip:", "transformers:/no/such/folder"])
def test_an_encoder_that_is_not_here_is_told(name) -> None:
    with pytest.raises(ModelError, match="text encoder"):
        load_text_encoder(name)
