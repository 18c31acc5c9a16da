"""What a race is worth where the truth is known: simulated studies, raced and not.

Configurations, seeds and splits vary as on the colorectal tumours of the measurements behind the
defaults. No configuration is like another, so that no model of the hyperparameters helps either
side. Run as ``python -m benchmarks.race [STUDIES]``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from aehpo_assets.noise.pooled import Noise
from aehpo_assets.race.belief import Belief
from aehpo_assets.race.race import race
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study.results import Race

TRUTH = 0.75
"""Mean true score."""

CONFIGURATION, REPLICATE, SPLIT = 0.070, 0.090, 0.030
"""Standard deviations of configurations, of replicates of one, and of what a split does to all."""

SAMPLED = 48
"""Configurations that are trained once before the race."""


@dataclass(frozen=True)
class Raced:
    """One simulated study.

    Attributes
    ----------
    race, observed, even
        Regret of the race's winner; of the best single run, where the trainings of the race went
        into further configurations; of the best mean, where they were shared evenly among the
        candidates of the race.
    covered
        Whether the 90 % interval of the winner holds its true score.
    said
        What the race says of the winner, less its true score.
    trainings
        Trainings of the race.
    decision
        Why it ended.
    """

    race: float
    observed: float
    even: float
    covered: bool
    said: float
    trainings: int
    decision: str


def study(seed: int, rules: Race) -> Raced:
    """Simulate one study; regret is against the best of all configurations that could be trained.

    Parameters
    ----------
    seed
        Seed of the study.
    rules
        Of the race.
    """
    source = np.random.default_rng(named_seed(seed, "truth"))
    most = SAMPLED + rules.candidates * rules.max_replicates
    truth = TRUTH + CONFIGURATION * source.standard_normal(most)
    single = truth + REPLICATE * source.standard_normal(most)
    splits = SPLIT * source.standard_normal(rules.candidates * rules.max_replicates)
    # What a single run says of its configuration, where both variances are known.
    reliability = CONFIGURATION**2 / (CONFIGURATION**2 + REPLICATE**2)
    known = TRUTH + reliability * (single[:SAMPLED] - TRUTH)
    chosen = np.argsort(-known)[: rules.candidates]
    left = CONFIGURATION**2 * (1 - reliability)
    noise = np.random.default_rng(named_seed(seed, "noise"))

    def score(candidate: int, replicate: int) -> float:
        drawn = REPLICATE * noise.standard_normal()
        return float(truth[chosen[candidate]] + splits[replicate] + drawn)

    outcome = race(
        [str(one) for one in chosen],
        Belief(known[chosen], left * np.eye(len(chosen))),
        lambda entries: [score(*entry) for entry in entries],
        rules,
        named_seed(seed, "race"),
        noise=Noise(REPLICATE**2, 100),
        split=Noise(SPLIT**2, 10**6),
    )
    assert outcome is not None
    trainings = len(outcome.runs)
    shares = np.full(len(chosen), trainings // len(chosen))
    shares[: trainings % len(chosen)] += 1
    means = [np.mean([score(one, r) for r in range(n)]) for one, n in enumerate(shares)]
    weights = 1 / (1 + REPLICATE**2 / (left * shares))
    even = known[chosen] + weights * (np.array(means) - known[chosen])
    reach = slice(0, SAMPLED + trainings)
    best = truth[reach].max()
    final = outcome.standings[outcome.standings["state"] == "winner"].iloc[0]
    winner = truth[chosen[outcome.winner]]
    return Raced(
        race=best - winner,
        observed=best - truth[single[reach].argmax()],
        even=best - truth[chosen[even.argmax()]],
        covered=bool(final["lower"] <= winner <= final["upper"]),
        said=final["mean"] - winner,
        trainings=trainings,
        decision=outcome.decision,
    )


def studies(count: int, rules: Race, seed: int = 0) -> pd.DataFrame:
    """Simulate some studies: one row each, the columns of :class:`Raced`."""
    return pd.DataFrame([asdict(study(named_seed(seed, "study", n), rules)) for n in range(count)])


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Means with their 95 % Monte Carlo intervals: ``mean, lower, upper``."""
    numbers = found[["race", "observed", "even", "said", "trainings"]].astype("float64")
    for rival in ("observed", "even"):
        numbers[f"{rival} less race"] = found[rival] - found["race"]
        numbers[f"worse than {rival} by .01"] = found["race"] > found[rival] + 0.01
        numbers[f"better than {rival} by .01"] = found["race"] < found[rival] - 0.01
    numbers["covered"] = found["covered"]
    for decision, share in found["decision"].value_counts(normalize=True).items():
        numbers[f"ended: {decision} ({share:.0%})"] = found["decision"] == decision
    numbers = numbers.astype("float64")
    half = 1.96 * numbers.std() / math.sqrt(len(numbers))
    means = numbers.mean()
    return pd.DataFrame({"mean": means, "lower": means - half, "upper": means + half})


def main() -> None:
    """Print the summary of some studies, 1,000 by default."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(summary(studies(count, Race())).round(4).to_string())


if __name__ == "__main__":
    main()
