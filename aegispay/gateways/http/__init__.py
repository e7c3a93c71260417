"""What adapters over HTTP share: a transport that never sends twice, and outcomes from tables that are data."""
