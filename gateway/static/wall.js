"use strict";
// The video wall: each tile is a WebRTC viewer of one camera; it comes back by itself and says why it shows nothing.
window.zhuomuWall = (() => {
  const FIRST_S = 1, MOST_S = 30, STILL_S = 8, GATHER_MS = 2000;
  const tiles = new Map();                               // "device/camera" -> tile
  let lang = "zh";
  const say = (tile, zh, en, bad = false) => {
    tile.state.textContent = lang === "en" ? en : zh;
    tile.box.dataset.state = bad ? "bad" : "";
  };

  function element(name, parent, classes = "") {
    const made = document.createElement(name);
    if (classes) made.className = classes;
    parent.append(made);
    return made;
  }

  function build(wall, device, camera, why) {
    const box = element("figure", wall, "zm-screen"), video = element("video", box);
    Object.assign(video, { autoplay: true, muted: true, playsInline: true });
    video.setAttribute("aria-label", `${device} ${camera}`);
    const caption = element("figcaption", box);
    element("span", caption, "zm-screen-name").textContent = `${device} · ${camera}`;
    const state = element("span", caption, "zm-screen-state");
    state.setAttribute("role", "status");
    const tile = { device, camera, why, box, video, state, tries: 0, shown: 0, connects: 0 };
    const frame = () => {
      if (tile.over) return;
      video.requestVideoFrameCallback(frame);
      tile.movedAt = performance.now();
      if (tile.pc && tile.live !== tile.pc) { tile.live = tile.pc; tile.tries = 0; tile.connects++; say(tile, "实时", "live"); }
      tile.shown++;
    };
    video.requestVideoFrameCallback(frame);
    return tile;
  }

  async function connect(tile) {
    const pc = tile.pc = new RTCPeerConnection();
    pc.addTransceiver("video", { direction: "recvonly" });
    tile.meta = pc.createDataChannel("meta", { ordered: false, maxRetransmits: 0 });
    tile.meta.onmessage = e => {
      const note = JSON.parse(e.data);
      if (note.kind === "state" && note.redaction === "failed") say(tile, "遮挡失败，不显示画面", "redaction failed: no picture", true);
    };
    pc.ontrack = e => { tile.video.srcObject = new MediaStream([e.track]); tile.video.play().catch(() => {}); };
    pc.onconnectionstatechange = () => {
      if (tile.pc === pc && ["failed", "disconnected"].includes(pc.connectionState)) again(tile, "连接中断", "connection lost");
    };
    say(tile, "连接中…", "connecting…");
    try {
      await pc.setLocalDescription(await pc.createOffer());
      await new Promise(done => {
        if (pc.iceGatheringState === "complete") return done();
        pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
        setTimeout(done, GATHER_MS);
      });
      const path = `/api/live/${encodeURIComponent(tile.device)}/${encodeURIComponent(tile.camera)}`;
      const answer = await fetch(`${path}?why=${encodeURIComponent(tile.why)}`,
        { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription.sdp });
      if (tile.over || tile.pc !== pc) return pc.close();
      if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        const text = told.detail || told.error || `HTTP ${answer.status}`;
        pc.close();
        return [429, 502, 503, 504].includes(answer.status) ? again(tile, text, text) : say(tile, text, text, true);
      }
      tile.location = answer.headers.get("Location");
      await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      tile.movedAt = performance.now();
      tile.watch = setInterval(() => {
        if (performance.now() - tile.movedAt > STILL_S * 1000) again(tile, "没有画面", "no picture");
      }, 1000);
    } catch (error) { again(tile, "无法连接中心", "the centre cannot be reached"); }
  }

  function again(tile, zh, en) {                         // back-off with jitter
    if (tile.over || tile.timer) return;
    leave(tile);
    const s = Math.min(MOST_S, FIRST_S * 2 ** tile.tries++) * (0.5 + Math.random());
    say(tile, `${zh}，${s.toFixed(0)} 秒后重连`, `${en}; again in ${s.toFixed(0)} s`, true);
    tile.timer = setTimeout(() => { tile.timer = null; if (!tile.over) connect(tile); }, s * 1000);
  }

  function leave(tile) {
    clearInterval(tile.watch);
    if (tile.location) fetch(tile.location, { method: "DELETE", keepalive: true }).catch(() => {});
    tile.location = null;
    tile.pc?.close();
    tile.pc = null;
  }

  function end(tile) {
    tile.over = true;
    clearTimeout(tile.timer);
    leave(tile);
    tile.box.remove();
  }

  function show(wall, cameras, why, language) {
    lang = language;
    stop();
    for (const [device, camera] of cameras) {
      const tile = build(wall, device, camera, why);
      tiles.set(`${device}/${camera}`, tile);
      connect(tile);
    }
  }

  function stop() { tiles.forEach(end); tiles.clear(); }
  addEventListener("pagehide", stop);
  return { show, stop, tiles };
})();
