"""Transfer: what other tasks say of a new one, and whether that helps."""
