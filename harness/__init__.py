"""The hall: the command line, the promotion loop, gates, the run store, registry and ledger."""
