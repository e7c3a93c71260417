"""What is decided about handing events on, without doing it: who wants what, when to try again, when to pause."""
