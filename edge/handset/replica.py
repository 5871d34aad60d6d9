"""The handset's state: what the crew does goes into the book, what the centre says changes it. No network, no clock."""

import sqlite3
from collections.abc import Sequence

import msgspec

from edge.handset.doing import Doing
from edge.wire import Delta, Entry, ErrorCode, Order, PhotoState, Receipt, Rejection, UnsentOp, Wipe, Wiped, encode

PHOTO_TRIES_MAX = 3
UNSENT_TOLD_MAX = 100


class Replica(Doing):
    """`handle` is called with one message at a time and has committed when it returns."""

    def handle(self, message: Receipt | PhotoState | Wipe | Delta) -> None:
        """Take a message over, in one transaction."""
        if isinstance(message, Receipt):
            self._receipt(message)
        elif isinstance(message, PhotoState):
            self._photo(message)
        elif isinstance(message, Wipe):
            self._wipe(message)
        elif not self.wiped:
            self._delta(message)

    def _receipt(self, receipt: Receipt) -> None:
        if receipt.epoch != self.book.epoch:
            return
        seqs = [*receipt.seqs, *(refusal.seq for refusal in receipt.refused)]
        with self.book.write() as tx:
            tx.executemany("update ops set receipted = max(receipted, 1) where seq = ?", [(seq,) for seq in seqs])
            for refusal in receipt.refused:
                self._to_shelf(tx, refusal.seq, refusal.code, refusal.reason)

    def _delta(self, delta: Delta) -> None:
        if delta.defer_s or delta.after != self.book.cursor:
            return
        with self.book.write() as tx:
            if delta.reset or delta.crew != self.book.get("crew", delta.crew):
                tx.execute("delete from things")
            self._take(tx, delta.entries)
            if delta.crew != self.book.get("crew"):
                self.book.put("crew", delta.crew)
            if not delta.urgent:
                self._move(tx, delta)

    def _move(self, tx: sqlite3.Connection, delta: Delta) -> None:
        if delta.entries or delta.next != delta.after:
            self.book.put("cursor", delta.next)
        if not delta.more and delta.epoch == self.book.epoch and delta.through > self.book.through:
            # The replica is at the log's end now, so it contains what the centre has judged of ours.
            tx.execute("delete from ops where seq <= ?", (delta.through,))
            self.book.put("through", delta.through)

    def _take(self, tx: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        rows = []
        for entry in entries:
            if not isinstance(entry, Rejection):
                kind = "order" if isinstance(entry, Order) else "notice"
                key = f"{kind}/{entry.order_id if isinstance(entry, Order) else entry.notice_id}"
                rows.append((key, kind, entry.rev, msgspec.json.encode(entry)))
            elif entry.device == self.book.device and entry.epoch == self.book.epoch:
                self._to_shelf(tx, entry.seq, entry.code, entry.reason)
        tx.executemany(
            "insert into things values (?, ?, ?, ?) on conflict (key) do update set rev = excluded.rev, "
            "body = excluded.body where excluded.rev > things.rev",
            rows,
        )

    def _to_shelf(self, tx: sqlite3.Connection, seq: int, code: int, reason: str) -> None:
        """Once; the operation itself is kept beside code and words, and is played no more."""
        key = f"{self.book.epoch}/{seq}"
        if self.book.get(f"shelved/{key}"):
            return
        self.book.put(f"shelved/{key}", code)
        tx.execute("update ops set receipted = 2 where seq = ?", (seq,))
        found = tx.execute("select body from ops where seq = ?", (seq,)).fetchone()
        tx.execute("insert into shelf values (?, ?, ?, ?, ?)", (key, seq, code, reason, found[0] if found else b""))

    def _photo(self, state: PhotoState) -> None:
        with self.book.write(durable=state.done) as tx:
            if state.done:
                tx.execute("update photos set done = 1, have_bytes = size_bytes where sha256 = ?", (state.sha256,))
            elif state.code:
                self._photo_refused(tx, state)
            else:
                have = (state.have_bytes, state.sha256)
                tx.execute("update photos set have_bytes = ? where sha256 = ? and done = 0", have)
        if state.done:
            self.box.drop(state.sha256)

    def photo_lost(self, sha256: str) -> None:
        """Its file is gone from the handset: told, and asked for no more."""
        with self.book.write() as tx:
            tx.execute("update photos set done = -1 where sha256 = ?", (sha256,))
            words = f"photo {sha256[:12]}: its file is gone from this handset; take it again"
            row = (f"photo/{sha256}", int(ErrorCode.EMPTY_PHOTO), words)
            tx.execute("insert or ignore into shelf values (?, 0, ?, ?, x'')", row)

    def _photo_refused(self, tx: sqlite3.Connection, state: PhotoState) -> None:
        """From its first byte again; at the third time it lies on the shelf and is sent no more."""
        tx.execute("update photos set have_bytes = 0, tries = tries + 1 where sha256 = ?", (state.sha256,))
        row = tx.execute("select tries, order_id from photos where sha256 = ?", (state.sha256,)).fetchone()
        if row is None or row[0] < PHOTO_TRIES_MAX:
            return
        tx.execute("update photos set done = -1 where sha256 = ?", (state.sha256,))
        words = f"photo {state.sha256[:12]} of {row[1]}: {state.reason}"
        tx.execute("insert or ignore into shelf values (?, 0, ?, ?, x'')", (f"photo/{state.sha256}", state.code, words))

    def _wipe(self, wipe: Wipe) -> None:
        if self.wiped:
            return
        left = [op for op, _, receipted in self.pending() if not receipted]
        heads = [UnsentOp(op_id=o.op_id, op_kind=o.kind, order_id=o.order_id, at=o.at) for o in left[-UNSENT_TOLD_MAX:]]
        waiting = self.photos_waiting()
        kept = [str(s) for (s,) in self.book.rows("select sha256 from photos")]
        answer = Wiped(device=self.book.device, wipe_id=wipe.wipe_id, unsent=len(left), photos=len(waiting), ops=heads)
        self.book.empty(encode(answer).decode())
        for sha256 in kept:
            self.box.drop(sha256)
