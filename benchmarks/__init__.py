"""Measurements of aehpo against what people use today; ``python -m benchmarks.bench``.

Ratios are taken side by side in one process, and always higher is better. Nothing here is
imported by the packages, and no test depends on a time.
"""
