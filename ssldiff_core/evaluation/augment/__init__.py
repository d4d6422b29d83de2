"""Augmentation: labelled synthetic variations of a data set, made of its training split alone."""
