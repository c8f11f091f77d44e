"""How long a report takes and how heavy it is: `python -m benchmarks.reports`."""
