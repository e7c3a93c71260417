"""Test tools for users of AegisPay: virtual time now; scripted gateways are in `aegispay.SimulatedGateway`."""

from aegispay.testing.virtual_time import (
    DeadlockError,
    VirtualClock,
    VirtualTimeLoop,
    run_virtual,
    running_clock,
)

__all__ = ["DeadlockError", "VirtualClock", "VirtualTimeLoop", "run_virtual", "running_clock"]
