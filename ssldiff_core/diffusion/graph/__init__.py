"""The dense canvas as a lazy graph: a tile of a level is a pure function of the level before, the noise and the field.

What is asked for is computed and remembered; where it is remembered, what is forgotten and who asks are policies.
"""

from .graph import TileGraph
from .lattice import Block, Lattice
from .stores import MemoryStore, TileStore

__all__ = ["Block", "Lattice", "MemoryStore", "TileGraph", "TileStore"]
