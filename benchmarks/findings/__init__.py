"""Published findings about autoencoders on omics data, held against runs of this engine.

``python -m benchmarks.findings`` trains what they are about, and writes a table that says of each
whether it is confirmed, refuted or undecided, and how small a difference could have been decided.
"""
