"""How much a parser is fuzzed: the same few cases in every test run, as many new ones as asked for by hand.

``SSLDIFF_FUZZ_TIMES=20 pytest -k "damaged or whatever or no_"`` tries twenty times as many, and others each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("SSLDIFF_FUZZ_TIMES", "1"))

CHANGES = st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1, max_size=8)
"""Bytes of a file that are replaced: places, which wrap around, and values."""


def fuzzed(examples: int) -> settings:
    """Hypothesis' settings for a parser."""
    return settings(
        max_examples=examples * TIMES, deadline=None, derandomize=TIMES == 1, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip


def damage(content: bytes, changes: list[tuple[int, int]], cut: bool, reach: int | None = None) -> bytes:
    """A file with bytes replaced within its first ``reach``, and cut short where ``cut`` says so."""
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % min(reach or len(content), len(content))] = value
    if cut:
        del damaged[changes[0][0] % len(damaged) :]
    return bytes(damaged)
