"""What has to be said beside test scores of how they were opened.

How openings are counted belongs to ``aehpo_assets.store.openings``.
"""

from __future__ import annotations


def opening_sentence(number: int, *, test_is_open: bool = False) -> str:
    """Say what an opening's number means for what it shows; empty for the first, of a closed test.

    Parameters
    ----------
    number
        Of the opening, from 1.
    test_is_open
        Whether the study shows the test scores of every run, so that nothing had to be opened.
    """
    if test_is_open:
        return (
            "The test of this study is open: its scores lay beside those that chose, and whatever "
            "was chosen may have been chosen by them."
        )
    if number == 1:
        return ""
    return (
        f"This is opening {number} of these test samples: what was chosen since the first may have "
        "been chosen by what it showed."
    )
