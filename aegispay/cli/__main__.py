"""Lets ``python -m aegispay.cli`` do what ``aegispay`` does."""

from aegispay.cli import main

if __name__ == "__main__":
    main()
