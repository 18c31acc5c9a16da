"""The page of a study: what is recommended, whether it holds, and what that rests on.

Here belongs the choice and the order of what is shown. Nothing is computed: numbers and words are
those of the artefacts, pictures those of ``analysis.plots``.
"""
