"""Counting the computation of the paper's networks, on networks that have no weights."""

from __future__ import annotations

from ..report import Measurement

UNET = {
    "sample_size": 64, "in_channels": 3, "out_channels": 3, "layers_per_block": 2, "cross_attention_dim": 512,
    "block_out_channels": (192, 384, 576, 960), "attention_head_dim": 1,
    "down_block_types": ("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
    "up_block_types": (*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
}  # fmt: skip
"""PAPER's UNet: 401 M parameters; one head, which diffusers calls an attention_head_dim of 1."""
AUTOENCODER = {
    "block_out_channels": (128, 256, 512), "layers_per_block": 2, "latent_channels": 3, "num_vq_embeddings": 8192,
    "vq_embed_dim": 3, "down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3,
}  # fmt: skip
STEPS, GUIDED = 50, 2
WINDOW_LAT, LATENT_PX = 64, 4


def count_cost(tokens: int = 2) -> dict[str, Measurement]:
    """FLOP of the UNet on a window, of a decode, and of whole images; see the table ``cost``.

    Args:
        tokens: of the context; BRCA 20× has two.
    """
    unet, decode = unet_flop(tokens), decode_flop()
    figures: dict[str, float] = {"unet_gflop": unet / 1e9, "decode_gflop": decode / 1e9}
    for side in (1024, 4096):
        for stride in (16, 64):
            windows = ((side // LATENT_PX - WINDOW_LAT) // stride + 1) ** 2
            name = f"{side}_{stride}"
            figures[f"windows_{name}"] = windows
            figures[f"network_pflop_{name}"] = windows * GUIDED * STEPS * unet / 1e15
            figures[f"decode_tflop_{name}"] = windows * decode / 1e12
    return {name: Measurement(value, note="counted, not timed") for name, value in figures.items()}


def unet_flop(tokens: int) -> int:
    """Of one evaluation on 64 × 64 latents."""
    import torch
    from diffusers import UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = UNet2DConditionModel(**UNET)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, 3, 64, 64), torch.zeros(1), torch.zeros(1, tokens, 512))
    return int(counter.get_total_flops())


def decode_flop() -> int:
    """Of one decode of 64 × 64 latents to 256 px."""
    import torch
    from diffusers import VQModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = VQModel(**AUTOENCODER)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.decoder(network.post_quant_conv(torch.zeros(1, 3, 64, 64)))
    return int(counter.get_total_flops())
