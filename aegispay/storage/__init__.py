"""Event stores: one port, several adapters."""
