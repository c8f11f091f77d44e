"""Leaderboards, comparisons, contamination matrices, pictures and the static site.

Is handed frozen tables (`reports.model`) and returns files and text; knows no store and prints
nothing.
"""
