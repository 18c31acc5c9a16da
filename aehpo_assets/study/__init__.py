"""The study file: what a study consists of, as pydantic models that refuse unknown keys.

Here belong the settings and their validation as far as the file alone allows it: each section by
itself in the module of its stage, what concerns several of them in ``study``. What can only be
judged beside the data (does the task exist? has it enough features?) is judged where the data is
read. Nothing here computes anything.
"""

from aehpo_assets.study.study import Study, passed_over, read_study

__all__ = ["Study", "passed_over", "read_study"]
