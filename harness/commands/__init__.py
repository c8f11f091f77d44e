"""One module per command. A module's heavy imports stand inside its functions."""
