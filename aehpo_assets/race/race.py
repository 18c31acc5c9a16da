"""The race itself: train, update, drop, and stop with a reason.

The same candidates, seed and scores give the same decisions, so that a race that was killed goes on
where it was as soon as the scores of what it had trained are there again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from aehpo_assets.noise.components import variance_components
from aehpo_assets.noise.pooled import SPLIT, Noise, pooled, replicate_noise
from aehpo_assets.race.belief import Belief, probability_best, probability_equivalent
from aehpo_assets.race.schedule import BATCH, halvings, most_likely, top_two
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study.results import Race

CONFIDENCE = 0.95
"""Probability from which on something is decided."""

HOPELESS = 0.01
"""A finalist that is the best with a smaller probability is dropped."""

RACING, DROPPED, WINNER = "racing", "dropped", "winner"

BEST, EQUIVALENT, ALONE, UNDECIDED = "best", "equivalent", "alone", "undecided"
"""Why a race ended: one is the best, all are as good, one is left, or the budget ended."""

NOT_KNOWN = Noise(math.inf, 0)
"""Of the effect of a split: only differences within replicates count."""

_SMALLEST_NOISE = 1e-8

Train = Callable[[list[tuple[int, int]]], Sequence[float]]
"""Candidate and replicate of each training to its score, NaN where it has none."""


@dataclass(frozen=True)
class Outcome:
    """How a race ended.

    Attributes
    ----------
    runs
        One row a training: ``round, candidate, replicate, score`` (NaN where it failed); rounds
        from 1, replicates from 0.
    standings
        One row a round (0: before any training) and candidate: ``round, candidate, mean, lower,
        upper`` (90 % interval), ``probability_best, replicates, state`` (racing | dropped |
        winner), ``reason``.
    order
        The candidates that did not fail: the winner, then the others by their mean.
    decision
        best | equivalent | alone | undecided.
    sentence
        Why it ended.
    """

    runs: pd.DataFrame
    standings: pd.DataFrame
    order: list[int]
    decision: str
    sentence: str

    @property
    def winner(self) -> int:
        """The winner's number."""
        return self.order[0]


def race(
    names: Sequence[str],
    start: Belief,
    train: Train,
    rules: Race,
    seed: int,
    *,
    noise: Noise | None = None,
    split: Noise | None = NOT_KNOWN,
    lowest: float = 0.0,
    tell: Callable[[str], None] = lambda line: None,
) -> Outcome | None:
    """Race some candidates until the best is known, or the budget ends.

    Parameters
    ----------
    names
        What sentences call the candidates.
    start
        What is believed before the first training, on the splits of the study.
    train
        Trains; all of a round in one call.
    rules
        The study's.
    seed
        Of every draw; each has a name of its own.
    noise
        What is known of the noise of a replicate; the race's own replicates are pooled with it.
    split
        What is known of the effect of a split (:func:`~aehpo_assets.noise.level.split_effect`); the
        race's own replicates are pooled with it. None where all replicates have the same.
    lowest
        Score that a candidate counts as of which a training failed: the minimum of the task.
    tell
        Is told of every round in a line.

    Returns
    -------
    Outcome or None
        None if every candidate failed.
    """
    course = _Course(list(names), start, rules, seed, noise, split, lowest)
    course.stand(0)
    plan = halvings(len(names), rules.max_replicates)
    for number, (_, new) in enumerate(plan, start=1):
        course.train(number, [(c, r) for r in course.fresh(new) for c in course.racing], train)
        if number < len(plan):
            course.keep(number, plan[number][0])
        course.stand(number)
        tell(course.line(number))
        if len(course.racing) < 2:
            break
    ended = None
    while course.racing and (ended := course.end()) is None:
        number += 1
        course.train(number, course.pairs(number), train)
        course.drop_hopeless(number)
        course.stand(number)
        tell(course.line(number))
    return course.outcome(*ended) if ended else None


@dataclass
class _Course:
    """A race on its way: what was trained, what is believed, and who is still in it."""

    names: list[str]
    start: Belief
    rules: Race
    seed: int
    known: Noise | None
    known_split: Noise | None
    lowest: float
    belief: Belief = field(init=False)
    split: Noise | None = field(init=False)
    racing: list[int] = field(init=False)
    reasons: dict[int, str] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    scores: np.ndarray = field(init=False)
    draws: np.ndarray = field(init=False)
    runs: list[tuple[int, int, int, float]] = field(default_factory=list)
    standings: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.racing = list(range(len(self.names)))
        self.scores = np.empty((0, len(self.names)))
        self.split = self.known_split
        self.belief = self.believed()
        self.draw(0)

    @property
    def replicates(self) -> np.ndarray:
        """Finished replicates of each candidate."""
        return np.isfinite(self.scores).sum(axis=0)

    @property
    def leader(self) -> int:
        """The candidate still racing that is believed to be the best."""
        return max(self.racing, key=lambda one: (self.belief.mean[one], -one))

    def fresh(self, count: int) -> range:
        """Numbers of the next replicates."""
        return range(len(self.scores), len(self.scores) + count)

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """The two candidates of each replicate of a round; none beyond its number of replicates."""
        draws = self.belief.draws(named_seed(self.seed, "top two", number), self.playable)
        chosen, left = [], self.rules.max_replicates - self.replicates
        for candidate, replicate in top_two(draws, list(self.fresh(BATCH))):
            if left[candidate] > 0:
                chosen.append((candidate, replicate))
                left[candidate] -= 1
        return chosen

    @property
    def playable(self) -> list[int]:
        """Candidates that are racing and may still be trained."""
        return [one for one in self.racing if self.replicates[one] < self.rules.max_replicates]

    def train(self, number: int, entries: list[tuple[int, int]], train: Train) -> None:
        """Train the entries of a round, drop what failed, and learn from the rest."""
        found = [float(score) for score in train(entries)]
        rows = max(replicate for _, replicate in entries) + 1 - len(self.scores)
        self.scores = np.vstack([self.scores, np.full((rows, len(self.names)), math.nan)])
        for (candidate, replicate), score in zip(entries, found, strict=True):
            self.runs.append((number, candidate, replicate, score))
            self.scores[replicate, candidate] = score
        asked = {candidate for candidate, _ in entries}
        for candidate in sorted(asked):
            lost = sum(c == candidate and not math.isfinite(s) for _, c, _, s in self.runs)
            if lost:
                all_of_it = sum(c == candidate for _, c, _, _ in self.runs)
                self.failed.add(candidate)
                self.drop(candidate, f"{lost} of {all_of_it} trainings diverged or failed")
        noise = self.noise()
        if noise is not None:
            usable = self.scores.copy()
            usable[:, sorted(self.failed)] = math.nan
            variance = max(noise.variance, _SMALLEST_NOISE)
            self.split = self.split_effect()
            effect = self.split.variance if self.split else 0.0
            self.belief = self.believed().updated(usable, variance, effect)
        self.draw(number)

    def noise(self) -> Noise | None:
        """Noise of a replicate: what was known of it, and what the race's own replicates say."""
        table = self.usable_runs()
        if self.known_split is None:
            table = table.drop(columns=SPLIT)
        return pooled(self.known, replicate_noise(table, "score") if len(table) else None)

    def usable_runs(self) -> pd.DataFrame:
        """Trainings of the candidates of which none failed, one row each."""
        rows = [(c, r, r, s) for _, c, r, s in self.runs if c not in self.failed]
        return pd.DataFrame(rows, columns=["config_id", SPLIT, "seed", "score"])

    def split_effect(self) -> Noise | None:
        """Effect of a split: what was known of it, and what the race's own replicates say."""
        if self.known_split is None:
            return None
        table = self.usable_runs()
        parts = variance_components(table) if len(table) else None
        own = None
        if parts is not None and not math.isnan(parts.split):
            own = Noise(parts.split, parts.splits - 1)
        known = self.known_split if self.known_split.degrees else None
        return pooled(known, own) or self.known_split

    def level(self, further: np.ndarray) -> np.ndarray:
        """Variance of the mean effect of the study's splits and so many further ones."""
        if self.split is None or self.known_split is None or not self.split.degrees:
            return np.zeros(len(further))
        return np.asarray(self.split.variance / (self.known_split.degrees + 1 + further))

    def believed(self) -> Belief:
        """What was believed before the race, the level of the study's splits included."""
        return self.start.raised(float(self.level(np.zeros(1))[0]))

    def draw(self, number: int) -> None:
        """Draw from what is believed after a round."""
        seed = named_seed(self.seed, "probability of the best", number)
        self.draws = self.belief.draws(seed, self.racing) if self.racing else np.empty((0, 0))

    def drop(self, candidate: int, reason: str) -> None:
        """Take a candidate out of the race."""
        self.racing = [one for one in self.racing if one != candidate]
        self.reasons[candidate] = reason

    def keep(self, number: int, count: int) -> None:
        """Drop all but the candidates that are most likely to be the best."""
        if not self.racing:
            return
        probabilities = probability_best(self.draws)
        kept = most_likely(probabilities, self.belief.mean, self.racing, count)
        for one in [one for one in self.racing if one not in kept]:
            text = f"not among the {count} most likely to be the best after round {number}"
            self.drop(one, text)
        self.draw(number)

    def drop_hopeless(self, number: int) -> None:
        """Drop finalists that are hardly the best."""
        if not self.racing:
            return
        probabilities = probability_best(self.draws)
        for one in [one for one in self.racing if one != self.leader]:
            if probabilities[one] < HOPELESS:
                self.drop(one, f"the best with a probability below {HOPELESS:.0%}")
        self.draw(number)

    def stand(self, number: int) -> None:
        """Note the standings after a round."""
        degrees = self.split.degrees if self.split and self.split.degrees else math.inf
        lower, upper = self.belief.interval(self.level(self.replicates), degrees)
        best = probability_best(self.draws) if self.racing else np.zeros(len(self.names))
        table = pd.DataFrame(
            {
                "round": number,
                "candidate": np.arange(len(self.names)),
                "mean": self.belief.mean,
                "lower": lower,
                "upper": upper,
                "probability_best": best,
                "replicates": self.replicates,
                "state": [RACING if c in self.racing else DROPPED for c in range(len(self.names))],
                "reason": [self.reasons.get(c, "") for c in range(len(self.names))],
            }
        )
        table.loc[sorted(self.failed), ["mean", "lower", "upper"]] = self.lowest
        self.standings.append(table)

    def line(self, number: int) -> str:
        """Say how a round ended."""
        trained = sum(run[0] == number for run in self.runs)
        if not self.racing:
            return f"Round {number}: {trained} trainings, and no candidate is left."
        leader, probability = self.leader, probability_best(self.draws)[self.leader]
        return (
            f"Round {number}: {trained} trainings; {len(self.racing)} candidates still racing; "
            f"{self.names[leader]} leads with {self.belief.mean[leader]:.3f} and is the best with "
            f"a probability of {probability:.2f}."
        )

    def end(self) -> tuple[str, str] | None:
        """Say why the race ends, None if it goes on."""
        leader = self.leader
        name, probability = self.names[leader], probability_best(self.draws)[leader]
        if len(self.racing) == 1:
            return ALONE, f"{name} won: no other candidate is left."
        if probability >= CONFIDENCE:
            return BEST, f"{name} won: it is the best with a probability of {probability:.2f}."
        width = self.rules.equivalence
        alike = probability_equivalent(self.draws, leader, width)
        if alike >= CONFIDENCE:
            return EQUIVALENT, (
                f"{name} won, but any of the last {len(self.racing)} will do: with a probability "
                f"of {alike:.2f} they lie within {width:g} of it."
            )
        if not self.playable:
            return UNDECIDED, (
                f"The budget of {self.rules.max_replicates} replicates ended without a decision: "
                f"{name} leads, and is the best with a probability of {probability:.2f}."
            )
        return None

    def outcome(self, decision: str, sentence: str) -> Outcome:
        """Return what the race found."""
        winner = self.leader
        last = self.standings[-1]
        last.loc[winner, ["state", "reason"]] = [WINNER, sentence]
        others = [one for one in range(len(self.names)) if one not in {winner, *self.failed}]
        others.sort(key=lambda one: (-self.belief.mean[one], one))
        return Outcome(
            runs=pd.DataFrame(self.runs, columns=["round", "candidate", "replicate", "score"]),
            standings=pd.concat(self.standings, ignore_index=True),
            order=[winner, *others],
            decision=decision,
            sentence=sentence,
        )
