"""The parts of the device check: each a file, each with the checks it makes in their order."""
