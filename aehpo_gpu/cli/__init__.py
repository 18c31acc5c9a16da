"""The commands of ``aehpo`` that need the training engine."""
