"""Models that others published: the facts that their files do not hold, and where to ask for them.

None of these weights has been run here. Facts are of the authors' papers, code and model cards. Where these leave a
gap: the paper's NAIP model names its encoder as a ViT-B/16 and its configuration says DINO, but not on which images it
was trained; DINO's own is taken. PixCell's card has named two licences (Apache-2.0, CC-BY-NC-ND-4.0): its page tells.
"""

from __future__ import annotations

from dataclasses import dataclass

LRDM_HOME = "https://github.com/cvlab-stonybrook/Large-Image-Diffusion"
LRDM_PAPER = "Graikos et al., CVPR 2024, arXiv 2312.07330"
PIXCELL_PAPER = "Yellapragada et al., arXiv 2506.05127"
SD3_AUTOENCODER = "stabilityai/stable-diffusion-3.5-large:vae"


@dataclass(frozen=True)
class Published:
    """A model that a user can bring.

    Args:
        id: what to call it.
        family: which code loads it.
        domain: what it draws.
        encoder_id: the patch encoder whose embeddings it takes.
        pixel_size_m: of its training, metres.
        guidance_scale: a good default, 1 is off.
        licence: of the weights, as far as their authors say.
        paper: what to cite.
        source: where the weights are: a page, or a repository on the hub.
        cell_px: canvas pixels along a cell.
    """

    id: str
    family: str
    domain: str
    encoder_id: str
    pixel_size_m: float
    guidance_scale: float
    licence: str
    paper: str
    source: str
    cell_px: int = 256

    @property
    def how_to_get(self) -> str:
        """The steps from nothing to a model folder."""
        if self.family == "pixcell":
            return f"ssldiff convert {self.source} -o models/{self.id} --id {self.id} --download"
        return (
            f"download last.ckpt and its project.yaml from {self.source}, then "
            f"ssldiff convert last.ckpt project.yaml -o models/{self.id} --id {self.id}"
        )


def _lrdm(id: str, domain: str, encoder_id: str, pixel_size_m: float) -> Published:
    return Published(id, "lrdm", domain, encoder_id, pixel_size_m, 4.0, "none stated", LRDM_PAPER, LRDM_HOME)


def _pixcell(id: str, guidance_scale: float, source: str) -> Published:
    return Published(
        id, "pixcell", "H&E histology, pan-cancer", "uni2-h", 0.5e-6, guidance_scale, "see its page", PIXCELL_PAPER,
        source,
    )  # fmt: skip


PUBLISHED = (
    _lrdm("brca-20x", "H&E histology, breast (TCGA-BRCA)", "hipt-vits16", 0.5e-6),
    _lrdm("brca-5x", "H&E histology, breast (TCGA-BRCA)", "ctranspath", 2e-6),
    _lrdm("crc-20x", "H&E histology, colon (TCGA-CRC)", "phikon", 0.5e-6),
    _lrdm("naip", "aerial images (NAIP)", "dino-vit-b16", 1.0),
    _pixcell("pixcell-256", 2.0, "StonyBrook-CVLab/PixCell-256"),
    _pixcell("pixcell-1024", 1.2, "StonyBrook-CVLab/PixCell-1024"),
)


def find_published(model_id: str, source: str = "") -> Published | None:
    """The published model of that id, or whose files lie in a place of that name."""
    for model in PUBLISHED:
        if model_id == model.id or source.rstrip("/").rpartition("/")[2].lower() == model.id:
            return model
    return None
