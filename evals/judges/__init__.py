"""Judges: models that score the answers of the examined model, through any engine.

A judge is asked greedily, so the same judge says the same of the same answers; what it cannot be
read from is counted and flagged, never guessed. Rules that need no model are in `evals.scoring`.
"""
