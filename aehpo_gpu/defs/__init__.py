"""The Dagster layer of the second code location: everything that trains or scores.

What is trained and how lives in ``architectures``, ``training`` and ``evaluation``, which know
nothing of Dagster.
"""
