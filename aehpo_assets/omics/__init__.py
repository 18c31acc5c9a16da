"""Omics data: reading data sets, labels, splits, preprocessing, profiles and quality checks.

Plain functions on frames and arrays. What Dagster makes of them lives in ``aehpo_assets.defs``.
"""
