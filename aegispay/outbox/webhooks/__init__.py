"""Webhooks out: what happened, posted to addresses that somebody else has named."""
