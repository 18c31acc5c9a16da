"""Matrices in memory: filters, preprocessing, profiles, drift and confounders.

Plain functions on frames and arrays. What Dagster makes of them lives in ``aehpo_assets.defs``.
"""
