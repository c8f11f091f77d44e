"""The gate: rules, evidence, verdicts, and what the suites can detect at all.

`statistics` holds pure functions of arrays; `rules` what may be asked; `pairing` turns two
examinations into `evidence`; `judge` gives the verdict; `plan` says beforehand what can be
decided; `early` stops an examination once it is decided. Nothing here writes the record.
"""
