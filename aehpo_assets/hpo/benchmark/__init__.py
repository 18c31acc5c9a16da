"""The benchmark of searchers: running it, and what its trials say."""
