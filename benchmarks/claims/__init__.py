"""Studies whose truth is known, and what the platform says of them.

Here belong the emulator of replicated runs, a whole study on it by the platform's own functions,
and the table of what such studies claim. Nothing here trains.
"""
