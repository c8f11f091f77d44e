"""One module per training stage, each with `Settings` (published defaults) and `run`."""
