"""Make the weights that ship with tfmkit: an endless stream of simulated fields and a resumable training loop."""
