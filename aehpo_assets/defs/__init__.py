"""The Dagster layer of the first code location: assets, checks, partitions, sensors, schedules.

Every module here is thin. What an asset computes lives in ``omics``, ``space``, ``hpo`` and
``analysis``, which know nothing of Dagster.
"""
