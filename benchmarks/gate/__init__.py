"""What the gate's verdicts are worth, measured: seeded simulations and enumerations.

`python -m benchmarks.gate` prints every figure of `docs/statistics.md`; each module is one table.
"""
