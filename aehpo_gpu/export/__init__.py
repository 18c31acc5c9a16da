"""A trained run as a model that needs nothing of this project."""
