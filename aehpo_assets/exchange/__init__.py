"""Results in and out: a study for other tools, and other people's studies as run results."""
