"""The public methods of an engine, by theme; `AegisPay` is all of them together."""
