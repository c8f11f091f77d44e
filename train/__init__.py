"""Training: mixtures, the stages that make a checkpoint of another, and what feeds them."""
