"use strict";
var vectors = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

  // src/core/vectors.ts
  var vectors_exports = {};
  __export(vectors_exports, {
    run: () => run,
    runTrack: () => runTrack
  });

  // src/core/book.ts
  var NAMES = ["meta", "things", "ops", "photos", "shelf", "points", "blobs"];
  var IN_MEMORY = NAMES.filter((name) => name !== "blobs");
  function blank(device, epoch) {
    return { device, epoch, next_seq: 1, cursor: "", through: 0, crew: "", shift: "", wiped: "" };
  }
  var Book = class {
    constructor(rows) {
      this.tables = new Map(IN_MEMORY.map((name) => [name, /* @__PURE__ */ new Map()]));
      this.apply([...rows]);
    }
    get meta() {
      const meta = this.get("meta", "meta");
      if (!meta) throw new Error("the phone has no database yet: set it up first");
      return meta;
    }
    get(store, key) {
      return this.tables.get(store)?.get(key);
    }
    /** In the order of their keys. */
    all(store) {
      const found = [...this.tables.get(store) ?? []];
      return found.sort(([a], [b]) => a < b ? -1 : 1);
    }
    /** What was committed. */
    apply(changes) {
      for (const { store, key, value } of changes) {
        const table = this.tables.get(store);
        if (value === null) table?.delete(key);
        else table?.set(key, value);
      }
    }
  };
  var Draft = class {
    constructor(book) {
      this.book = book;
      this.written = /* @__PURE__ */ new Map();
    }
    get changes() {
      return [...this.written.values()];
    }
    get meta() {
      return this.get("meta", "meta") ?? this.book.meta;
    }
    get(store, key) {
      const mine = this.written.get(`${store}/${key}`);
      if (mine) return mine.value ?? void 0;
      return this.book.get(store, key);
    }
    put(store, key, value) {
      this.written.set(`${store}/${key}`, { store, key, value });
    }
    del(store, key) {
      this.written.set(`${store}/${key}`, { store, key, value: null });
    }
    setMeta(values) {
      this.put("meta", "meta", { ...this.meta, ...values });
    }
    /** All rows that the book and this draft hold together. */
    all(store) {
      const rows = new Map(this.book.all(store));
      for (const { store: where, key, value } of this.written.values()) {
        if (where !== store) continue;
        if (value === null) rows.delete(key);
        else rows.set(key, value);
      }
      return [...rows].sort(([a], [b]) => a < b ? -1 : 1);
    }
  };
  function numbered(n) {
    return String(n).padStart(10, "0");
  }

  // src/core/play.ts
  var RANK = { "": 0, accepted: 1, arrived: 2, disposed: 3, returned: 3 };
  var PHOTOS_MAX = 64;
  function isOpen(order2) {
    return order2.state === "dispatched" || order2.state === "rework";
  }
  function isFinal(step) {
    return step === "disposed" || step === "returned";
  }
  function todo(order2) {
    return isOpen(order2) && !isFinal(order2.step);
  }
  function played(order2, pending2) {
    return pending2.reduce((seen, { op, attempt }) => one(seen, op, attempt), order2);
  }
  function one(order2, op, attempt) {
    const photos = [.../* @__PURE__ */ new Set([...order2.photos, ...op.evidence.map((r) => r.sha256)])].slice(0, PHOTOS_MAX);
    if (op.kind === "photo") return { ...order2, photos };
    if (!isOpen(order2) || attempt < order2.attempt) return order2;
    if (op.kind === "extend" || op.kind === "suspend") {
      return isFinal(order2.step) ? order2 : { ...order2, asked: op.kind, answer: "", answer_words: "", photos };
    }
    if (!isStep(op.kind)) return order2;
    if (order2.step === op.kind && isFinal(op.kind)) return { ...order2, photos };
    if (RANK[op.kind] <= RANK[order2.step]) return order2;
    return { ...order2, step: op.kind, step_by: op.device, step_at: op.at, photos };
  }
  function isStep(kind) {
    return kind in RANK && kind !== "";
  }

  // src/core/read.ts
  function orders(book) {
    return shown(book).filter(todo).sort(before);
  }
  function shown(book) {
    return book.all("things").flatMap(([, thing]) => thing.kind === "order" ? [withOwn(book, thing)] : []);
  }
  function order(book, order_id) {
    const found = book.get("things", `order/${order_id}`);
    return found?.kind === "order" ? withOwn(book, found) : null;
  }
  function notices(book, now_ms) {
    const found = book.all("things").flatMap(([, thing]) => thing.kind === "notice" ? [thing] : []);
    return found.filter((n) => Date.parse(n.expires) > now_ms).sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  }
  function shelf(book) {
    const rows = book.all("shelf").map(([, row]) => row);
    return rows.filter((row) => !row.cleared).sort((a, b) => a.n - b.n);
  }
  function pending(book) {
    return book.all("ops").map(([, row]) => row);
  }
  function photosWaiting(book) {
    const rows = book.all("photos").map(([, row]) => row);
    return rows.filter((row) => row.done === 0).sort((a, b) => a.n - b.n);
  }
  function withOwn(book, found) {
    const own = pending(book).filter((row) => row.op.order_id === found.order_id && row.receipted < 2);
    return played(found, own);
  }
  function before(a, b) {
    return Number(b.urgent) - Number(a.urgent) || Date.parse(a.deadline) - Date.parse(b.deadline) || b.rev - a.rev;
  }

  // src/core/messages.ts
  var SCHEMA_VERSION = 1;
  var PIECE_BYTES_MAX = 256 * 1024;
  var PHOTO_BYTES_MAX = 40 * 1024 * 1024;
  var POINTS_MAX = 200;
  var ERROR = {
    NOT_PARSED: 100,
    UNKNOWN_REFERENCE: 106,
    FORBIDDEN_STATE: 107,
    EMPTY_PHOTO: 123,
    REASON_MISSING: 124
  };

  // src/core/session.ts
  var RESEND_S = 10;
  var RESEND_S_MAX = 60;
  var POLL_S = 300;
  var OPS_UNDER_WAY = 32;
  var PIECES_UNDER_WAY = 4;
  var SHIFT_JITTER_S = 60;
  var START_JITTER_S = 2;
  var Session = class {
    constructor(book, dice, usesBulk, pieceBytes = PIECE_BYTES_MAX) {
      this.book = book;
      this.dice = dice;
      this.usesBulk = usesBulk;
      this.pieceBytes = pieceBytes;
      this.bulk = null;
      this.isUp = false;
      this.askAt = null;
      this.asks = 0;
      this.urgent = true;
      this.reason = "start";
      this.ack = false;
      this.currentAt = null;
      this.ops = /* @__PURE__ */ new Map();
      this.pieces = /* @__PURE__ */ new Map();
      this.offered = /* @__PURE__ */ new Set();
      this.behind = false;
      this.toldWiped = false;
    }
    /** The replica has been at the log's end since the line came up. */
    get current() {
      return this.isUp && this.currentAt !== null;
    }
    get online() {
      return this.isUp;
    }
    /** The line is there; ask after a random part of `jitter_s`, so that a whole shift does not ask at once. */
    up(now_s, jitter_s = START_JITTER_S) {
      this.isUp = true;
      this.currentAt = null;
      this.behind = false;
      this.bulk = null;
      this.ops.clear();
      this.pieces.clear();
      this.offered.clear();
      this.toldWiped = false;
      this.ask(now_s + this.dice(0, jitter_s), jitter_s >= SHIFT_JITTER_S ? "shift" : "start", true);
    }
    down() {
      this.isUp = false;
      this.currentAt = null;
    }
    /** A page could not be fetched over HTTP; MQTT brings it. */
    bulkFailed(now_s) {
      this.bulk = null;
      this.ask(now_s, "gap", false);
    }
    /** A person wants the newest. */
    syncNow(now_s) {
      this.ask(now_s, "timer", false);
    }
    /** What came down and is committed; `before`: the cursor of before it. */
    heard(message, before2, now_s) {
      if (message.channel === "receipt") {
        const { seqs, refused: refused2 } = message.body;
        for (const seq of [...seqs, ...refused2.map((r) => r.seq)]) this.ops.delete(seq);
      } else if (message.channel === "photostate") {
        this.pieces.delete(message.body.sha256);
      } else if (message.channel === "delta") {
        this.delta(message.body, before2, now_s);
      }
    }
    /** What is to be sent now; most urgent first. The bytes of a piece are read by the caller (`read_bytes` of them). */
    due(now_s) {
      if (!this.isUp) return [];
      if (this.book.meta.wiped) return this.dueWiped();
      const out = [...this.dueOps(now_s), ...this.duePull(now_s)];
      return this.ops.size ? out : [...out, ...this.duePieces(now_s)];
    }
    delta(said, before2, now_s) {
      if (said.defer_s) this.ask(now_s + said.defer_s * this.dice(1, 1.5), this.reason, this.urgent);
      else if (said.after !== before2) this.gap(said, now_s);
      else if (said.urgent) this.ask(now_s, "gap", false);
      else this.page(said, now_s);
    }
    /** Not for our cursor: worth a question, after the one under way. */
    gap(said, now_s) {
      if (said.next === this.book.meta.cursor) return;
      if (this.askAt === null) this.ask(now_s, "gap", false);
      else this.behind = true;
    }
    page(said, now_s) {
      this.asks = 0;
      this.urgent = false;
      if (!said.more) {
        [this.currentAt, this.askAt, this.ack, this.bulk] = [now_s, null, true, null];
        if (this.behind) this.ask(now_s, "gap", false);
        this.behind = false;
      } else if (this.usesBulk && (said.bulk || this.bulk)) {
        this.bulk = said.bulk ?? this.bulk;
        this.ask(now_s + RESEND_S, "gap", false);
      } else {
        this.ask(now_s, "gap", false);
      }
    }
    ask(at_s, reason, urgent) {
      [this.askAt, this.reason, this.urgent] = [at_s, reason, urgent];
    }
    duePull(now_s) {
      if (this.askAt === null && this.currentAt !== null && now_s - this.currentAt > POLL_S) this.ask(now_s, "timer", false);
      if (this.askAt !== null && now_s >= this.askAt) {
        const pull = this.pull(true);
        this.askAt = now_s + waitS(this.asks) * this.dice(0.75, 1.25);
        [this.asks, this.ack] = [this.asks + 1, false];
        return [pull];
      }
      if (!this.ack) return [];
      this.ack = false;
      return [this.pull(false)];
    }
    pull(ask) {
      const { device, epoch, cursor, through } = this.book.meta;
      const [urgent, reason] = ask ? [this.urgent, this.reason] : [false, ""];
      return { channel: "sync", body: { schema_version: SCHEMA_VERSION, device, epoch, cursor, through, ask, urgent, reason } };
    }
    dueOps(now_s) {
      const rows = pending(this.book).filter((row) => !row.receipted).slice(0, OPS_UNDER_WAY);
      const waiting = new Set(rows.map((row) => row.op.seq));
      for (const seq of this.ops.keys()) if (!waiting.has(seq)) this.ops.delete(seq);
      return rows.flatMap(({ op }) => {
        const { at_s, tries } = this.ops.get(op.seq) ?? { at_s: 0, tries: 0 };
        if (tries && now_s < at_s) return [];
        this.ops.set(op.seq, { at_s: now_s + waitS(tries) * this.dice(0.75, 1.25), tries: tries + 1 });
        return [{ channel: "op", body: op }];
      });
    }
    /** Photos trail: an offer first, then piece after piece from where the centre says. */
    duePieces(now_s) {
      return photosWaiting(this.book).slice(0, PIECES_UNDER_WAY).flatMap((row) => {
        const { at_s, tries } = this.pieces.get(row.sha256) ?? { at_s: 0, tries: 0 };
        if (tries && now_s < at_s) return [];
        this.pieces.set(row.sha256, { at_s: now_s + waitS(tries), tries: tries + 1 });
        const known = this.offered.has(row.sha256);
        this.offered.add(row.sha256);
        const read_bytes = known ? Math.min(this.pieceBytes, row.size_bytes - row.have_bytes) : 0;
        const { sha256, size_bytes, media_type, kind } = row;
        const head = { schema_version: SCHEMA_VERSION, device: this.book.meta.device, sha256, size_bytes, media_type, kind };
        return [{ channel: "photo", body: { ...head, offset: read_bytes ? row.have_bytes : 0, data: "" }, read_bytes }];
      });
    }
    dueWiped() {
      if (this.toldWiped) return [];
      this.toldWiped = true;
      return [{ channel: "wiped", body: JSON.parse(this.book.meta.wiped) }];
    }
  };
  function waitS(tries) {
    return Math.min(RESEND_S_MAX, RESEND_S * 1.5 ** tries);
  }

  // src/core/take.ts
  var PHOTO_TRIES_MAX = 3;
  var UNSENT_TOLD_MAX = 100;
  function take(draft, message) {
    if (message.channel === "receipt") receipt(draft, message.body);
    else if (message.channel === "photostate") photoState(draft, message.body);
    else if (message.channel === "wipe") wipe(draft, message.body);
    else if (!draft.meta.wiped) delta(draft, message.body);
  }
  function receipt(draft, said) {
    if (said.epoch !== draft.meta.epoch) return;
    for (const seq of [...said.seqs, ...said.refused.map((r) => r.seq)]) {
      const row = draft.get("ops", numbered(seq));
      if (row && !row.receipted) draft.put("ops", numbered(seq), { ...row, receipted: 1 });
    }
    for (const refusal of said.refused) toShelf(draft, refusal.seq, refusal.code, refusal.reason);
  }
  function delta(draft, said) {
    if (said.defer_s || said.after !== draft.meta.cursor) return;
    if (said.reset || said.crew !== (draft.meta.crew || said.crew)) {
      for (const [key] of draft.all("things")) draft.del("things", key);
    }
    for (const entry of said.entries) takeEntry(draft, entry);
    draft.setMeta({ crew: said.crew });
    if (!said.urgent) move(draft, said);
  }
  function move(draft, said) {
    if (said.entries.length || said.next !== said.after) draft.setMeta({ cursor: said.next });
    const { epoch, through } = draft.meta;
    if (said.more || said.epoch !== epoch || said.through <= through) return;
    for (const [key, row] of draft.all("ops")) if (row.op.seq <= said.through) draft.del("ops", key);
    draft.setMeta({ through: said.through });
  }
  function takeEntry(draft, entry) {
    if (entry.kind === "rejection") {
      const { device, epoch } = draft.meta;
      if (entry.device === device && entry.epoch === epoch) toShelf(draft, entry.seq, entry.code, entry.reason);
      return;
    }
    const key = entry.kind === "order" ? `order/${entry.order_id}` : `notice/${entry.notice_id}`;
    const known = draft.get("things", key);
    if (!known || entry.rev > known.rev) draft.put("things", key, entry);
  }
  function toShelf(draft, seq, code, reason) {
    const key = `${draft.meta.epoch}/${seq}`;
    if (draft.get("shelf", key)) return;
    const row = draft.get("ops", numbered(seq));
    if (row) draft.put("ops", numbered(seq), { ...row, receipted: 2 });
    draft.put("shelf", key, { key, n: nextN(draft), code, reason, op: row?.op ?? null, cleared: false });
  }
  function shelvePhoto(draft, sha256, code, reason) {
    const key = `photo/${sha256}`;
    if (!draft.get("shelf", key)) draft.put("shelf", key, { key, n: nextN(draft), code, reason, op: null, cleared: false });
  }
  function nextN(draft) {
    return Math.max(0, ...draft.all("shelf").map(([, row]) => row.n)) + 1;
  }
  function photoState(draft, said) {
    const row = draft.get("photos", said.sha256);
    if (!row) return;
    if (said.done) {
      draft.put("photos", said.sha256, { ...row, done: 1, have_bytes: row.size_bytes });
      draft.del("blobs", said.sha256);
    } else if (said.code) {
      refused(draft, said);
    } else if (row.done === 0) {
      draft.put("photos", said.sha256, { ...row, have_bytes: said.have_bytes });
    }
  }
  function refused(draft, said) {
    const row = draft.get("photos", said.sha256);
    const tries = row.tries + 1;
    const over = tries >= PHOTO_TRIES_MAX;
    draft.put("photos", said.sha256, { ...row, have_bytes: 0, tries, done: over ? -1 : row.done });
    const words = `photo ${said.sha256.slice(0, 12)} of ${row.order_id}: ${said.reason}`;
    if (over) shelvePhoto(draft, said.sha256, said.code, words);
  }
  function wipe(draft, said) {
    if (draft.meta.wiped) return;
    const unsent = draft.all("ops").filter(([, row]) => !row.receipted).map(([, { op }]) => op);
    const heads = unsent.slice(-UNSENT_TOLD_MAX);
    const answer = {
      schema_version: SCHEMA_VERSION,
      device: draft.meta.device,
      wipe_id: said.wipe_id,
      unsent: unsent.length,
      photos: draft.all("photos").filter(([, row]) => row.done === 0).length,
      ops: heads.map((op) => ({ op_id: op.op_id, op_kind: op.kind, order_id: op.order_id, at: op.at }))
    };
    for (const [sha256] of draft.all("photos")) draft.del("blobs", sha256);
    for (const store of ["things", "ops", "photos", "shelf", "points"]) {
      for (const [key] of draft.all(store)) draft.del(store, key);
    }
    draft.setMeta({ cursor: "", through: 0, crew: "", shift: "", wiped: JSON.stringify(answer) });
  }

  // src/core/track.ts
  var TOLERANCE_M = 10;
  var GAP_S_MAX = 300;
  var ACCURACY_M_MAX = 100;
  var METRES_PER_DEG = 111320;
  function thinned(points) {
    const good = points.filter((p) => p.accuracy_m === null || p.accuracy_m <= ACCURACY_M_MAX);
    good.sort((a, b) => seconds(a) - seconds(b));
    if (good.length <= 2) return good;
    const keep = /* @__PURE__ */ new Set([0, good.length - 1]);
    const plane = flat(good);
    const stack = [[0, good.length - 1]];
    for (let span = stack.pop(); span; span = stack.pop()) {
      const [first, last] = span;
      const split = worst(plane, first, last) ?? middle(good, first, last);
      if (split === null) continue;
      keep.add(split);
      stack.push([first, split], [split, last]);
    }
    return good.filter((_, i) => keep.has(i));
  }
  function seconds(point) {
    return Date.parse(point.at) / 1e3;
  }
  function middle(points, first, last) {
    const gap_s = seconds(points[last]) - seconds(points[first]);
    return gap_s > GAP_S_MAX && last - first > 1 ? Math.floor((first + last) / 2) : null;
  }
  function flat(points) {
    const origin = points[0];
    const east = METRES_PER_DEG * Math.cos(origin.lat * Math.PI / 180);
    return points.map((p) => [(p.lon - origin.lon) * east, (p.lat - origin.lat) * METRES_PER_DEG]);
  }
  function worst(plane, first, last) {
    let limit_m = TOLERANCE_M;
    let at = null;
    for (let i = first + 1; i < last; i++) {
      const off_m = off(plane[i], plane[first], plane[last]);
      if (off_m > limit_m) [limit_m, at] = [off_m, i];
    }
    return at;
  }
  function off(p, a, b) {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = dx * dx + dy * dy;
    const along = length === 0 ? 0 : ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length;
    const share = Math.max(0, Math.min(1, along));
    return Math.hypot(p[0] - a[0] - share * dx, p[1] - a[1] - share * dy);
  }

  // src/core/work.ts
  var TRACK_POINTS = 150;
  var NEEDS_REASON = ["returned", "extend", "suspend"];
  var WITHOUT_ORDER = ["shift_on", "shift_off", "track", "read"];
  var Refused = class extends Error {
    constructor(code, word) {
      super(`refused: ${word} (code ${code})`);
      this.code = code;
      this.word = word;
    }
  };
  function act(book, draft, wish2) {
    if (draft.meta.wiped) throw new Refused(ERROR.FORBIDDEN_STATE, "wiped");
    const order2 = checked(book, wish2);
    const evidence = (wish2.photos ?? []).map((photo) => keepPhoto(draft, photo, wish2.order_id ?? ""));
    const { device, epoch, next_seq: seq } = draft.meta;
    const op = {
      schema_version: SCHEMA_VERSION,
      device,
      epoch,
      seq,
      op_id: wish2.op_id,
      kind: wish2.kind,
      at: wish2.at,
      order_id: wish2.order_id ?? "",
      base_version: order2?.version ?? 0,
      note: wish2.note ?? "",
      hours: wish2.hours ?? null,
      notice_id: wish2.notice_id ?? "",
      case_class: null,
      points: (wish2.points ?? []).slice(0, POINTS_MAX),
      evidence
    };
    draft.put("ops", numbered(seq), { op, attempt: order2?.attempt ?? 0, receipted: 0 });
    draft.setMeta({ next_seq: seq + 1 });
    if (op.kind === "shift_on" || op.kind === "shift_off") draft.setMeta({ shift: op.kind });
    return op;
  }
  function locate(book, draft, point, op_id) {
    const keys = draft.all("points").map(([key]) => Number(key));
    draft.put("points", numbered(Math.max(0, ...keys) + 1), point);
    return keys.length + 1 < TRACK_POINTS ? null : sendTrack(book, draft, point.at, op_id);
  }
  function sendTrack(book, draft, at, op_id) {
    const rows = draft.all("points");
    if (!rows.length) return null;
    const op = act(book, draft, { kind: "track", at, op_id, points: thinned(rows.map(([, point]) => point)) });
    for (const [key] of rows) draft.del("points", key);
    return op;
  }
  function checked(book, wish2) {
    if (NEEDS_REASON.includes(wish2.kind) && !wish2.note?.trim()) throw new Refused(ERROR.REASON_MISSING, "reason");
    if (wish2.kind === "extend" && !(wish2.hours && wish2.hours > 0)) throw new Refused(ERROR.REASON_MISSING, "hours");
    if (WITHOUT_ORDER.includes(wish2.kind)) return null;
    const order2 = order(book, wish2.order_id ?? "");
    if (!order2) throw new Refused(ERROR.UNKNOWN_REFERENCE, "unknown");
    if (wish2.kind !== "photo" && !todo(order2)) throw new Refused(ERROR.FORBIDDEN_STATE, "over");
    return order2;
  }
  function keepPhoto(draft, photo, order_id) {
    const size_bytes = photo.data.byteLength;
    if (!size_bytes || size_bytes > PHOTO_BYTES_MAX) throw new Refused(ERROR.EMPTY_PHOTO, "photo");
    const reference = { sha256: photo.sha256, media_type: "image/jpeg", size_bytes, kind: photo.kind };
    if (!draft.get("photos", photo.sha256)) {
      const n = Math.max(0, ...draft.all("photos").map(([, row]) => row.n)) + 1;
      draft.put("photos", photo.sha256, { ...reference, order_id, have_bytes: 0, done: 0, tries: 0, n });
      draft.put("blobs", photo.sha256, photo.data);
    }
    return { ...reference, redacted: false };
  }

  // src/core/vectors.ts
  function run(vector) {
    const book = new Book([{ store: "meta", key: "meta", value: blank(vector.device, vector.epoch) }]);
    const session = new Session(book, (low, high) => (low + high) / 2, true, 8);
    return vector.steps.map((step) => one2(book, session, step));
  }
  function runTrack(points) {
    return thinned(points);
  }
  function one2(book, session, step) {
    if ("do" in step) return doing(book, (draft) => act(book, draft, wish(step.do)));
    if ("locate" in step) return doing(book, (draft) => locate(book, draft, step.locate, step.op_id));
    if ("send_track" in step) return doing(book, (draft) => sendTrack(book, draft, step.send_track, step.op_id));
    if ("hear" in step) return hear(book, session, step.hear, step.now_s);
    if ("up" in step) return session.up(step.up), null;
    if ("down" in step) return session.down(), null;
    if ("due" in step) return session.due(step.due).map((up) => [up.channel, told(up)]);
    return see(book, session, Date.parse(step.see));
  }
  function wish(given) {
    const { photos, ...rest } = given;
    const taken = (photos ?? []).map((p) => ({ ...p, data: bytes(p.hex) }));
    return { ...rest, photos: taken };
  }
  function bytes(hex) {
    return new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16))).buffer;
  }
  function doing(book, work) {
    const draft = new Draft(book);
    try {
      const done = work(draft);
      book.apply(draft.changes);
      return done;
    } catch (error) {
      if (error instanceof Refused) return { code: error.code };
      throw error;
    }
  }
  function hear(book, session, message, now_s) {
    const draft = new Draft(book);
    const before2 = book.meta.cursor;
    take(draft, message);
    book.apply(draft.changes);
    session.heard(message, before2, now_s);
    return null;
  }
  function told(up) {
    return up.channel === "photo" ? { ...up.body, data: up.read_bytes } : up.body;
  }
  function see(book, session, now_ms) {
    const { cursor, through, crew, next_seq, wiped } = book.meta;
    return {
      orders: orders(book),
      known: book.all("things").filter(([, t]) => t.kind === "order").map(([key]) => order(book, key.slice(6))?.step),
      notices: notices(book, now_ms).map((n) => n.notice_id),
      shelf: shelf(book).map((row) => [row.key, row.code, row.reason]),
      pending: pending(book).map((row) => [row.op.seq, row.attempt, row.receipted > 0]),
      photos: photosWaiting(book).map((row) => [row.sha256, row.size_bytes, row.kind, row.have_bytes]),
      meta: { cursor, through, crew, next_seq, wiped: wiped !== "" },
      current: session.current
    };
  }
  return __toCommonJS(vectors_exports);
})();
