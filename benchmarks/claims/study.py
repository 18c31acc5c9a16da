"""One simulated study by the platform's own functions: sampled, modelled, raced, validated.

The emulator takes the place of the trainings and of nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from aehpo_assets.analysis.names import BASELINE, BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.analysis.validation_report import improvements
from aehpo_assets.analysis.validation_summary import recommendation_summary
from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.noise.power import replicates_to_detect
from aehpo_assets.noise.summary import known_noise, noise_tables
from aehpo_assets.noise.verdict import BETTER, EQUAL, EQUIVALENCE, WORSE
from aehpo_assets.race.race import race
from aehpo_assets.space import SearchSpace, default_configuration, sample_configurations
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study.results import Race
from aehpo_assets.study.searches import Hpo
from aehpo_gpu.runs.race import known_split, racing_candidates, starting_belief
from benchmarks.claims.emulator import FLAT, Emulator

TASK = "emulated_rna"
CONFIGURATIONS, REPLICATES = 96, 2
GAIN = 0.03
"""The difference that a study is planned to find."""

OPPONENTS = (BEST_SAMPLED, UNTUNED_DEFAULT, BASELINE)
_ORIGINS = (RECOMMENDED, BEST_SAMPLED, UNTUNED_DEFAULT)

_RACE, _VALIDATION = 1_000, 2_000
"""First replicates of the race and of the first validation."""

VALIDATIONS = 3
"""Validations of a study, in replicates of their own: a study costs seconds, and what is claimed of
verdicts is rare."""

BUDGET = Hpo(searchers=["regularized_evolution"], trials=100, validate_top=1)


@dataclass(frozen=True)
class Claims:
    """What one study says, less what is true.

    Attributes
    ----------
    promise, covered
        Prediction of the first recommendation less its true score; whether its 90 % interval holds
        that.
    raced_promise, raced_covered
        The same of the winner, as the race left it.
    observed_promise
        Best mean of sampled replicates less its true score.
    winner, observed, single
        True scores: of the winner; of the best sampled mean; of the best single run, where all
        trainings of the study and its race went into one run of a configuration each.
    trainings
        Trainings of the race.
    needed
        Replicates that find a gain of :data:`GAIN`, by the noise that the study knows.
    contradicted
        Share of the validations with a verdict of better, worse or equal that the true scores
        contradict.
    false_better
        Share of them in which anything is called better where all four are truly the same.
    false_baseline
        Share of them in which the autoencoder is called better than the baseline there.
    found
        Share of them in which the best sampled is called worse where it truly is, by :data:`GAIN`;
        everything else is as good as the winner.
    found_baseline
        The same of the baseline.
    """

    promise: float
    covered: bool
    raced_promise: float
    raced_covered: bool
    observed_promise: float
    winner: float
    observed: float
    single: float
    trainings: int
    needed: int
    contradicted: float
    false_better: float
    false_baseline: float
    found: float
    found_baseline: float


def study(emulator: Emulator) -> Claims:
    """Make a study, and hold what it says against the truth.

    Parameters
    ----------
    emulator
        Its cohort.
    """
    space, seed = emulator.space, emulator.seed
    sampled = sample_configurations(space, CONFIGURATIONS, named_seed(seed, "sampled"))
    results = _results(emulator, sampled, range(REPLICATES))
    components = noise_tables(results, {VALID_SCORE: (0, 1)})["components"]
    noise = known_noise(components, VALID_SCORE)
    assert noise is not None
    evaluations = training_table({TASK: results}, space)
    surrogate, _, _ = fit_surrogate(
        evaluations, space, named_seed(seed, "surrogate"), BUDGET.surrogates
    )
    hpo = BUDGET.model_copy(update={"seed": named_seed(seed, "search")})
    table = recommend(TASK, evaluations, surrogate, space, hpo, 10**6, components=components).table
    first, first_truth = table.iloc[0], emulator.truth(table.head(1))[0]

    rules = Race()
    racing = racing_candidates(table, results, evaluations, space, rules.candidates)

    scores: dict[int, np.ndarray] = {}

    def train(entries: list[tuple[int, int]]) -> list[float]:
        new = sorted({replicate for _, replicate in entries} - scores.keys())
        trained = emulator.train(racing, [_RACE + replicate for replicate in new])
        scores.update(zip(new, trained, strict=True))
        return [float(scores[replicate][one]) for one, replicate in entries]

    outcome = race(
        racing["config_id"].tolist(),
        starting_belief(racing, surrogate, TASK),
        train,
        rules,
        named_seed(seed, "race"),
        noise=noise,
        split=known_split(components, REPLICATES),
    )
    assert outcome is not None
    winner = racing.iloc[[outcome.winner]]
    final = outcome.standings[outcome.standings["state"] == "winner"].iloc[0]
    winner_truth = emulator.truth(winner)[0]

    means = results.groupby("config_id", sort=False)[VALID_SCORE].mean()
    best = sampled[sampled["config_id"].astype(str) == means.idxmax()]
    best_truth = emulator.truth(best)[0]
    trainings = len(outcome.runs)

    needed = replicates_to_detect(
        GAIN, noise.variance, comparisons=len(OPPONENTS), configurations=len(_ORIGINS)
    )
    rivals = pd.concat([winner, best, _default(space)], ignore_index=True)
    count = min(needed, rules.max_replicates)
    apart = emulator.truth(rivals) - winner_truth
    real = dict(zip(_ORIGINS[1:], apart[1:], strict=True))
    said = pd.DataFrame(
        [
            _said(
                _Validation.of(emulator, rivals, components, _VALIDATION + one * count, count), real
            )
            for one in range(VALIDATIONS)
        ]
    )
    return Claims(
        promise=first[f"predicted_{VALID_SCORE}"] - first_truth,
        covered=_holds(first, f"predicted_{VALID_SCORE}_", first_truth),
        raced_promise=final["mean"] - winner_truth,
        raced_covered=_holds(final, "", winner_truth),
        observed_promise=means.max() - best_truth,
        winner=winner_truth,
        observed=best_truth,
        single=_best_single(emulator, CONFIGURATIONS * REPLICATES + trainings),
        trainings=trainings,
        needed=needed,
        **said.mean().to_dict(),
    )


def _results(
    emulator: Emulator, configurations: pd.DataFrame, replicates: Sequence[int]
) -> pd.DataFrame:
    """Return run results of some configurations in some replicates, as training would."""
    parts = []
    trained = emulator.train(configurations, replicates)
    for replicate, score in zip(replicates, trained, strict=True):
        parts.append(
            configurations.assign(
                task=TASK,
                architecture=emulator.space.architecture,
                seed=replicate,
                split_seed=replicate,
                replicate=replicate,
                status="ok",
                **{RUNTIME: 60.0 + 10 * score, VALID_R2: 2 * score - 1, VALID_SCORE: score},
            )
        )
    return pd.concat(parts, ignore_index=True)


def _default(space: SearchSpace) -> pd.DataFrame:
    return pd.DataFrame([default_configuration(space)])


def _best_single(emulator: Emulator, trainings: int) -> float:
    """Return the true score of the best of so many single runs."""
    tried = sample_configurations(emulator.space, trainings, named_seed(emulator.seed, "single"))
    return float(emulator.truth(tried)[emulator.train(tried, [0])[0].argmax()])


def _holds(row: pd.Series, prefix: str, truth: float) -> bool:
    return bool(row[f"{prefix}lower"] <= truth <= row[f"{prefix}upper"])


@dataclass(frozen=True)
class _Validation:
    """A winner and its opponents in the replicates that a study planned.

    Attributes
    ----------
    level
        True score of the winner.
    added
        (replicates, 3) what replicates add to those of winner, best sampled and default: each is a
        candidate of its own here, even where two have one configuration.
    simple
        (replicates,) scores of a baseline that is truly as good as the winner.
    components
        What the study knows of its noise.
    first
        Number of the first replicate.
    """

    level: float
    added: np.ndarray
    simple: np.ndarray
    components: pd.DataFrame
    first: int

    @classmethod
    def of(
        cls,
        emulator: Emulator,
        rivals: pd.DataFrame,
        components: pd.DataFrame,
        first: int,
        count: int,
    ) -> _Validation:
        """Validate the winner (first of the rivals), the best sampled and the default."""
        numbers = range(first, first + count)
        level = float(emulator.truth(rivals)[0])
        columns = [
            emulator.added(rivals.iloc[[one]], numbers, origin)
            for one, origin in enumerate(_ORIGINS)
        ]
        return cls(level, np.hstack(columns), emulator.simple(level, numbers), components, first)

    def outcomes(self, apart: Mapping[str, float]) -> dict[str, str]:
        """Return the verdict on the winner against each opponent, by the test score.

        Parameters
        ----------
        apart
            True score of each opponent less that of the winner; 0 for those that are left out.
        """
        numbers = {"replicate": np.arange(len(self.added)) + self.first}
        numbers |= {"seed": numbers["replicate"], "split_seed": numbers["replicate"]}
        runs = []
        for one, origin in enumerate(_ORIGINS):
            score = self.level + self.added[:, one] + apart.get(origin, 0.0)
            runs.append(pd.DataFrame({**numbers, TEST_SCORE: score, VALID_SCORE: score}))
            runs[-1][["origin", "config_id"]] = origin
        simple = self.simple + apart.get(BASELINE, 0.0)
        tried = pd.DataFrame({**numbers, TEST_SCORE: simple, VALID_SCORE: simple, "fresh": False})
        tried = tried.assign(method="pca", latent_dim=8, features=128)
        baselines = pd.concat([tried, tried.assign(fresh=True)], ignore_index=True)
        summary = recommendation_summary(
            pd.concat(runs, ignore_index=True), baselines, self.components
        )
        rows = improvements({TASK: summary})
        rows = rows[rows["score"] == TEST_SCORE]
        return dict(zip(rows["opponent"], rows["outcome"], strict=True))


def _said(validation: _Validation, real: Mapping[str, float]) -> dict[str, bool]:
    """Hold the verdicts of a validation against what is true, and against what might be."""
    equal = validation.outcomes({})
    return {
        "contradicted": _is_contradicted(validation.outcomes(real), real),
        "false_better": BETTER in equal.values(),
        "false_baseline": equal[BASELINE] == BETTER,
        "found": validation.outcomes({BEST_SAMPLED: -GAIN})[BEST_SAMPLED] == BETTER,
        "found_baseline": validation.outcomes({BASELINE: -GAIN})[BASELINE] == BETTER,
    }


def _is_contradicted(outcomes: Mapping[str, str], apart: Mapping[str, float]) -> bool:
    """Say whether the truth contradicts a verdict."""
    gains = {opponent: -apart.get(opponent, 0.0) for opponent in outcomes}
    return any(
        (outcome == BETTER and gains[opponent] <= 0)
        or (outcome == WORSE and gains[opponent] >= 0)
        or (outcome == EQUAL and abs(gains[opponent]) > EQUIVALENCE)
        for opponent, outcome in outcomes.items()
    )


def row(emulator: Emulator) -> dict[str, object]:
    """Return a study as a row of the table of studies."""
    flat = {"kind": emulator.kind, "seed": emulator.seed, "noise": emulator.noise}
    found = asdict(study(emulator))
    if emulator.kind == FLAT:
        found |= {"winner": math.nan}
    return flat | found
