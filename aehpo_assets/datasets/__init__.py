"""Data sets: from a folder with a ``dataset.yaml`` to a matrix in memory, labels and split."""
