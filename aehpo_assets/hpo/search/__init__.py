"""Searches: the searchers by name, what they are asked and told, and where they are walked."""
