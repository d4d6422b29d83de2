"""Studies: do synthetic variations help classifiers of patches and slides, and do they show where one is brittle?"""
