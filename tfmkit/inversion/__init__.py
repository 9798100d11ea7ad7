"""Ways to invert the forward operator: pure, batched functions without estimators."""
