"""Pixels to meaning: patch encoders, the embedding grid, its check against a model, and its projection to a plane."""
