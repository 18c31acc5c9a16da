"""From tables of runs to tables of results: what is trained, and what is done already."""
