"""The pure core: no await, clock, randomness, IO or log."""
