"""3×3 convolutions by Winograd's way are those of torch, whatever their size, and follow their weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ssldiff_core.models import native_autoencoder, winograd
from ssldiff_core.models.native_autoencoder import MirroredConvolution, conv


def _padded(count, channels, height, width):
    torch.manual_seed(height)
    return torch.randn(count, channels, height + 2, width + 2).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 1), (5, 14), (16, 3), (30, 31)])
def test_any_size_is_as_torch_convolves_it(height, width):
    padded, weight, bias = _padded(2, 6, height, width), torch.randn(7, 6, 3, 3), torch.randn(7)
    wanted = F.conv2d(padded.double(), weight.double(), bias.double())
    found = winograd.convolve(padded, winograd.transform_weights(weight), bias)
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() < 2e-5 * wanted.abs().max()


def test_strips_are_the_whole(monkeypatch):
    padded, weight, bias = _padded(1, 8, 33, 20), torch.randn(5, 8, 3, 3), torch.randn(5)
    whole = winograd.convolve(padded, winograd.transform_weights(weight), bias)
    monkeypatch.setattr(winograd, "WORKING_SET", 1)
    assert torch.allclose(winograd.convolve(padded, winograd.transform_weights(weight), bias), whole, atol=1e-4)


@pytest.fixture
def layer(monkeypatch):
    """A layer that is worth it, and how often it went that way."""
    monkeypatch.setattr(native_autoencoder, "WORTHWHILE", 1)
    calls = []

    def counted(*parts):
        calls.append(parts)
        return winograd.convolve(*parts)

    monkeypatch.setattr(native_autoencoder, "convolve", counted)
    torch.manual_seed(0)
    return conv(4, 6), calls


def _direct(layer, x):
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)


def test_a_layer_goes_this_way_where_no_gradient_is_asked_for(layer):
    layer, calls = layer
    assert isinstance(layer, MirroredConvolution)
    x = torch.randn(1, 4, 9, 12)
    with_gradient = layer(x)
    assert not calls
    with_gradient.sum().backward()
    assert layer.weight.grad is not None
    with torch.inference_mode():
        assert torch.allclose(layer(x), _direct(layer, x), atol=1e-4)
        layer.to(torch.bfloat16)(x.to(torch.bfloat16))
    assert len(calls) == 1


def test_other_weights_are_taken_up(layer):
    layer, calls = layer
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        layer(x)
        layer.weight.mul_(2)
        assert torch.allclose(layer(x), _direct(layer, x), atol=1e-4)
        layer.load_state_dict({"weight": torch.randn(6, 4, 3, 3), "bias": torch.randn(6)})
        assert torch.allclose(layer(x), _direct(layer, x), atol=1e-4)
        layer.weight.data = torch.randn(6, 4, 3, 3)
        assert torch.allclose(layer(x), _direct(layer, x), atol=1e-4)
        layer(x)
    assert len(calls) == 5
    assert calls[-1][1] is calls[-2][1]


def test_few_channels_go_the_direct_way():
    with torch.no_grad():
        assert conv(8, 96)(torch.randn(1, 8, 4, 4)).shape == (1, 96, 4, 4)
    assert conv(8, 96)._transformed is None


def test_a_model_loaded_for_inference_alone_draws(layer):
    _, calls = layer
    with torch.inference_mode():
        loaded = conv(4, 6)
        x = torch.randn(1, 4, 8, 8)
        assert torch.allclose(loaded(x), _direct(loaded, x), atol=1e-4)
    assert len(calls) == 1
