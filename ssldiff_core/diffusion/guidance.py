"""Classifier-free guidance (Ho and Salimans 2022): how far, and at which noise levels."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError


@dataclass(frozen=True)
class Guidance:
    """How closely a run follows its condition, in the convention where 1 is off.

    Args:
        scale: ``null + scale (conditional - null)``.
        interval: lowest and highest noise level on the straight path, in [0, 1], at which it holds (Kynkäänniemi et al.
            2024); elsewhere the conditional estimate alone, which costs half.

    Raises:
        SettingsError: where the interval is none.
    """

    scale: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        low, high = self.interval
        if not 0.0 <= low <= high <= 1.0:
            raise SettingsError(
                f"guide between the noise levels {low:g} and {high:g}", "that is no interval of noise levels",
                "0 ≤ low ≤ high ≤ 1", "The whole run is 0 to 1",
            )  # fmt: skip

    def holds_at(self, level: float) -> bool:
        """Whether the null estimate is needed at this noise level."""
        return self.scale != 1.0 and self.interval[0] <= level <= self.interval[1]
