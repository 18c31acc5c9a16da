"""Data-quality checks between the assets, run by Great Expectations on summaries of the tables.

One module for each kind of artefact: it declares its checks as a table, and makes the summaries
they look at. What Dagster makes of an outcome lives in ``aehpo_assets.defs``.
"""
