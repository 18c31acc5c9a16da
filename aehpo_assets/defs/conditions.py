"""When Dagster makes an artefact by itself: one condition for each role an asset can have.

An update counts only if it changed the content: a file saved again as it was makes nothing stale.
See https://docs.dagster.io/guides/automate/declarative-automation.
"""

from __future__ import annotations

import dagster as dg

deps_changed = dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.data_version_changed() | dg.AutomationCondition.will_be_requested()
)

when_inputs_change = (
    (dg.AutomationCondition.newly_missing() | deps_changed).since_last_handled()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("when inputs change")
"""For what follows from its inputs: as ``eager``, but blind to updates that changed nothing."""

when_missing = (
    dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.in_progress()
    & ~dg.AutomationCondition.execution_failed()
    & ~dg.AutomationCondition.any_deps_missing()
).with_label("when missing")
"""For what hangs on the study alone, also if it is missing already."""

when_checked_inputs_change = (
    when_inputs_change & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("when checked inputs change")
"""For training: nothing is trained on a matrix whose checks did not pass."""

when_any_task_changes = (
    deps_changed.since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("when any task changes")
"""For what joins all tasks: it does not wait for tasks that are still missing."""
