"""The assets, one file a step of the study; ``definitions`` finds them here."""
