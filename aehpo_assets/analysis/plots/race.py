"""The picture of a race: what was believed of each candidate after every round."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.analysis.names import ORIGIN_NAMES
from aehpo_assets.analysis.plots.style import COLOURS, GREY, drawing, rendered
from aehpo_assets.hpo.objectives import OBJECTIVE, VALID_SCORE
from aehpo_assets.race.race import DROPPED, WINNER

_WIDTH = 0.6
"""Share of a round over which the candidates of it are spread."""

_NAMES = ORIGIN_NAMES | {"best_sampled": "sampled", "recommended": "proposed"}


def race(standings: pd.DataFrame) -> bytes:
    """Posterior means with 90 % intervals over the rounds; what was dropped fades out.

    Parameters
    ----------
    standings
        One row a round and candidate: ``round, config_id, origin, mean, lower, upper,
        probability_best, replicates, state``.

    Returns
    -------
    bytes
        PNG.
    """
    last = int(standings["round"].max())
    config_ids = standings["config_id"].drop_duplicates().tolist()
    colours = dict(zip(_NAMES, COLOURS, strict=False))
    with drawing(width=min(13.0, max(7.0, 3.0 + 0.7 * last)), height=4.6) as (figure, (panel,)):
        for place, config_id in enumerate(config_ids):
            own = standings[standings["config_id"] == config_id].sort_values("round")
            out = own.loc[own["state"] == DROPPED, "round"].min()
            # After the round in which it was dropped, nothing is learned of it on purpose.
            own = own[own["round"] <= out] if pd.notna(out) else own
            shift = _WIDTH * ((place + 0.5) / len(config_ids) - 0.5)
            colour = colours[own["origin"].iloc[0]]
            won = (own["state"] == WINNER).any()
            x = own["round"] + shift
            alive = 1.0 if pd.isna(out) else 0.45
            panel.plot(x, own["mean"], color=colour, alpha=0.35 * alive, linewidth=1)
            for at, row in zip(x, own.itertuples(), strict=True):
                strength = 0.3 if row.state == DROPPED else 1.0
                panel.plot([at, at], [row.lower, row.upper], color=colour, alpha=0.45 * strength)
                marker = "x" if row.state == DROPPED else "o"
                panel.plot(at, row.mean, marker, color=colour, alpha=strength, markersize=4)
            if won:
                end = own.iloc[-1]
                panel.plot(last + shift, end["mean"], "*", color="black", markersize=13, zorder=5)
                panel.annotate(
                    f"{config_id}: {end['mean']:.3f}, best with probability "
                    f"{end['probability_best']:.2f}",
                    (last + shift, end["upper"]),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="right",
                    fontsize=8,
                )
        for origin in standings["origin"].drop_duplicates():
            panel.plot([], [], "o", color=colours[origin], label=_NAMES[origin])
        panel.plot([], [], "x", color=GREY, label="dropped in that round")
        panel.plot([], [], "*", color="black", markersize=10, label="winner")
        rounds = standings[standings["state"] != DROPPED].groupby("round")
        names = ["before" if r == 0 else f"{r}\n{n} left" for r, n in rounds.size().items()]
        panel.set_xticks(range(last + 1), names)
        panel.set(xlabel="round", ylabel=OBJECTIVE[VALID_SCORE].title)
        panel.grid(axis="x", visible=False)
        panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return rendered(figure)
