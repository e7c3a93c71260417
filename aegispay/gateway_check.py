"""What is asked of an object before it is used as a gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aegispay.domain.card_data import contains_card_number, shown
from aegispay.domain.contract import CaptureSupport, GatewayContract, LookupAuthority
from aegispay.errors import FieldError, ValidationError
from aegispay.ports.gateway import GATEWAY_NEEDS, is_gateway

_GATEWAY_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_METHODS = {"capture": ("authorize", "capture"), "void": ("void",), "refund": ("refund",)}
"""What each field of the contract promises that there are methods for."""
_OFF = {"capture": "capture=CaptureSupport.NONE", "void": "void=False", "refund": "refund=False"}


def check_gateway(gateway: object) -> None:
    """Refuse an object that cannot be a gateway.

    Raises:
        ValidationError: naming what is missing or not usable.
    """
    if isinstance(gateway, type):
        raise _refusal([FieldError("gateway", "pass an instance, not the class", gateway.__name__)])
    if not is_gateway(gateway):
        missing = ", ".join(name for name in GATEWAY_NEEDS if not hasattr(gateway, name))
        raise _refusal([FieldError("gateway", f"is not a Gateway: it has no {missing}", type(gateway).__name__)])
    errors: list[FieldError] = []
    name: object = gateway.name
    contract: object = gateway.contract
    if not isinstance(name, str) or not _GATEWAY_NAME.fullmatch(name) or contains_card_number(name):
        errors.append(FieldError("gateway.name", "use 1 to 64 of a-z, 0-9, _ -", shown(name)))
    if not isinstance(contract, GatewayContract):
        errors.append(FieldError("gateway.contract", "must be a GatewayContract", type(contract).__name__))
    else:
        errors.extend(_missing_methods(gateway, contract))
    if errors:
        raise _refusal(errors)


def _missing_methods(gateway: object, contract: GatewayContract) -> Iterator[FieldError]:
    is_declared = {
        "capture": contract.capture is not CaptureSupport.NONE,
        "void": contract.void,
        "refund": contract.refund,
    }
    declared = [field for field in _METHODS if is_declared[field]]
    needed = [(field, method, _OFF[field]) for field in declared for method in _METHODS[field]]
    if declared and contract.lookup is not LookupAuthority.NONE:
        off = ", ".join(_OFF[field] for field in declared)
        needed.append(("lookup", "fetch_operation", f"lookup=LookupAuthority.NONE, or no operations: {off}"))
    for field, method, way_out in needed:
        if not callable(getattr(gateway, method, None)):
            message = f"needs the method `{method}`: add it, or declare {way_out}"
            yield FieldError(f"gateway.contract.{field}", message, str(getattr(contract, field)))


def _refusal(errors: list[FieldError]) -> ValidationError:
    return ValidationError(errors, hint="Correct the gateway before you register it; docs/gateways.md says how.")
