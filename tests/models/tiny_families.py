"""Model folders of the windowed families with real classes at tiny size and random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from ssldiff_core.models.spec import ModelSpec, write_model_spec


def write_lrdm(folder: Path, encoder_id: str = "mine", pixel_size_m: float = 0.5e-6) -> ModelSpec:
    """A model of the paper's family: windows of 16 latents (64 px, one cell), embeddings of 12 numbers."""
    from diffusers import DDPMScheduler, UNet2DConditionModel, VQModel

    from ssldiff_core.models.lrdm import LRDM, ConditionEmbedder

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(32, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, attention_head_dim=1,
    )  # fmt: skip
    vq = VQModel(
        block_out_channels=(32, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, num_vq_embeddings=32, scaling_factor=1.0,
    )  # fmt: skip
    embedder = ConditionEmbedder(12, context_dim=32)
    LRDM(unet, vq, embedder, DDPMScheduler(1000, 0.0015, 0.0195, "scaled_linear", clip_sample=False)).save(folder)
    spec = ModelSpec(
        folder.name, "lrdm", "0", "nothing", encoder_id, 12, 64, (pixel_size_m,), 4, 3, 2.0, "none", "none", folder,
        engine="windowed", window_lat=16,
    )  # fmt: skip
    write_model_spec(spec)
    return spec


def write_pixcell(folder: Path, cells: int) -> Path:
    """A diffusers folder as PixCell's on the hub, with ``vae/``: ``cells`` × ``cells`` embeddings of 12 numbers."""
    from diffusers import AutoencoderKL, DDPMScheduler

    from ssldiff_core.models.pixcell import PixCellTransformer2DModel

    torch.manual_seed(0)
    network = PixCellTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, num_layers=1, cross_attention_dim=16, sample_size=32 * cells,
        caption_channels=12, caption_num_tokens=cells * cells,
    )  # fmt: skip
    torch.nn.init.normal_(network.null_embeddings)
    network.save_pretrained(folder / "transformer")
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=16, norm_num_groups=4, sample_size=64,
        scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    vae.save_pretrained(folder / "vae")
    DDPMScheduler(beta_start=1e-4, beta_end=0.02).save_pretrained(folder / "scheduler")
    return folder
