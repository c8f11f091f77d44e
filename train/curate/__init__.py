"""Curation: which rows are worth training on, every dropped one with its reason."""
