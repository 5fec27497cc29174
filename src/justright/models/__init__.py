"""Families of models, each a Learner: see `base`."""
