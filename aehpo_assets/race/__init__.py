"""The race: which of some candidates is the best, by as few trainings as that takes.

Here belong what is believed of the candidates, who is trained next, and when there is nothing left
to find out. Nothing here trains, and nothing here knows where the candidates come from.
"""
