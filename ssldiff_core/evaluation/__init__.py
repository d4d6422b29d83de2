"""How good a result is: similarity of embeddings asked for and read back, contact sheets to look at."""
