"""Surrogates: models that predict what a configuration would reach, and how far to trust them."""
