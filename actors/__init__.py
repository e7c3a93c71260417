"""Placeholder docstring."""

if __name__ != "aegispay.actors":
    raise ImportError("import aegispay.actors; the folder actors/ is mapped into the aegispay package")
