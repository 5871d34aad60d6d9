// The map of incidents: a plain grid for a background (no tiles from anywhere), one canvas for all markers.
window.zhuomuMap = (() => {
  const ROWS_MAX = 1500;
  const EVERY_MS = 1500;
  const COLOURS = { stall: "#e11d48", poster: "#7c3aed", bike: "#0284c7", litter: "#ca8a04" };
  const NAMES = { stall: "占道经营 stall", poster: "小广告 poster", bike: "乱停放 bike", litter: "垃圾 litter" };
  const STATES = {
    found: "发现 found", reported: "上报 reported", filed: "立案 filed", rejected: "不予立案 rejected",
    dispatched: "派遣 dispatched", handling: "处置中 handling", disposed: "已处置 disposed", checking: "核查 checking",
    rework: "返工 rework", needs_person: "待人工 needs a person", closed: "结案 closed",
  };
  const RINGS = { rework: "#dc2626", needs_person: "#dc2626", checking: "#0f172a", closed: "#16a34a" };

  const Grid = (L) => L.GridLayer.extend({
    createTile(coords) {
      const size = this.getTileSize();
      const tile = L.DomUtil.create("canvas", "zm-tile");
      tile.width = size.x;
      tile.height = size.y;
      const pen = tile.getContext("2d");
      pen.fillStyle = "#f6f8f7";
      pen.fillRect(0, 0, size.x, size.y);
      for (const [step, colour] of [[32, "#e9eeec"], [128, "#dbe4e1"]]) {
        pen.strokeStyle = colour;
        pen.beginPath();
        for (let at = 0; at <= size.x; at += step) {
          pen.moveTo(at + 0.5, 0); pen.lineTo(at + 0.5, size.y);
          pen.moveTo(0, at + 0.5); pen.lineTo(size.x, at + 0.5);
        }
        pen.stroke();
      }
      const corner = this._map.unproject(coords.scaleBy(size), coords.z);
      pen.fillStyle = "#9db0aa";
      pen.font = "10px sans-serif";
      pen.fillText(`${corner.lat.toFixed(5)}, ${corner.lng.toFixed(5)}`, 5, 13);
      return tile;
    },
  });

  function start(map) {
    const L = window.L;
    if (!map || map.zhuomu) return;
    const me = { rows: new Map(), since: 0, fitted: false, moved: false };
    map.zhuomu = me;
    new (Grid(L))({ maxZoom: 21 }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    legend(L, map);
    const canvas = L.canvas({ padding: 0.3, tolerance: 6 });
    me.group = L.layerGroup().addTo(map);
    map.getContainer().addEventListener("pointerdown", () => (me.moved = true));
    map.getContainer().addEventListener("wheel", () => (me.moved = true), { passive: true });
    const round = async () => {
      if (!document.body.contains(map.getContainer())) return;
      try {
        const answer = await fetch(`/api/map?since=${me.since}&limit=${ROWS_MAX}`);
        if (answer.ok) draw(L, map, me, canvas, await answer.json());
      } catch (error) { /* the gateway is away; the next round asks again */ }
      setTimeout(round, EVERY_MS);
    };
    round();
  }

  function draw(L, map, me, canvas, rows) {
    let fresh = false;
    for (const row of rows.reverse()) {
      const old = me.rows.get(row.incident_id);
      me.since = Math.max(me.since, row.revision);
      if (old && old.revision === row.revision) continue;
      if (old) me.group.removeLayer(old.marker);
      fresh = fresh || !old;
      me.rows.delete(row.incident_id);
      me.rows.set(row.incident_id, { revision: row.revision, marker: marker(L, row, canvas).addTo(me.group) });
    }
    for (const [id, old] of me.rows) {
      if (me.rows.size <= ROWS_MAX) break;
      me.group.removeLayer(old.marker);
      me.rows.delete(id);
    }
    if (fresh && !me.moved) fit(L, map, me);
  }

  function marker(L, row, renderer) {
    const closed = row.state === "closed" || row.state === "rejected";
    const loud = row.state === "rework" || row.state === "needs_person";
    return L.circleMarker([row.lat, row.lon], {
      renderer, radius: closed ? 6 : 9, weight: loud ? 4 : 2.5, color: RINGS[row.state] || "#ffffff",
      fillColor: COLOURS[row.case_class] || "#64748b", fillOpacity: closed ? 0.25 : 0.9,
    }).bindPopup(() => popup(row), { maxWidth: 260 });
  }

  function popup(row) {
    const box = document.createElement("div");
    const lines = [
      `${NAMES[row.case_class] || row.case_class} · ${row.class_code}`, row.label, STATES[row.state] || row.state,
      row.case_id ? `案件 case ${row.case_id}` : "", `${row.lat.toFixed(6)}, ${row.lon.toFixed(6)}`, row.incident_id,
    ];
    for (const [index, line] of lines.entries()) {
      if (!line) continue;
      const div = document.createElement("div");
      div.className = index === 0 ? "zm-popup-head" : "zm-popup-line";
      div.textContent = line;
      box.appendChild(div);
    }
    return box;
  }

  function fit(L, map, me) {
    const places = [...me.rows.values()].map((row) => row.marker.getLatLng());
    if (places.length) map.fitBounds(L.latLngBounds(places).pad(0.15), { maxZoom: 19, animate: false });
  }

  function legend(L, map) {
    const control = L.control({ position: "bottomright" });
    control.onAdd = () => {
      const box = L.DomUtil.create("div", "zm-legend");
      const rows = [...Object.entries(NAMES).map(([name, words]) => [COLOURS[name], "#fff", words]),
        ["#94a3b8", RINGS.closed, "结案 closed"], ["#94a3b8", RINGS.needs_person, "返工/待人工 attention"]];
      for (const [fill, ring, words] of rows) {
        const line = L.DomUtil.create("div", "", box);
        const dot = L.DomUtil.create("span", "", line);
        dot.style.background = fill;
        dot.style.borderColor = ring;
        line.append(words);
      }
      return box;
    };
    control.addTo(map);
  }

  return { start };
})();
