"""Gateway adapters: one file each, they translate and decide nothing."""
