"""A day of traffic over four gateways that drift and fail: what each routing strategy makes of the same luck."""
