"""What holds for every test."""

from hypothesis import settings

# No deadline: a busy machine is no bug. The blob in a failure's message repeats it anywhere.
settings.register_profile("aegispay", deadline=None, print_blob=True)
settings.load_profile("aegispay")
