"""A picture of the running engine in a small file beside its database, for whoever looks on from another process."""
