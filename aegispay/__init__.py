"""The top-level package: public names only."""
