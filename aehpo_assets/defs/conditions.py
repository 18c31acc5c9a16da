"""When Dagster makes an artefact by itself: one condition for each role an asset can have.

An update counts only if it changed the content: a file saved again as it was makes nothing stale.
What failed or was canceled is not tried again until something that it depends on changes, or at
night; what was interrupted is asked for again by a sensor of its own. Dagster's own condition on
blocking checks is not used: it looks at the latest outcome of a check whatever its partition, so
that one task's bad data would hold back all others. Training refuses such a matrix by itself.
See https://docs.dagster.io/guides/automate/declarative-automation.
"""

import dagster as dg

from aehpo_assets.defs.raw_files import RAW_FILES
from aehpo_assets.defs.study_conditions import (
    InStudy,
    MadeMeanwhile,
    OnItsWay,
    OutOfDate,
    OwnPartitionMissing,
    WillBeRequestedElsewhere,
    in_turn,
)

Condition = dg.AutomationCondition

# The sensor that notices data sets looks at the files themselves, before anything has read them.
_AS_THEY_CAME = dg.AssetSelection.assets(RAW_FILES)

_inputs_changed = Condition.any_deps_match(Condition.data_version_changed()).ignore(_AS_THEY_CAME)

_becomes_missing = Condition.newly_missing() | (
    # What is missing when the daemon starts for the first time.
    in_turn(Condition.initial_evaluation(), Condition.missing(), ~Condition.execution_failed())
)


def _due(inputs_changed: Condition) -> Condition:
    return (
        (_becomes_missing | inputs_changed)
        .since(Condition.newly_requested() | Condition.newly_updated())
        .with_label("missing, or an input changed, since it was last asked for or made")
    )


_is_due = _due(_inputs_changed)

# What they are made for does without them where they cannot be made.
_BESIDE_IT = dg.AssetSelection.assets("baseline_performance", "noise", "late_fusion")

_is_free = in_turn(
    ~Condition.in_progress(),
    ~Condition.any_deps_in_progress(),
    ~Condition.any_deps_match(WillBeRequestedElsewhere()),
    ~MadeMeanwhile(),
    ~Condition.any_deps_match(
        in_turn(OutOfDate(), InStudy(), ~Condition.will_be_requested())
    ).ignore(_BESIDE_IT),
).with_label("nothing is under way upstream")

_RESULTS = dg.AssetSelection.assets("run_results", "learning_curves")

when_inputs_change = in_turn(
    _is_due, InStudy(), ~Condition.any_deps_missing().ignore(_AS_THEY_CAME), _is_free
).with_label("when inputs change")
"""For what follows from its inputs: made when it is missing, and when an input changed."""

# As any_deps_missing, but for what the study does not ask for.
_nothing_asked_for_is_missing = ~Condition.any_deps_match(
    Condition.missing() & ~Condition.will_be_requested() & InStudy()
)

when_recommendations_change = in_turn(
    _is_due,
    InStudy(),
    _nothing_asked_for_is_missing,
    _is_free,
    ~Condition.any_deps_match(Condition.will_be_requested()).allow(_RESULTS),
).with_label("when recommendations change")
"""For the race and validation: results that are made again will change what is recommended. Where
the study has no race, validation does without."""

_results_are_in = in_turn(
    Condition.any_deps_match(~Condition.missing()).allow(_RESULTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_RESULTS),
    ~Condition.any_deps_missing().ignore(_RESULTS),
).with_label("every result that will come is there")

when_results_change = in_turn(_is_due, InStudy(), _results_are_in, _is_free).with_label(
    "when results change"
)
"""For what joins all tasks: it waits for results that are on their way, not for failed ones."""

_LATENTS = dg.AssetSelection.assets("recommended_latents")

when_latents_change = in_turn(
    _is_due,
    InStudy(),
    Condition.any_deps_match(~Condition.missing()).allow(_LATENTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_LATENTS),
    _is_free,
).with_label("when latents change")
"""For what compares the latents of all architectures and tasks, as far as they are there."""

_VALIDATIONS = dg.AssetSelection.assets("validated_recommendations", "test_results")
_TESTS = dg.AssetSelection.assets("test_results")

when_validations_change = in_turn(
    _is_due,
    InStudy(),
    Condition.any_deps_match(~Condition.missing()).allow(_TESTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_VALIDATIONS | _BESIDE_IT),
    _is_free,
).with_label("when validations change")
"""For what joins the validations of all tasks, and the baselines and the noise where there are any.

Noise mostly changes with the results, which are validated again first: a validation of old ones is
out of date until then."""

_REPORTS = dg.AssetSelection.assets("validation_report")

when_reports_change = in_turn(
    _is_due,
    InStudy(),
    Condition.any_deps_match(~Condition.missing()).allow(_REPORTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_REPORTS),
    _is_free,
).with_label("when reports change")
"""For the page of the study: what it tells beside the validations follows when it is there."""

_validation_changed = Condition.any_deps_match(Condition.data_version_changed()).allow(
    dg.AssetSelection.assets("validated_recommendations")
)

when_validation_ends = in_turn(
    _due(_validation_changed),
    InStudy(),
    ~Condition.any_deps_missing().ignore(_BESIDE_IT),
    ~Condition.any_deps_match(Condition.will_be_requested()).allow(_RESULTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_BESIDE_IT),
    _is_free,
).with_label("when validation ends")
"""For what opens the test: results that change are validated again first, and looked at then."""

_DESCRIPTIONS = dg.AssetSelection.assets("dataset_profile", "baseline_performance")

when_own_results_change = in_turn(
    _is_due,
    InStudy(),
    ~OwnPartitionMissing(),
    Condition.any_deps_match(~Condition.missing()).allow(_RESULTS),
    ~Condition.any_deps_match(OnItsWay()).allow(_RESULTS | _DESCRIPTIONS),
    ~Condition.any_deps_missing().ignore(_RESULTS | _DESCRIPTIONS),
    _is_free,
).with_label("when the task's results, or what transfers to it, change")
"""For what joins all tasks for the sake of one, by how alike they are as far as that is known."""
