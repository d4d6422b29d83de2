"""Which variations are made: how many of each image, of which kind, and from which seed. No pixel is read here."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import SettingsError
from .dataset import Sample

KINDS = ("same", "jitter", "blend", "image", "layout")
"""Same grid and a new seed; embeddings turned by an angle; embeddings between two images of a class; start from the
image itself, noised to a strength; each cell in embeddings of its mask's class."""

ATTEMPTS = 3
"""So often a variation that the filter rejects is drawn anew."""


@dataclass(frozen=True)
class Recipe:
    """What is asked for.

    Args:
        per_image: variations of each image.
        mix: (kind, weight) in turn; a weight is a whole number.
        strengths: of ``image``, in turn; above 0 and at most 1.
        jitter_deg: angle that ``jitter`` turns an embedding by, 0 … 90.
        blend: largest share of the other image, above 0 and at most 0.5.
        balance: whether each class is filled up to the largest.
        targets: class -> images in all, real and synthetic.
        seed: of everything that is left to chance.

    Raises:
        SettingsError: where a value lies outside its range.
    """

    per_image: int = 1
    mix: tuple[tuple[str, int], ...] = (("same", 1), ("jitter", 1), ("blend", 1), ("image", 1))
    strengths: tuple[float, ...] = (0.5,)
    jitter_deg: float = 20.0
    blend: float = 0.5
    balance: bool = False
    targets: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        asked = "make variations"
        if self.per_image < 0 or any(count < 0 for count in self.targets.values()):
            raise SettingsError(asked, "a count is below 0", "counts are whole numbers from 0")
        unknown = [kind for kind, _ in self.mix if kind not in KINDS]
        if unknown or not self.mix or any(weight < 1 for _, weight in self.mix):
            raise SettingsError(
                asked, f"the mix is {self.mix_text() or 'empty'}", f"kinds are {', '.join(KINDS)}, weights 1 or more",
                "For example same,blend or same=2,image=1",
            )  # fmt: skip
        if not self.strengths or not all(0.0 < strength <= 1.0 for strength in self.strengths):
            raise SettingsError(asked, f"the strengths are {self.strengths}", "a strength is above 0 and at most 1")
        if not 0.0 <= self.jitter_deg <= 90.0:
            raise SettingsError(asked, f"the jitter is {self.jitter_deg:g}°", "it goes from 0 to 90 degrees")
        if not 0.0 < self.blend <= 0.5:
            raise SettingsError(asked, f"the blend is {self.blend:g}", "it is above 0 and at most 0.5, the middle")

    def mix_text(self) -> str:
        """As on the command line."""
        return ",".join(f"{kind}={weight}" for kind, weight in self.mix)


@dataclass(frozen=True)
class Variation:
    """One image to be made.

    Args:
        source: index of the sample that it is made from.
        slot: which variation of that sample, from 0.
        kind: one of :data:`KINDS`.
        amount: the strength, share or angle in degrees; 0 for ``same``.
        partner: index of the other sample of a ``blend``; -1 for none.
        name: path of the file below the output, without a suffix.
    """

    source: int
    slot: int
    kind: str
    amount: float
    partner: int
    name: str


def parse_mix(text: str) -> tuple[tuple[str, int], ...]:
    """``"same=2,blend"`` -> (("same", 2), ("blend", 1)).

    Raises:
        SettingsError: where a weight is no whole number.
    """
    parts = []
    for part in filter(None, text.split(",")):
        kind, _, weight = part.partition("=")
        if not (weight or "1").isdigit():
            raise SettingsError(
                f"use the mix {text!r}", f"{weight!r} is no whole number", "", "For example same=2,blend"
            )
        parts.append((kind.strip(), int(weight or 1)))
    return tuple(parts)


def plan_variations(
    samples: Sequence[Sample], recipe: Recipe, partners: Mapping[int, Sequence[int]] | None = None
) -> tuple[Variation, ...]:
    """All variations of a training set, the first of every image before the second of any.

    An image that is alone in its class has no partner: its blends become jitter. One with a mask is not blended, for
    what it shows would no longer be where its mask says: its blends become layouts.

    Args:
        samples: of the training split, nothing else.
        recipe: what is asked for.
        partners: for a sample (by index) those that it may be blended with, its own class alone of them; None allows
            all.

    Raises:
        SettingsError: where a target names no class, or one that has more real images already.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        members[sample.label].append(index)
    wanted = _wanted(members, recipe)
    variations = []
    for label, indices in members.items():
        for turn in range(wanted[label]):
            slot, place = divmod(turn, len(indices))
            others = indices if partners is None else partners.get(indices[place], ())
            variations.append(_variation(samples, indices, place, slot, recipe, set(others)))
    return tuple(sorted(variations, key=lambda variation: (variation.slot, variation.source)))


def _wanted(members: Mapping[str, Sequence[int]], recipe: Recipe) -> dict[str, int]:
    """Variations of each class."""
    unknown = sorted(set(recipe.targets) - set(members))
    if unknown:
        raise SettingsError(
            f"reach a number of images of {unknown[0]!r}", "the training split has none to vary",
            f"its classes are {', '.join(members)}",
        )  # fmt: skip
    wanted = {label: recipe.per_image * len(indices) for label, indices in members.items()}
    if recipe.balance:
        most = max(len(indices) + wanted[label] for label, indices in members.items())
        wanted = {label: most - len(indices) for label, indices in members.items()}
    for label, total in recipe.targets.items():
        if total < len(members[label]):
            raise SettingsError(
                f"reach {total} images of {label!r}", f"there are {len(members[label])} real ones already",
                "variations are added, nothing is taken away", f"The least is {len(members[label])}",
            )  # fmt: skip
        wanted[label] = total - len(members[label])
    return wanted


def _variation(
    samples: Sequence[Sample], indices: Sequence[int], place: int, slot: int, recipe: Recipe, allowed: set[int]
) -> Variation:  # fmt: skip
    source = indices[place]
    sample = samples[source]
    kinds = [kind for kind, weight in recipe.mix for _ in range(weight)]
    kind = kinds[(slot + chance(recipe.seed, sample.name, 0, "kind")) % len(kinds)]
    others = [index for index in indices if index != source and index in allowed]
    if kind == "blend" and sample.mask:
        kind = "layout"
    elif (kind == "blend" and not others) or (kind == "layout" and not sample.mask):
        kind = "jitter"
    draw = chance(recipe.seed, sample.name, slot, "amount")
    amount, partner = 0.0, -1
    if kind == "jitter":
        amount = recipe.jitter_deg
    elif kind == "image":
        amount = recipe.strengths[draw % len(recipe.strengths)]
    elif kind == "blend":
        partner = others[chance(recipe.seed, sample.name, slot, "partner") % len(others)]
        amount = round(recipe.blend * (0.3 + 0.7 * (draw % 1000) / 999.0), 4)
    stem = sample.name.rsplit("/", 1)[-1].rsplit(".", 1)[0] if sample.region_l0 is None else sample.name
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    name = f"{sample.label or 'images'}/{safe}-{_mark(sample)}-s{slot:02d}"
    if partner >= 0:  # who may be blended may change from plan to plan
        name += f"-{_mark(samples[partner])}"
    return Variation(source, slot, kind, amount, partner, name)


def _mark(sample: Sample) -> str:
    """Tells files of one name in two folders apart."""
    return hashlib.sha256(sample.name.encode()).hexdigest()[:6]


def chance(seed: int, name: str, slot: int, use: str, attempt: int = 0) -> int:
    """A number in [0, 2**63) that belongs to one use in one variation, whatever else is drawn."""
    text = f"{seed}|{name}|{slot}|{use}|{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
