"""Pictures and reports of what a study found.

Plain functions from tables to PNG bytes, tables and numbers. What belongs elsewhere: Dagster assets
(``aehpo_assets.defs``), and the computation of scores, searches and recommendations.
"""
