"""Proof that evidence is what the device saw: a signed hash chain of records, its check and its export."""

from edge.evidence.chain import Chain, ChainFailed, ChainLimits
from edge.evidence.files import write_whole
from edge.evidence.key import DeviceKey, KeyUnusable, PublicKey, device_key, read_public
from edge.evidence.records import Clip, Deleted, Exported, File, Past, Proof, Record, Sent, utc_text

__all__ = [
    "Chain",
    "ChainFailed",
    "ChainLimits",
    "Clip",
    "Deleted",
    "DeviceKey",
    "Exported",
    "File",
    "KeyUnusable",
    "Past",
    "Proof",
    "PublicKey",
    "Record",
    "Sent",
    "device_key",
    "read_public",
    "utc_text",
    "write_whole",
]
