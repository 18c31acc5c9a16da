"""Hyperparameter optimisation: tables of evaluations, surrogates, searchers, recommendations.

Plain functions on frames and settings; nothing here knows Dagster. Training a configuration for
real belongs to ``aehpo_gpu``; what a hyperparameter may be belongs to ``aehpo_assets.space``.
Syne Tune and xgboost are imported where they are used, so that importing this package stays light.
"""
