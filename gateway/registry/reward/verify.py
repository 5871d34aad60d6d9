"""Whether the ledger is what was written: the chain of hashes, pairs that sum to zero, sealed months."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.registry.reward.ledger import FIELDS, START, digest
from gateway.registry.reward.month import seal_hash
from gateway.registry.tables import ledger, seals

Row = dict[str, Any]
PROBLEMS_MAX = 50
_OTHER = {"reward": "deduction", "reward_reversed": "deduction_reversed", "payment": "payout"}


@dataclass(frozen=True)
class Finding:
    """`head`: the last hash, to be kept outside of this database; `problems`: one line for each."""

    rows: int
    head: str
    seals: int
    problems: list[str]


def verify(tx: sa.Connection, expect: str = "") -> Finding:
    """expect: a hash that was written down elsewhere (on a printed list, say) and must stand in the chain."""
    rows = [dict(row) for row in tx.execute(sa.select(ledger).order_by(ledger.c.n)).mappings()]
    sealed = [dict(row) for row in tx.execute(sa.select(seals).order_by(seals.c.month)).mappings()]
    found = [*_chain(rows), *_pairs(rows), *_seals(rows, sealed)]
    known = {row["hash"] for row in (*rows, *sealed)} | {START}
    if expect and expect not in known:
        found.append(f"hash {expect} stands nowhere in this ledger: it was written anew, or is another one")
    return Finding(len(rows), rows[-1]["hash"] if rows else START, len(sealed), found[:PROBLEMS_MAX])


def _chain(rows: list[Row]) -> Iterable[str]:
    before = START
    for place, row in enumerate(rows, 1):
        if row["n"] != place:
            yield f"row {place} is missing (the next one is {row['n']}): a row was deleted"
            return
        if row["prev"] != before:
            yield f"row {row['n']} does not follow row {row['n'] - 1}: the chain was cut here"
        if row["hash"] != digest({name: row[name] for name in FIELDS}):
            yield f"row {row['n']} ({row['kind']} {row['account']} {row['amount']}) was changed after it was written"
        before = row["hash"]


def _pairs(rows: list[Row]) -> Iterable[str]:
    pairs: dict[str, dict[str, int]] = defaultdict(dict)
    live: dict[str, int] = defaultdict(int)
    for row in rows:
        pairs[row["pair"]][row["kind"]] = row["amount"]
        live[row["case_id"]] += {"reward": 1, "reward_reversed": -1}.get(row["kind"], 0)
    for pair, amounts in pairs.items():
        for one, other in _OTHER.items():
            if amounts.get(one, 0) + amounts.get(other, 0) != 0 or (one in amounts) != (other in amounts):
                yield f"pair {pair}: {one} and {other} do not sum to zero"
    for case_id, many in live.items():
        if case_id and many not in (0, 1):
            yield f"case {case_id} has {many} live rewards"


def _seals(rows: list[Row], sealed: list[Row]) -> Iterable[str]:
    before = START
    paid: dict[str, int] = {row["pair"]: -row["amount"] for row in rows if row["kind"] == "payment"}
    for seal in sealed:
        month = seal["month"]
        at = rows[seal["last_n"] - 1]["hash"] if 0 < seal["last_n"] <= len(rows) else START
        if seal["head"] != at:
            yield f"month {month}: row {seal['last_n']} is not the one that was sealed"
        if seal["prev"] != before or seal["hash"] != seal_hash(seal):
            yield f"month {month}: its seal was changed after it was approved"
            return
        before = seal["hash"]
        listed = {f"{month}/{p['person']}": p["amount"] for p in msgspec.json.decode(seal["body"])["people"]}
        mine = {pair: amount for pair, amount in paid.items() if pair.startswith(f"{month}/")}
        if mine != (listed if seal["settled_at"] else {}):
            yield f"month {month}: what was paid is not what the list says"
