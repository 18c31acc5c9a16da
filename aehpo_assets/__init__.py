"""aehpo's first code location: data, search spaces, hyperparameter optimisation and analysis.

Importing the package stays light. Nothing below it imports torch or ``aehpo_gpu``; heavy
libraries (Great Expectations, Syne Tune, xgboost, umap, scanpy) are imported where they are used.
"""

__version__ = "0.1.0"
