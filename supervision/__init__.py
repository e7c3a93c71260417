"""Supervision: who restarts whom, as data and pure arithmetic around one small actor. It knows nothing of payments."""

if __name__ != "aegispay.supervision":
    raise ImportError("import aegispay.supervision; the folder supervision/ is mapped into the aegispay package")

from aegispay.supervision.backoff import Backoff
from aegispay.supervision.decider import Decider, Verdict
from aegispay.supervision.dynamic import DynamicSupervisor
from aegispay.supervision.errors import (
    ChildNotStartedError,
    CommonCauseError,
    CrashEscalatedError,
    InvalidSpecError,
    RestartIntensityExceededError,
    SupervisionError,
)
from aegispay.supervision.intensity import record_restart
from aegispay.supervision.report import Action, RecentReports, Report
from aegispay.supervision.spec import ChildSpec, RestartIntensity, RestartType, Strategy
from aegispay.supervision.strategy import affected
from aegispay.supervision.supervisor import GetTree, StartChild, Supervisor
from aegispay.supervision.tree import Node, node_of

__all__ = [
    "Action",
    "Backoff",
    "ChildNotStartedError",
    "ChildSpec",
    "CommonCauseError",
    "CrashEscalatedError",
    "Decider",
    "DynamicSupervisor",
    "GetTree",
    "InvalidSpecError",
    "Node",
    "RecentReports",
    "Report",
    "RestartIntensity",
    "RestartIntensityExceededError",
    "RestartType",
    "StartChild",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "Verdict",
    "affected",
    "node_of",
    "record_restart",
]
