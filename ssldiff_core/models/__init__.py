"""The catalogue of models and one file for each family of weights."""
