"""The assets that train or score, one file a step of the study."""
