"""Meaning to pixels: the denoiser contract, the conditioning field, schedules, position noise and the engines."""
