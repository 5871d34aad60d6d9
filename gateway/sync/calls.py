"""What handsets say of no order, as the registry's duty takes it: signatures, answers to a call-out, reports."""

from typing import Any

from edge.wire import Op
from gateway.times import to_text

PATHS = {"sign": "signatures", "answer": "answers", "report": "reports"}


def address(op: Op, path: str) -> str:
    """The registry's path."""
    if path == "reports":
        return "/duty/reports"
    collection = "handovers" if path == "signatures" else "callouts"
    return f"/duty/{collection}/{op.notice_id}/{path}"


def body(op: Op, crew: str, path: str) -> dict[str, Any]:
    """The request's body. A signature is the person's who is named in the note."""
    if path == "signatures":
        return {"person": op.note.strip(), "crew": crew, "device": op.device}
    if path == "answers":
        return {"crew": crew, "device": op.device}
    place = op.points[0]
    row: dict[str, Any] = {"incident_id": f"report-{op.op_id}", "case_class": op.case_class, "crew": crew}
    row |= {"lat": place.lat, "lon": place.lon, "device": op.device, "note": op.note, "at": to_text(op.at)}
    return row | {"evidence": [reference.sha256 for reference in op.evidence]}
