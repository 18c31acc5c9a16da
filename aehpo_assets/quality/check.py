"""What a check is, and how a table of checks is run by Great Expectations.

A check is one expectation on one column of a summary: a few rows for a label table, one row a
sample or feature for a matrix, never one expectation for each gene. What is summarised is decided
by the modules beside this one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from aehpo_assets.store.provenance import CheckResult

_SHOWN = 5

FAULT = "This is a fault of the program: please report it with this message."
"""The remedy where nothing that a user gave can be to blame."""


@dataclass(frozen=True)
class Check:
    """One expectation on one column of a summary.

    Attributes
    ----------
    name
        Name of the check, unique within its asset.
    summary
        Name of the summary it looks at.
    column
        Column of that summary.
    expectation
        Class of ``great_expectations.expectations``.
    description
        What is expected, for a person.
    blocking
        Whether wrong numbers would follow if it fails; otherwise a person should look.
    arguments
        Further arguments of the expectation.
    remedy
        What to do about it if it fails, in whole sentences.
    """

    name: str
    summary: str
    column: str
    expectation: str
    description: str
    blocking: bool
    arguments: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


def at_most(
    name: str,
    column: str,
    limit: float,
    description: str,
    *,
    of: str,
    blocking: bool,
    remedy: str = "",
) -> Check:
    """Expect that no value of a column exceeds a limit."""
    kind, bound = "ExpectColumnMaxToBeBetween", {"max_value": limit}
    return Check(name, of, column, kind, description, blocking, bound, remedy)


def at_least(
    name: str,
    column: str,
    limit: float,
    description: str,
    *,
    of: str,
    blocking: bool,
    remedy: str = "",
) -> Check:
    """Expect that no value of a column lies below a limit."""
    kind, bound = "ExpectColumnMinToBeBetween", {"min_value": limit}
    return Check(name, of, column, kind, description, blocking, bound, remedy)


def unique(name: str, column: str, description: str, *, of: str, remedy: str = "") -> Check:
    """Expect that no value of a column occurs twice; always blocking."""
    kind = "ExpectColumnValuesToBeUnique"
    return Check(name, of, column, kind, description, True, remedy=remedy)


def among(
    name: str, column: str, values: Sequence[str], description: str, *, of: str, remedy: str = ""
) -> Check:
    """Expect that every value of a column is one of a set; always blocking."""
    kind, values_allowed = "ExpectColumnValuesToBeInSet", {"value_set": list(values)}
    return Check(name, of, column, kind, description, True, values_allowed, remedy)


def run_checks(checks: Sequence[Check], summaries: Mapping[str, pd.DataFrame]) -> list[CheckResult]:
    """Validate summaries with Great Expectations.

    Parameters
    ----------
    checks
        What is expected.
    summaries
        Name to summary. A summary without rows passes: there is nothing that could be wrong.

    Returns
    -------
    list of CheckResult
        One for each check, in their order. A failed one says what was found, where (in the
        summary's first column, for values that are not as they should be) and what to do about it.
    """
    outcomes: dict[str, CheckResult] = {}
    for name in dict.fromkeys(check.summary for check in checks):
        group = [check for check in checks if check.summary == name]
        summary = summaries[name]
        if summary.empty:
            outcomes |= {c.name: _outcome(c, True, c.description, {}) for c in group}
            continue
        results = _validate(name, summary, group)
        for check, (passed, result) in zip(group, results, strict=True):
            description, values = _explain(check, passed, result, summary)
            outcomes[check.name] = _outcome(check, passed, description, values)
    return [outcomes[check.name] for check in checks]


def _outcome(check: Check, passed: bool, text: str, values: dict[str, Any]) -> CheckResult:
    return CheckResult(
        name=check.name, passed=passed, blocking=check.blocking, description=text, values=values
    )


@cache
def _summaries() -> Any:
    """Where summaries are validated: one place a process, as making it takes longer than all else.

    Importing Great Expectations takes seconds, and its context writes down every data source.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # One of its modules sets its own logger to INFO, which would pass by the level of the library.
    for name in ("great_expectations", ProgressBarsConfig.__module__):
        logging.getLogger(name).setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("summaries").add_dataframe_asset("summary")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(
    name: str, summary: pd.DataFrame, checks: Sequence[Check]
) -> list[tuple[bool, dict[str, Any]]]:
    batch = _summaries().get_batch({"dataframe": summary})
    import great_expectations as gx

    expectations = [
        getattr(gx.expectations, check.expectation)(
            column=check.column, meta={"check": check.name}, **check.arguments
        )
        for check in checks
    ]
    validated = batch.validate(gx.ExpectationSuite(name=name, expectations=expectations))
    by_check = {r.expectation_config.meta["check"]: r for r in validated.results}
    return [
        (bool(by_check[check.name].success), dict(by_check[check.name].result)) for check in checks
    ]


def _explain(
    check: Check, passed: bool, result: dict[str, Any], summary: pd.DataFrame
) -> tuple[str, dict[str, Any]]:
    """What was found, in words for the message and in numbers for the UI."""
    values: dict[str, Any] = {}
    if "observed_value" in result and result["observed_value"] is not None:
        values["observed"] = float(result["observed_value"])
    if "unexpected_count" in result:
        values["unexpected"] = int(result["unexpected_count"])
    if passed:
        return check.description, values
    where = _offenders(check, summary)
    found = f"{values['observed']:g}" if "observed" in values else f"{values.get('unexpected')}"
    text = f"{check.description}: found {found}"
    if where:
        text += f" ({', '.join(where)})"
    return (f"{text}. {check.remedy}" if check.remedy else text), values


def _offenders(check: Check, summary: pd.DataFrame) -> list[str]:
    """The first few entries that break an expectation, by the summary's first column."""
    column = summary[check.column]
    if check.expectation == "ExpectColumnValuesToBeUnique":
        wrong = column.duplicated(keep=False)
    elif check.expectation == "ExpectColumnValuesToBeInSet":
        wrong = ~column.isin(check.arguments["value_set"])
    elif "max_value" in check.arguments:
        wrong = column > check.arguments["max_value"]
    else:
        wrong = column < check.arguments["min_value"]
    names = summary.iloc[:, 0][wrong].astype(str).drop_duplicates()
    return [*names.head(_SHOWN), *(["…"] if len(names) > _SHOWN else [])]


def worst(outcomes: Mapping[str, Sequence[CheckResult]]) -> list[CheckResult]:
    """Of the same checks of several, the first that failed, or else those of the first.

    Parameters
    ----------
    outcomes
        What was checked, a replicate or a modality, to its outcomes; what has no name needs none.
    """
    found = []
    for of_all in zip(*outcomes.values(), strict=True):
        named = list(zip(outcomes, of_all, strict=True))
        failed = [(name, check) for name, check in named if not check.passed]
        name, check = failed[0] if failed else ("", of_all[0])
        told = f"{name}: {check.description}" if name else check.description
        found.append(check.model_copy(update={"description": told}))
    return found
