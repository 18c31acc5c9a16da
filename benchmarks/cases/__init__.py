"""One file a case, or a family of cases, each with ``run(quick) -> list[Case]``."""
