"""What a home holds: artefacts with their provenance, and whether they are still true.

Plain files and hashes; nothing here knows what an artefact means.
"""
