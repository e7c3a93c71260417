"""What the engine tells whoever watches it: logs, metrics, traces."""
