// The map: the city's own outlines on a plain grid or the city's own tiles (none from outside), incidents on one canvas, things live.
window.zhuomuMap = (() => {
  const ROWS_MAX = 1500;
  const EVERY_MS = 1500;
  const THINGS_MS = 5000;
  const THINGS = { kiosk: "#1d4ed8", drone: "#9333ea", handset: "#c2410c" };
  const THING_NAMES = { kiosk: "岗亭 kiosk", drone: "无人机 drone", handset: "处置通 handset" };
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
    const me = { rows: new Map(), since: 0, moved: false, datum: "wgs84", turn: 0 };
    map.zhuomu = me;
    new (Grid(L))({ maxZoom: 21 }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    legend(L, map);
    const canvas = L.canvas({ padding: 0.3, tolerance: 6 });
    me.canvas = canvas;
    me.base = L.layerGroup().addTo(map);
    me.group = L.layerGroup().addTo(map);
    me.things = L.layerGroup().addTo(map);
    map.getContainer().addEventListener("pointerdown", () => (me.moved = true));
    map.getContainer().addEventListener("wheel", () => (me.moved = true), { passive: true });
    paper(L, map, me);
    begin(L, map, me);
  }

  // The city's own tiles over the grid, in their own datum alone: in another every street would be some 500 m off.
  async function paper(L, map, me) {
    try {
      const answer = await fetch("/api/basemap");
      const told = answer.ok ? await answer.json() : null;
      if (!told) return;
      me.paper = { datum: told.datum, layer: L.tileLayer("/api/tiles/{z}/{x}/{y}", {
        minZoom: told.zoom_min, maxNativeZoom: told.zoom_max, maxZoom: 21,
        bounds: told.bounds.length ? [told.bounds.slice(0, 2), told.bounds.slice(2)] : undefined,
      }) };
      const words = document.createElement("span");
      words.textContent = [told.words, told.datum === "gcj02" ? "GCJ-02" : "WGS-84"].filter(Boolean).join(" · ");
      me.paper.words = words.innerHTML;
      spread(L, map, me);
    } catch (error) { /* the gateway is away: the grid stays */ }
  }

  function spread(L, map, me) {
    if (!me.paper) return;
    const fits = me.paper.datum === me.datum;
    fits ? me.paper.layer.addTo(map) : me.paper.layer.remove();
    me.said?.remove();
    const other = `底图为 ${me.paper.datum === "gcj02" ? "GCJ-02" : "WGS-84"}，此坐标系下不显示 base map hidden in this datum`;
    me.said = L.control.attribution({ prefix: false, position: "bottomleft" }).addAttribution(fits ? me.paper.words : other).addTo(map);
  }

  // Everything from the start, in the datum that was chosen; rounds of a former turn end by themselves.
  function begin(L, map, me) {
    const turn = (me.turn += 1);
    me.rows.clear();
    me.since = 0;
    me.moved = false;
    for (const layer of [me.base, me.group, me.things]) layer.clearLayers();
    const ask = async (path, then) => {
      try {
        const answer = await fetch(path);
        if (answer.ok && turn === me.turn) then(await answer.json());
      } catch (error) { /* the gateway is away; the next round asks again */ }
    };
    const again = async (every, work) => {
      if (turn !== me.turn || !document.body.contains(map.getContainer())) return;
      await work();
      setTimeout(() => again(every, work), every);
    };
    ask(`/api/city?datum=${me.datum}`, (told) => outline(L, map, me, told));
    again(EVERY_MS, () => ask(`/api/map?since=${me.since}&limit=${ROWS_MAX}&datum=${me.datum}`, (rows) => draw(L, map, me, me.canvas, rows)));
    again(THINGS_MS, () => ask(`/api/things?datum=${me.datum}`, (rows) => place(L, map, me, rows)));
  }

  function datum(map, name) {
    if (!map || !map.zhuomu || map.zhuomu.datum === name) return;
    map.zhuomu.datum = name;
    spread(window.L, map, map.zhuomu);
    begin(window.L, map, map.zhuomu);
  }

  function outline(L, map, me, told) {
    const styles = { district: { color: "#0f766e", weight: 2, fill: false }, subdistrict: { color: "#7fa79e", weight: 1, fillColor: "#d9ebe6", fillOpacity: 0.35 } };
    const drawn = L.geoJSON(told, {
      interactive: false, renderer: L.canvas({ padding: 0.5 }), style: (feature) => styles[feature.properties.kind],
      onEachFeature: (feature, layer) => {
        if (feature.properties.kind === "district") layer.bindTooltip(feature.properties.name, { permanent: true, direction: "center", className: "zm-thing-label" });
      },
    }).addTo(me.base);
    if (!me.rows.size && !me.moved && drawn.getBounds().isValid()) map.fitBounds(drawn.getBounds(), { animate: false });
  }

  function place(L, map, me, rows) {
    me.things.clearLayers();
    for (const row of rows) {
      const colour = THINGS[row.kind] || "#475569";
      L.circleMarker([row.lat, row.lon], {
        renderer: me.canvas, radius: 5, weight: 2, color: colour, fillOpacity: 1,
        fillColor: row.online === true ? "#22c55e" : row.online === false ? "#ef4444" : "#ffffff",
      }).bindPopup(() => lines([
        `${THING_NAMES[row.kind] || row.kind} · ${row.device}`,
        row.online === true ? "在线 online" : row.online === false ? "离线 offline" : "未联网 never heard",
        row.last_heard ? `最近 last heard ${row.last_heard}` : "", `${row.by} ${row.at}`,
      ])).addTo(me.things);
    }
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
    const box = lines([
      `${NAMES[row.case_class] || row.case_class} · ${row.class_code}`, row.label, STATES[row.state] || row.state,
      row.case_id ? `案件 case ${row.case_id}` : "", `${row.lat.toFixed(6)}, ${row.lon.toFixed(6)}`, row.incident_id,
    ]);
    if (row.case_id) {
      const link = document.createElement("a");
      link.href = `/case/${encodeURIComponent(row.case_id)}`;
      link.textContent = "打开案件 open the case";
      box.appendChild(link);
    }
    return box;
  }

  function lines(words) {
    const box = document.createElement("div");
    for (const [index, line] of words.entries()) {
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
        ["#94a3b8", RINGS.closed, "结案 closed"], ["#94a3b8", RINGS.needs_person, "返工/待人工 attention"],
        ...Object.entries(THING_NAMES).map(([name, words]) => ["#fff", THINGS[name], words])];
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

  return { start, datum };
})();
