"""Which incident goes to which target, and the targets themselves out of the settings."""

import httpx
import sqlalchemy as sa

from gateway.tables import forwards, incidents
from gateway.targets.base import TIMEOUT_S, Target
from gateway.targets.embedded import EmbeddedRegistry
from gateway.targets.open311 import Open311Client
from gateway.targets.settings import TargetSettings
from gateway.targets.webhook import Webhook

EMBEDDED = "registry"


def build(settings: TargetSettings, registry: httpx.Client) -> Target:
    """`registry`: the client that the gateway already has for the embedded one. Raises SettingsError."""
    if settings.kind == "registry":
        return EmbeddedRegistry(settings.name, registry, settings.order)
    client = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
    return Open311Client(settings, client) if settings.kind == "open311" else Webhook(settings, client)


def owns(target: TargetSettings, others: list[TargetSettings]) -> sa.ColumnElement[bool]:
    """SQL: does a row of `forwards` (outer-joined with its incident) go to this target? A row that has one keeps it; a
    report, and who was first, goes by its class; a step on a case that we did not report can only be the embedded
    registry's."""
    f, i = forwards.c, incidents.c
    code, case_class = sa.func.coalesce(i.class_code, ""), sa.func.coalesce(i.case_class, "")
    claimed = [name for other in others if other.name != target.name for name in other.classes]
    if target.classes:
        by_class = sa.or_(code.in_(target.classes), case_class.in_(target.classes) & code.not_in(claimed))
    else:
        by_class = sa.and_(code.not_in(claimed), case_class.not_in(claimed))
    report = f.path.in_(("/reports", "/sightings", "/groupings"))
    unrouted = sa.or_(report & by_class, ~report & sa.literal(target.kind == EMBEDDED))
    return sa.or_(f.target == target.name, sa.and_(f.target == "", unrouted))
