"""Answers are sentences around numbers that are there, or say what is missing."""

from __future__ import annotations

import math

import pandas as pd

from aehpo_assets.analysis.names import LATE
from aehpo_assets.analysis.questions import QUESTIONS, Evidence, answers
from aehpo_assets.hpo.columns import VALID_SCORE


def said(evidence: Evidence, question: str) -> str:
    table = answers(evidence)
    return " ".join(table.loc[table["question"] == question, "answer"])


def importance(r2: float = 0.5) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "hyperparameter": ["beta", "lr_fixed", "drop_p"],
                "importance": values,
                "standard_deviation": 0.05,
                "forest_r2": r2,
                "task": task,
            }
        )
        for task, values in (
            ("every task", [0.7, 0.3, 0.0]),
            ("a", [0.7, 0.3, 0]),
            ("b", [0, 0.3, 0.7]),
        )
    ]
    return pd.concat(parts)


def proxy(true: float, lower: float) -> pd.DataFrame:
    row = {
        "signal": "valid_recon_loss",
        "at": 0,
        "correlation": 0.4,
        "reliability": 0.9,
        "true_correlation": true,
        "lower": lower,
        "upper": 0.8,
        "given_up": 0.012,
        "configurations": 30,
        "replicates": 2,
    }
    return pd.DataFrame([row])


def test_every_question_is_answered_or_said_not_to_be() -> None:
    table = answers(Evidence())
    assert table["question"].unique().tolist() == list(QUESTIONS)
    assert table["answer"].str.match("Not (asked|known)").all()


def test_only_what_is_told_is_claimed() -> None:
    assert "beta (0.70 ± 0.05), lr_fixed (0.30 ± 0.05), by" in said(
        Evidence(importance=importance()), "RQ1"
    )
    assert "drop_p" not in said(Evidence(importance=importance().iloc[:3]), "RQ1")
    assert "no hyperparameter is told to matter" in said(
        Evidence(importance=importance(-0.1)), "RQ1"
    )
    assert "fewer than 20" in said(Evidence(importance=importance(math.nan)), "RQ1")
    assert "correlate by -1.00 in rank, over 3" in said(Evidence(importance=importance()), "RQ2")


def test_thin_evidence_says_so() -> None:
    firm = said(Evidence(proxies={"a": proxy(0.6, 0.3)}), "RQ2")
    assert "a low valid recon loss ranks configurations as the score does by +0.60" in firm
    assert "gives up 0.012" in firm
    assert "chance" not in firm
    assert "which may be chance" in said(Evidence(proxies={"a": proxy(0.6, -0.1)}), "RQ2")
    once = said(Evidence(proxies={"a": proxy(math.nan, math.nan)}), "RQ2")
    assert "what noise does to that is not known" in once
    assert "too few" in said(Evidence(proxies={"a": proxy(0.6, 0.3).head(0)}), "RQ2")


def test_noise_is_taken_from_what_is_left_to_explain() -> None:
    effects = pd.DataFrame(
        {"task": "a", "hyperparameter": ["beta", "drop_p"], "explained": [0.5, -0.1]}
    )
    components = pd.DataFrame(
        {
            "score": [VALID_SCORE],
            "known": True,
            "runs": 60,
            "configurations": 30,
            "configuration": 0.3,
            "replicate": 0.2,
        }
    )
    text = said(Evidence(effects=effects, noise={"a": components}), "RQ2")
    # .4 alone; of a mean of two, .75 is true: .35 are left.
    assert "explain 40% of the variance" in text
    assert "noise is 25% of it, and 35% are left to their interplay" in text
    assert "noise" not in said(Evidence(effects=effects), "RQ2")


def test_transfer_surrogate_and_searchers() -> None:
    transfer = pd.DataFrame(
        {
            "task": ["a", "b"] * 2,
            "searcher": "cqr",
            "way": ["warm", "warm", "weighted", "weighted"],
            "gain": [0.02, 0.04, -0.01, 0.0],
            "verdict": ["helps", "helps", "harms", "no clear difference"],
        }
    )
    evidence = Evidence(
        transfer=transfer,
        diagnostics=pd.DataFrame(
            {
                "task": ["a"],
                "objective": VALID_SCORE,
                "r2": 0.4,
                "r2_ceiling": 0.7,
                "spearman": 0.6,
                "coverage": 0.9,
                "configurations": 30,
            }
        ),
        accuracy=pd.DataFrame(
            {"task": ["all tasks"], "bias": 0.01, "inside": 0.5, "configurations": 2}
        ),
        ranks=pd.DataFrame(
            {
                "ground": "surrogate",
                "searcher": ["cqr", "random_search"],
                "mean_rank": [1.2, 1.8],
                "critical_difference": 0.8,
                "p_value": 0.2,
                "tasks": 2,
            }
        ),
    )
    assert "helps in 2 of 2 cases; the gain is +0.030" in said(evidence, "RQ3")
    assert "harms in 1" in said(evidence, "RQ4")
    assert "R² 0.40, where noise allows 0.70" in said(evidence, "RQ5")
    assert "score -0.010 beside what was promised" in said(evidence, "RQ5")
    assert "cqr has the best mean rank, 1.20" in said(evidence, "RQ6")
    assert "not told apart" in said(evidence, "RQ6")


def test_what_joining_modalities_adds_is_the_answer_where_a_study_joins_any() -> None:
    row = {
        "task": "a_rna+mut",
        "method": "autoencoder",
        "against": "a_rna",
        "improvement": 0.064,
        "same_samples": True,
        "outcome": "not yet",
        "new_patients": "not yet",
        "new_patients_lower": -0.075,
        "new_patients_upper": 0.204,
    }
    text = said(Evidence(integration=pd.DataFrame([row])), "RQ7")
    assert "a_rna+mut adds +0.064 on test to a_rna" in text
    assert "for new patients not yet [-0.075, +0.204]" in text
    assert "Not asked" in said(Evidence(), "RQ7")
    late = said(Evidence(integration=pd.DataFrame([row | {"method": LATE[0]}])), "RQ7")
    assert f"Late fusion of a_rna+mut ({LATE[0]}) adds +0.064 on test to a_rna" in late
