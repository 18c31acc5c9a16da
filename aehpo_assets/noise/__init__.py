"""How far a score would move if a run were repeated, and what can be said in spite of it.

Here belong the variance components of replicated runs, what they allow to be decided, and the
verdict on a difference. Nothing here trains, and nothing here knows what a score is made of.
"""
