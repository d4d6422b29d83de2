"""Inception-v3 and CLIP with random weights: layouts that are read, arithmetic that is that of those who published."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.errors import ModelError
from ssldiff_core.evaluation.features import load_features
from ssldiff_core.evaluation.networks import build_inception, resize_cleanly


def random_state(classes: int) -> dict[str, torch.Tensor]:
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network = inception_v3(weights=None, init_weights=False, aux_logits=classes == 1000, num_classes=classes)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network.state_dict()


def test_inception_of_1008_classes_gives_the_features_of_torch_fidelity(tmp_path):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file = tmp_path / "pt_inception.pth"
    torch.save(random_state(1008), file)
    patches = np.random.default_rng(0).integers(0, 256, (2, 299, 299, 3), dtype=np.uint8)
    reference = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(file)).eval()
    with torch.no_grad():
        wanted = reference(torch.from_numpy(patches).permute(0, 3, 1, 2))[0].numpy()
    features = load_features(f"inception:{file}")
    assert features.id.startswith("inception-fid-")
    assert np.allclose(features.extract(patches), wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


def test_inception_of_1000_classes_is_torchvisions_and_named_so(tmp_path):
    file = tmp_path / "torchvision.pth"
    torch.save(random_state(1000), file)
    features = load_features(f"inception:{file}")
    assert features.id.startswith("inception-torchvision-")
    assert features.extract(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 2048)


def test_the_two_kinds_of_pooling_differ_where_padding_is_seen():
    torch.manual_seed(1)
    plain = build_inception(fid=False).eval()
    fid = build_inception(fid=True).eval()
    fid.load_state_dict(plain.state_dict())
    x = torch.ones(1, 192, 5, 5)
    with torch.no_grad():
        difference = (plain.Mixed_5b(x) - fid.Mixed_5b(x)).abs()[0, -32:].amax(0)
    assert difference[0].min() > 0
    assert difference[2, 2] == pytest.approx(0, abs=1e-5)


def test_clip_reads_open_clips_names(tmp_path):
    width, tokens = 768, 50
    block = {
        "attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,), "ln_1.weight": (width,),
        "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,), "ln_1.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width), "mlp.c_fc.bias": (4 * width,), "ln_2.weight": (width,),
        "mlp.c_proj.weight": (width, 4 * width), "mlp.c_proj.bias": (width,), "ln_2.bias": (width,),
    }  # fmt: skip
    shapes = {
        "class_embedding": (width,), "positional_embedding": (tokens, width), "proj": (width, 512),
        "conv1.weight": (width, 3, 32, 32), "ln_pre.weight": (width,), "ln_pre.bias": (width,),
        "ln_post.weight": (width,), "ln_post.bias": (width,),
        **{f"transformer.resblocks.{i}.{name}": shape for i in range(12) for name, shape in block.items()},
    }  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    state = {f"visual.{n}": 0.02 * torch.randn(s, generator=generator).half() for n, s in shapes.items()}
    torch.save({**state, "logit_scale": torch.ones(())}, tmp_path / "clip.pt")
    features = load_features(f"clip:{tmp_path / 'clip.pt'}")
    found = features.extract(np.random.default_rng(0).integers(0, 256, (2, 300, 260, 3), dtype=np.uint8))
    assert found.shape == (2, 512)
    assert np.isfinite(found).all()
    assert not np.allclose(found[0], found[1])


def test_what_is_no_such_file_is_refused_by_name(tmp_path):
    torch.save({"fc.weight": torch.zeros(10, 2048)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="10 classes"):
        load_features(f"inception:{tmp_path / 'other.pth'}")
    with pytest.raises(ModelError, match="no such file"):
        load_features(f"clip:{tmp_path / 'nothing.pt'}")
    with pytest.raises(ModelError, match="no weights are named"):
        load_features("inception")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), tmp_path / "script.pt")
    with pytest.raises(ModelError, match="script"):
        load_features(f"inception:{tmp_path / 'script.pt'}")


def test_resizing_is_antialiased_and_never_rounded():
    stripes = np.tile(np.array([0, 255], np.uint8), 150)[None, :, None].repeat(300, 0).repeat(3, 2)
    small = resize_cleanly(stripes, 30)
    assert small.dtype == np.float32
    assert np.abs(small[:, 2:-2] - 127.5).max() < 2
    assert len(np.unique(small)) > 2
