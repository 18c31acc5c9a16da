"""Pictures of transfer: every case is drawn, and harm can be told from gain."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.plots import task_similarity, transfer_gain

PNG = b"\x89PNG\r\n\x1a\n"


def verdicts(tasks: int) -> pd.DataFrame:
    """Plain transfer harms on the first task, and does nothing elsewhere."""
    return pd.DataFrame(
        [
            {
                "task": f"task_{number}",
                "searcher": searcher,
                "way": way,
                "gain": -0.1 if harms else 0.02,
                "gain_lower": -0.12,
                "gain_upper": -0.05 if harms else 0.03,
                "verdict": "harms" if harms else "no clear difference",
            }
            for number in range(tasks)
            for searcher in ("random_search", "cqr")
            for way in ("plain", "weighted", "warm")
            for harms in [number == 0 and way == "plain"]
        ]
    )


def test_every_case_is_drawn_and_harm_is_hollow(drawn: list[matplotlib.figure.Figure]) -> None:
    assert transfer_gain(verdicts(3)).startswith(PNG)
    panels = drawn[0].axes
    assert [panel.get_title() for panel in panels] == ["random_search", "cqr"]
    for panel in panels:
        plain, weighted, warm = panel.collections[1::2]
        assert [len(points.get_offsets()) for points in (plain, weighted, warm)] == [3, 3, 3]
        hollow = [tuple(np.asarray(colour)[:3]) == (1, 1, 1) for colour in plain.get_facecolors()]
        assert hollow == [True, False, False]
        assert not any(tuple(c[:3]) == (1, 1, 1) for c in np.asarray(weighted.get_facecolors()))


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_similarities_of_any_number_of_tasks(
    count: int, drawn: list[matplotlib.figure.Figure]
) -> None:
    names = [f"task_{number}" for number in range(count)]
    values = np.full((count, count), 0.25)
    np.fill_diagonal(values, 1.0)
    assert task_similarity(pd.DataFrame(values, index=names, columns=names)).startswith(PNG)
    written = [text.get_text() for text in drawn[0].axes[0].texts]
    if count == 3:
        assert sorted(written) == ["0.25"] * 6 + ["1.00"] * 3
    if count == 20:
        assert written == []


def test_nothing_searched_is_said() -> None:
    assert transfer_gain(verdicts(0).reindex(columns=verdicts(1).columns)).startswith(PNG)
