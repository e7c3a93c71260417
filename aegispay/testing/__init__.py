"""Test tools for users of AegisPay."""
