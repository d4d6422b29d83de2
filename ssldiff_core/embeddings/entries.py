"""Patch encoders that others trained and that users bring: architecture, input, pixel size, licence, where to get them.

Arguments are those of ``timm.create_model`` in timm 1.0; each is built at full size by a test. Numbers come from the
model cards and the authors' loading code: none of these weights has been run here.
"""

from __future__ import annotations

from typing import Any

from .spec import ANY_PIXEL_SIZE, EncoderSpec

_IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_SATELLITE: dict[str, Any] = {"mean": (0.43, 0.411, 0.296), "std": (0.213, 0.156, 0.143)}
_SWIGLU: dict[str, Any] = {"mlp_layer": "SwiGLUPacked", "act_layer": "SiLU"}
_NC_ND = "CC-BY-NC-ND-4.0"
_40X, _20X, _10X, _5X = 0.25e-6, 0.5e-6, 1e-6, 2e-6


def _tissue() -> list[EncoderSpec]:
    return [
        EncoderSpec(
            "hipt-vits16", "vit_small_patch16_224", 256, 256, 384, (_20X,),
            timm_args={"num_classes": 0, "dynamic_img_size": True},
            licence="Apache-2.0 with Commons Clause", domain="H&E histology (TCGA)",
            source="https://github.com/mahmoodlab/HIPT, HIPT_4K/Checkpoints/vit256_small_dino.pth",
        ),
        EncoderSpec(
            "phikon", "vit_base_patch16_224", 224, 224, 768, (_20X,), **_IMAGENET, timm_args={"num_classes": 0},
            licence="Owkin non-commercial", domain="H&E histology (TCGA)", source="owkin/phikon:model.safetensors",
        ),
        EncoderSpec(
            "ctranspath", "swin_tiny_patch4_window7_224", 224, 224, 768, (_20X, _5X), **_IMAGENET,
            timm_args={"num_classes": 0, "embed_layer": "ConvStem"}, licence="GPL-3.0",
            domain="H&E histology (TCGA, PAIP)", source="https://github.com/Xiyue-Wang/TransPath, ctranspath.pth",
        ),
        EncoderSpec(
            "uni", "vit_large_patch16_224", 256, 224, 1024, (_20X,), **_IMAGENET, gated=True, licence=_NC_ND,
            timm_args={"num_classes": 0, "init_values": 1e-5, "dynamic_img_size": True},
            domain="H&E histology", source="MahmoodLab/UNI:pytorch_model.bin",
        ),
        EncoderSpec(
            "uni2-h", "vit_giant_patch14_224", 256, 224, 1536, (_20X,), **_IMAGENET, gated=True, licence=_NC_ND,
            timm_args={
                "img_size": 224, "patch_size": 14, "depth": 24, "num_heads": 24, "init_values": 1e-5,
                "embed_dim": 1536, "mlp_ratio": 2.66667 * 2, "num_classes": 0, "no_embed_class": True,
                "reg_tokens": 8, "dynamic_img_size": True, **_SWIGLU,
            },
            domain="H&E and IHC histology", source="MahmoodLab/UNI2-h:pytorch_model.bin",
        ),
        EncoderSpec(
            "virchow2", "vit_huge_patch14_224", 224, 224, 2560, (_40X, _20X, _10X, _5X), **_IMAGENET, gated=True,
            licence=_NC_ND, readout="class+mean", interpolation="bicubic",
            timm_args={
                "img_size": 224, "init_values": 1e-5, "num_classes": 0, "reg_tokens": 4, "mlp_ratio": 5.3375,
                "global_pool": "", "dynamic_img_size": True, **_SWIGLU,
            },
            domain="H&E and IHC histology", source="paige-ai/Virchow2:pytorch_model.bin",
        ),
        EncoderSpec(
            "h-optimus-0", "vit_giant_patch14_reg4_dinov2", 224, 224, 1536, (_20X,), gated=True,
            mean=(0.707223, 0.578729, 0.703617), std=(0.211883, 0.230117, 0.177517), interpolation="bicubic",
            timm_args={"img_size": 224, "init_values": 1e-5, "num_classes": 0, "global_pool": "token"},
            domain="H&E histology", source="bioptimus/H-optimus-0:pytorch_model.bin",
        ),
        EncoderSpec(
            "prov-gigapath", "vit_giant_patch14_dinov2", 256, 224, 1536, (_20X,), **_IMAGENET, gated=True,
            licence="Apache-2.0 with conditions", resize_px=256, interpolation="bicubic",
            timm_args={
                "img_size": 224, "patch_size": 16, "embed_dim": 1536, "depth": 40, "num_heads": 24,
                "mlp_ratio": 5.33334, "init_values": 1e-5, "num_classes": 0,
            },
            domain="H&E and IHC histology", source="prov-gigapath/prov-gigapath:pytorch_model.bin",
        ),
    ]  # fmt: skip


def _from_timm(
    id: str, timm_name: str, tag: str, dim: int, input_px: int, *, pixel_sizes_m: tuple[float, ...] = ANY_PIXEL_SIZE,
    domain: str = "photographs", **facts: Any,
) -> EncoderSpec:  # fmt: skip
    """An encoder whose weights timm's own repository on the hub holds."""
    facts = {"interpolation": "bicubic", **_IMAGENET, "timm_args": {"num_classes": 0}, **facts}
    source = f"timm/{timm_name}.{tag}:model.safetensors"
    return EncoderSpec(id, timm_name, 256, input_px, dim, pixel_sizes_m, domain=domain, source=source, **facts)


def _general() -> list[EncoderSpec]:
    any_size = {"num_classes": 0, "dynamic_img_size": True}
    dinov2 = [("small", 384), ("base", 768), ("large", 1024), ("giant", 1536)]
    dinov3 = [("small", 384), ("base", 768), ("large", 1024), ("huge_plus", 1280)]
    return [
        *(
            _from_timm(f"dinov2-{size}", f"vit_{size}_patch14_dinov2", "lvd142m", dim, 224, timm_args=any_size)
            for size, dim in dinov2
        ),
        *(
            _from_timm(
                f"dinov3-{size.replace('_', '-')}", f"vit_{size}_patch16_dinov3", "lvd1689m", dim, 256,
                licence="DINOv3 License",
            )
            for size, dim in dinov3
        ),
        _from_timm(
            "dinov3-sat-large", "vit_large_patch16_dinov3", "sat493m", 1024, 256, licence="DINOv3 License",
            pixel_sizes_m=(0.3, 1.0), domain="satellite imagery, 0.6 m", **_SATELLITE,
        ),
        _from_timm("dino-vit-b16", "vit_base_patch16_224", "dino", 768, 224),
        _from_timm(
            "vit-b16", "vit_base_patch16_224", "augreg2_in21k_ft_in1k", 768, 224,
            mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
        ),
        *(
            _from_timm(f"convnext-{size}", f"convnext_{size}", "fb_in22k_ft_in1k", dim, 224)
            for size, dim in [("tiny", 768), ("small", 768), ("base", 1024)]
        ),
    ]  # fmt: skip


ENTRIES: tuple[EncoderSpec, ...] = (*_tissue(), *_general())
"""All of them, tissue first."""
