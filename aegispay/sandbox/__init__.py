"""A provider simulator over HTTP: a foreign company's system, with books of its own and faults on order."""

from aegispay.sandbox.faults import Fault
from aegispay.sandbox.settings import SandboxSettings

__all__ = ["Fault", "SandboxSettings"]
