"""The gate: rules, evidence, verdicts, and what the suites can detect at all.

`statistics` holds pure functions of arrays; `rules` what may be asked; `pairing` turns two
examinations into `evidence`; `judge` gives the verdict; `plan` says beforehand what can be
decided; `early` stops an examination once it is decided. All of that is pure. Two doors lead to the
record: `looks` counts looks in the ledger, `stored` reads a workspace.
"""
