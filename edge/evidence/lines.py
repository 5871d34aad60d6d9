"""A record as a signed line, and back; the head of the chain, signed as well."""

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from edge.evidence.canonical import canonical, read
from edge.evidence.key import DeviceKey, PublicKey
from edge.evidence.records import Line, Record

HEAD_NAME = "head.json"
RECORD_BYTES_MAX = 16 * 1024
_RECORD_DOMAIN, _HEAD_DOMAIN = b"zhuomu-evidence-record-1\n", b"zhuomu-evidence-head-1\n"


class Broken(ValueError):
    """A line that proves nothing; `what` is the kind of fault, `str()` says more."""

    def __init__(self, what: str, words: str) -> None:
        super().__init__(words)
        self.what = what


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last record that was durable: without it a record taken off the end would not be missed."""

    device: str
    key: str
    seq: int
    sha256: str
    signature: str = ""


def write_line(record: Record, key: DeviceKey) -> tuple[bytes, str]:
    """(line with its newline, the record's hash). The signature is over a domain prefix and the canonical record."""
    body = canonical(record)
    digest = hashlib.sha256(body).hexdigest()
    signature = key.key.sign(_RECORD_DOMAIN + body).hex()
    line = canonical(Line(record=record, sha256=digest, signature=signature)) + b"\n"
    if len(line) > RECORD_BYTES_MAX:
        raise ValueError(f"a record of {len(line)} bytes; the limit is {RECORD_BYTES_MAX}")
    return line, digest


def read_line(line: bytes, key: PublicKey | None) -> Line:
    """A line without its newline; without a key the signature is not looked at. Raises Broken."""
    try:
        found = msgspec.convert(read(line), Line)
    except (ValueError, msgspec.ValidationError) as error:
        raise Broken("changed byte", f"cannot be read: {error}") from None
    if canonical(found) != line:
        raise Broken("changed byte", "a field is missing that every record has")
    body = canonical(found.record)
    digest = hashlib.sha256(body).hexdigest()
    if digest != found.sha256:
        raise Broken("changed byte", f"its content has the hash {digest[:12]}…, it states {found.sha256[:12]}…")
    if key is not None and not _signed(key, found.signature, _RECORD_DOMAIN + body):
        words = "another key signed it" if found.record.key != key.fingerprint else "the signature is not its own"
        raise Broken(
            "wrong signature", f"{words} (it names key {found.record.key}, checked with key {key.fingerprint})"
        )
    return found


def write_head(record: Record, digest: str, key: DeviceKey) -> bytes:
    """The head's file."""
    head = Head(device=record.device, key=record.key, seq=record.seq, sha256=digest)
    signature = key.key.sign(_HEAD_DOMAIN + canonical(head)).hex()
    return canonical(msgspec.structs.replace(head, signature=signature))


def read_head(data: bytes, key: PublicKey) -> Head:
    """Raises Broken."""
    try:
        head = msgspec.convert(read(data), Head)
    except (ValueError, msgspec.ValidationError) as error:
        raise Broken("changed byte", f"cannot be read: {error}") from None
    bare = canonical(msgspec.structs.replace(head, signature=""))
    if not _signed(key, head.signature, _HEAD_DOMAIN + bare):
        raise Broken("wrong signature", f"it is not signed by the key {key.fingerprint}, or a byte of it was changed")
    return head


def segments(folder: Path) -> list[Path]:
    """The chain's files, oldest first; each is named by the number of its first record."""
    return sorted(folder.glob("chain-*.jsonl"))


def segment_name(seq: int) -> str:
    """The file that begins with this record."""
    return f"chain-{seq:012d}.jsonl"


def _signed(key: PublicKey, signature: str, data: bytes) -> bool:
    """Hex in lower case alone: a digit's other spelling would be a byte that nobody misses."""
    try:
        raw = bytes.fromhex(signature)
    except ValueError:
        return False
    return raw.hex() == signature and key.signed(raw, data)
