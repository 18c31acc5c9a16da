"""What tables and pages say of whether the noise of a score is known."""

KNOWN, NOT_KNOWN = "known", "noise not known"
"""What a promise or an interval is called, by whether replicates measured the noise that it allows
for."""
