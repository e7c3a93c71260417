"""Placeholder docstring."""

if __name__ != "aegispay.supervision":
    raise ImportError("import aegispay.supervision; the folder supervision/ is mapped into the aegispay package")
