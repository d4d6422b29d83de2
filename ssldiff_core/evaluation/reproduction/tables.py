"""The tables of Graikos et al., CVPR 2024 (arXiv 2312.07330): figures, protocol, and what is not stated by the authors.

Tolerances are ours: within them we call a figure reproduced. A distance is compared only at the N and features of the
table; where the authors do not state N, no other N makes the comparison fair.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_STATED = "not stated by the authors"
PUBLISHED_FEATURES = "Inception-v3, FID's weights (inception:pt_inception-2015-12-05-6726825d.pth)"


@dataclass(frozen=True)
class Row:
    """One figure of a table.

    Args:
        name: as in the table.
        expected: the authors' value.
        tolerance: how far from it a run may lie, in the same unit; ours.
        figure: the name under which a report of ours has it.
        model: id of the model it is of, empty where it is of none.
        peer: a figure of somebody else, which stands for comparison and is not reproduced.
    """

    name: str
    expected: float
    tolerance: float
    figure: str = ""
    model: str = ""
    peer: bool = False

    def verdict(self, found: float | None) -> str:
        """For people: is a measured value the authors'?"""
        if self.peer:
            return "a peer's figure"
        if found is None:
            return "not measured"
        if abs(found - self.expected) <= self.tolerance:
            return "reproduced"
        return "above" if found > self.expected else "below"


@dataclass(frozen=True)
class PaperTable:
    """What a table is and how to make it again.

    Args:
        id: for the command line.
        title: what it shows.
        rows: its figures.
        data: what must be brought.
        n: of samples.
        features: in which distances are measured.
        split: which images are real ones.
        protocol: steps, each a command where there is one.
        notes: what differs here.
    """

    id: str
    title: str
    rows: tuple[Row, ...]
    data: str
    n: str
    features: str
    split: str
    protocol: tuple[str, ...]
    notes: str = ""


def _quality(
    label: str, model: str, patch: float, crop: float | None, clip: float, similarity: float | None
) -> tuple[Row, ...]:
    rows = [
        Row(f"{label}: patch FID", patch, 0.1 * patch, f"patch_frechet_{INCEPTION}", model),
        Row(f"{label}: CLIP FID", clip, 0.1 * clip, f"image_frechet_{CLIP}", model),
    ]
    if crop is not None:
        rows.insert(1, Row(f"{label}: crop FID", crop, 0.1 * crop, f"crop_frechet_{INCEPTION}", model))
    if similarity is not None:
        rows.append(Row(f"{label}: embedding similarity", similarity, 0.01, "similarity", model))
    return tuple(rows)


INCEPTION, CLIP = "inception-fid", "clip"
"""Beginnings of the features' ids; a digest of the weights follows."""

QUALITY = PaperTable(
    "quality", "Quality of patches and large images",
    _quality("BRCA 20×", "brca-20x", 6.98, 15.51, 7.43, 0.924)
    + _quality("CRC 20×", "crc-20x", 6.78, 8.80, 7.34, 0.938)
    + _quality("NAIP", "naip", 11.5, 43.76, 6.86, None)
    + _quality("BRCA 5×", "brca-5x", 9.74, None, 6.64, None),
    "the authors' checkpoints (ssldiff convert), their patch encoders' weights, TCGA-BRCA, TCGA-CRC and NAIP images",
    NOT_STATED, f"patches and crops: {PUBLISHED_FEATURES}; large images: CLIP ViT-B/32 (clip:FILE)", NOT_STATED,
    (
        "ssldiff encode SLIDE --model brca-20x --models-dir models --region … -o grids/NAME.npz       (real regions)",
        "ssldiff generate grids/NAME.npz --model brca-20x --engine notebook -o large/NAME.png         (1024 px each)",
        "ssldiff evaluate large --real REAL --features inception:FILE --patch-px 256 -o crop.json",
        "ssldiff evaluate large --real REAL_LARGE --features clip:FILE --patch-px 224 --whole-images -o clip.json",
        "ssldiff evaluate patches --real REAL --features inception:FILE --patch-px 256 -o patch.json",
        "ssldiff reproduce quality --measured crop.json clip.json patch.json --model brca-20x",
    ),
    "A distance depends on N: with another N than theirs it is not the same figure.",
)  # fmt: skip

SLIDES = PaperTable(
    "slides", "Slide-level AUC with synthetic slides added, 1 % and 10 % of the real slides",
    tuple(
        Row(f"{task}, {method}, {share} %: {arm}", value, 0.02, f"{task}_{method}_{share}_{key}".lower())
        for task, method, share, real, both in (
            ("subtyping", "CLAM-SB", 1, 0.725, 0.812), ("subtyping", "CLAM-SB", 10, 0.886, 0.898),
            ("subtyping", "DSMIL", 1, 0.609, 0.659), ("subtyping", "DSMIL", 10, 0.838, 0.856),
            ("HRD", "CLAM-SB", 1, 0.603, 0.644), ("HRD", "CLAM-SB", 10, 0.649, 0.765),
            ("HRD", "DSMIL", 1, 0.517, 0.554), ("HRD", "DSMIL", 10, 0.563, 0.639),
        )
        for arm, key, value in (("real", "real", real), ("real + synthetic", "both", both))
    ),
    "a table of TCGA-BRCA slides with subtype and HRD status, the checkpoint brca-20x and its encoder",
    NOT_STATED, "HIPT ViT-S/16 (the model's own patch encoder)", NOT_STATED,
    (
        "ssldiff augment slides.csv -o synthetic --per-image K --model brca-20x --models-dir models",
        "ssldiff study slides --help      (CLAM-SB and DSMIL over bags of embeddings)",
        "ssldiff reproduce slides --measured slides.json",
    ),
    "Tasks and shares are those of the paper's table; splits of slides are the study's own.",
)  # fmt: skip

PATCHES = PaperTable(
    "patches", "Accuracy of patch classifiers out of distribution, with synthetic images added, and on them alone",
    (
        Row("BACH: real", 0.78, 0.02, "bach_real"), Row("BACH: real + synthetic", 0.83, 0.02, "bach_both"),
        Row("BACH: synthetic only", 0.70, 0.02, "bach_synthetic"),
        Row("CRC-VAL-HE: real", 0.938, 0.01, "crc_real"), Row("CRC-VAL-HE: real + synthetic", 0.9627, 0.01, "crc_both"),
        Row("CRC-VAL-HE: synthetic only", 0.9019, 0.01, "crc_synthetic"),
    ),
    "BACH, NCT-CRC-HE-100K and CRC-VAL-HE-7K, the checkpoints brca-20x and crc-20x with their encoders",
    NOT_STATED, "the classifier's own", "CRC-VAL-HE-7K is the test set; BACH: " + NOT_STATED,
    (
        "ssldiff augment NCT-CRC-HE-100K -o synthetic --per-image 1 --model crc-20x --models-dir models",
        "ssldiff study patches crc_he --data DATA -o out      (the same study on the sets that are at hand)",
        "ssldiff reproduce patches --measured patches.json",
    ),
)  # fmt: skip

PEERS = PaperTable(
    "peers", "1024-px BRCA images beside other methods",
    (
        Row("the paper: CLIP FID", 7.43, 0.743, f"image_frechet_{CLIP}", "brca-20x"),
        Row("the paper: crop FID", 15.51, 1.55, f"crop_frechet_{INCEPTION}", "brca-20x"),
        Row("the paper: seconds for an image", 60.0, 30.0, "seconds_1024", "brca-20x"),
        *(
            Row(f"{name}: {what}", value, 0.0, peer=True)
            for name, values in (
                ("∞-Brush", (3.74, 17.87, 30.0)), ("ZoomLDM", (1.23, 14.94, 28.0)), ("PixCell-1024", (0.68, 7.92, 2.5)),
            )
            for what, value in zip(("CLIP FID", "crop FID", "seconds for an image"), values, strict=True)
        ),
    ),
    "as for quality", NOT_STATED, QUALITY.features, NOT_STATED,
    ("as for quality; seconds: ssldiff generate GRID --model brca-20x --engine notebook --device cuda --json",),
    "Seconds are those of the authors' GPU, which is not stated; the tolerance is wide for that.",
)  # fmt: skip

COST = PaperTable(
    "cost", "Computation of the notebook's sampler (2 × multiply-adds)",
    (
        Row("UNet on 64 × 64 latents, GFLOP", 208.5, 2.1, "unet_gflop"),
        Row("VQ decode of 256 px, GFLOP", 670.6, 6.7, "decode_gflop"),
        *(
            Row(f"{side} px, stride {stride}: {what}", value, 0.02 * value, f"{key}_{side}_{stride}")
            for side, stride, windows, network, decode in (
                (1024, 16, 169, 3.52, 113), (1024, 64, 16, 0.33, 10.7), (4096, 16, 3721, 77.6, 2495),
                (4096, 64, 256, 5.3, 172),
            )
            for what, key, value in (
                ("windows", "windows", windows), ("network, PFLOP", "network_pflop", network),
                ("decode, TFLOP", "decode_tflop", decode),
            )
        ),
    ),
    "nothing: the networks are built without weights", "–", "–", "–", ("ssldiff reproduce cost",),
    "50 steps with guidance: two evaluations of the network a window and step.",
)  # fmt: skip

TABLES: dict[str, PaperTable] = {table.id: table for table in (QUALITY, SLIDES, PATCHES, PEERS, COST)}
