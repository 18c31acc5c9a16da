"""aehpo's second code location: training autoencoders in fleets and scoring what they learned.

It may import the light modules of ``aehpo_assets`` (errors, study, store, space), never the
other way round.
"""
