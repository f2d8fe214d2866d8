"use strict";
// Asks /status once a second and shows it. Everything that comes from there is put in as text, never as markup.
const POINTS = 120, WINDOW_MS = 60000, SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const store = {
  get() { try { return sessionStorage.getItem("ringgate-token") || ""; } catch { return ""; } },
  put(value) { try { sessionStorage.setItem("ringgate-token", value); } catch { /* kept in memory alone */ } },
};
let token = store.get(), now = null, failed = [], looks = 0, failures = 0, timer = 0, armed = null, said = null, search = "";
const past = [];           // Documents of the last minute, the newest last.
const lines = { requests: [], errors: [], p50: [], p95: [], saturation: [] };
const diffs = new Map();   // Generation to what there is to tell of its differences, where somebody has asked.

// --- the document tree -------------------------------------------------------------------------------------------

const SHAPES = new Set(["svg", "path", "polyline", "rect", "title"]);
function h(tag, fields, ...children) {
  const node = SHAPES.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(fields || {})) {
    if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child != null && child !== false).map(asNode));
  return node;
}
const asNode = (child) => (child instanceof Node ? child : String(child));

// Makes `old` look like `fresh` and leaves alone what is the same, so that focus and selection stay.
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  show(old, [...fresh.childNodes]);
}
function show(parent, fresh) {
  fresh.forEach((node, at) => {
    const old = parent.childNodes[at];
    if (!old) parent.append(node);
    else if (old.nodeName !== node.nodeName) old.replaceWith(node);
    else if (old.nodeType === Node.TEXT_NODE) { if (old.data !== node.data) old.data = node.data; }
    else morph(old, node);
  });
  while (parent.childNodes.length > fresh.length) parent.lastChild.remove();
}
const put = (id, ...nodes) => show($(id), nodes.flat(9).filter(Boolean).map((node) => (node instanceof Node ? node : document.createTextNode(node))));

// --- words -------------------------------------------------------------------------------------------------------

function count(n) {
  if (n == null || Number.isNaN(n)) return "–";
  const a = Math.abs(n);
  if (a >= 1e9) return (n / 1e9).toFixed(1) + "G";
  if (a >= 1e6) return (n / 1e6).toFixed(1) + "M";
  if (a >= 1e4) return (n / 1e3).toFixed(1) + "k";
  return a >= 100 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1);
}
function millis(ms) {
  if (ms == null) return "–";
  if (ms >= 1000) return (ms / 1000).toFixed(1) + " s";
  return (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)) + " ms";
}
function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return s + " s";
  if (s < 5400) return Math.round(s / 60) + " min";
  return s < 129600 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " d";
}
const clock = (ms) => new Date(ms).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const pill = (kind, text) => h("span", { class: "pill " + kind }, text);
const button = (act, arg, text, more) =>
  h("button", { type: "button", "data-act": act, "data-arg": arg, class: isArmed(act, arg) ? "armed" : null, ...more },
    isArmed(act, arg) ? "Sure? " + text : text);

// --- figures -----------------------------------------------------------------------------------------------------

const sum = (list) => list.reduce((all, one) => all + one, 0);
// The document of about `ms` ago, or the oldest there is.
const then = (ms) => past.find((one) => now.unix_ms - one.unix_ms <= ms) || now;
const rate = (read, ms = 5000) => {
  const old = then(ms), seconds = (now.unix_ms - old.unix_ms) / 1000;
  return seconds > 0 ? Math.max(0, read(now) - read(old)) / seconds : null;
};
function quantile(fresh, old, share, bounds) {
  const counts = fresh.map((n, at) => Math.max(0, n - (old[at] || 0)));
  let left = sum(counts) * share;
  if (!left) return null;
  for (let at = 0; at < counts.length; at++) {
    if (left <= counts[at]) {
      const low = at ? bounds[at - 1] : 0, high = at < bounds.length ? bounds[at] : low;
      return low + (high - low) * (left / counts[at]);
    }
    left -= counts[at];
  }
  return bounds[bounds.length - 1];
}
function note() {
  const old = then(5000), bounds = now.duration_bounds_ms;
  const push = (line, value) => { line.push(value); if (line.length > POINTS) line.shift(); };
  push(lines.requests, rate((it) => it.traffic.requests, 1500));
  push(lines.errors, rate((it) => it.traffic.classes[4], 1500));
  push(lines.saturation, now.saturation.total);
  for (const [line, share] of [[lines.p50, .5], [lines.p95, .95]])
    push(line, old === now ? null : quantile(now.traffic.durations, old.traffic.durations, share, bounds));
}

// --- pictures ----------------------------------------------------------------------------------------------------

function spark(values, words, isBad) {
  const known = values.filter((value) => value != null), top = Math.max(...known, 1e-9);
  const at = (value, index) => `${(POINTS - values.length + index).toFixed(0)},${(30 - 28 * value / top).toFixed(1)}`;
  const points = values.map((value, index) => (value == null ? null : at(value, index))).filter(Boolean);
  const first = points.length ? points[0].split(",")[0] : 0, last = points.length ? points[points.length - 1].split(",")[0] : 0;
  return h("svg", { class: "spark" + (isBad ? " bad" : ""), viewBox: `0 0 ${POINTS} 32`, preserveAspectRatio: "none", role: "img", "aria-label": words },
    points.length > 1 && h("path", { d: `M${first},32 L${points.join(" L")} L${last},32 Z` }),
    points.length > 1 && h("polyline", { points: points.join(" ") }));
}
const bar = (share, words) =>
  h("svg", { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", role: "img", "aria-label": words },
    h("rect", { width: 100, height: 4, rx: 1 }), h("rect", { width: Math.round(100 * Math.min(1, Math.max(0, share))), height: 4, rx: 1 }));

// --- sections ----------------------------------------------------------------------------------------------------

const mayWrite = () => now.caller && now.caller.role === "write";

function drawState() {
  const kind = now.readiness === "ready" ? "good" : "warn";
  put("state", pill(failures ? "bad" : kind, failures ? "no answer" : now.readiness),
    h("span", null, "generation ", h("b", null, now.generation.number), " ", h("code", null, now.generation.hash)),
    now.caller && h("span", { class: "small" }, `${now.caller.name} (${now.caller.role})`));
  document.title = `${failures ? "no answer" : now.readiness} · ${now.generation.number} · Ringgate`;
}

function fullest(parts) {
  return Object.entries(parts).reduce((most, part) => part[1] > most[1] ? part : most)[0];
}

function drawTraffic() {
  const t = now.traffic, last = (line) => line[line.length - 1];
  const tile = (title, value, line, more, isBad) => h("div", { class: "tile" },
    h("div", { class: "head" }, h("h3", null, title), h("span", { class: "small soft" }, more)),
    h("div", { class: "big" }, value), spark(line, `${title}, last two minutes, now ${value}`, isBad));
  put("traffic",
    tile("Requests/s", count(last(lines.requests)), lines.requests, `${count(t.requests)} in all`),
    tile("Errors/s (5xx)", count(last(lines.errors)), lines.errors, `${count(t.classes[4])} in all`, last(lines.errors) > 0),
    tile("Saturation", `${Math.round(now.saturation.total * 100)} %`, lines.saturation, fullest(now.saturation.parts), now.saturation.total > 0.9),
    tile("Median", millis(last(lines.p50)), lines.p50, `${count(t.exchanges)} in flight`),
    tile("95th percentile", millis(last(lines.p95)), lines.p95, `${count(t.connections)} connections`));
}

function drawWorkers() {
  put("workers", now.workers.map((w, at) => {
    const isLate = w.tick_age_ms > 1000;
    return h("div", { class: "tile" },
      h("div", { class: "head" }, h("h3", null, `Worker ${w.worker}`), h("span", { class: "small soft" }, w.cpu == null ? "" : `CPU ${w.cpu} · ${w.driver}`)),
      bar(w.busy, `busy ${Math.round(w.busy * 100)} %`),
      h("dl", { class: "facts" },
        h("dt", null, "busy"), h("dd", null, `${Math.round(w.busy * 100)} %`),
        w.shed_share > 0 && [h("dt", { class: "warn" }, "refused"), h("dd", { class: "warn" }, `${Math.round(w.shed_share * 100)} %`)],
        h("dt", null, "requests/s"), h("dd", null, count(rate((it) => it.workers[at] ? it.workers[at].requests : 0))),
        h("dt", null, "connections"), h("dd", null, `${count(w.connections.active)} (${count(w.connections.idle)} idle)`),
        h("dt", null, "generation"), h("dd", { class: w.generation === now.generation.number ? null : "warn" }, w.generation),
        isLate && [h("dt", { class: "bad" }, "last tick"), h("dd", { class: "bad" }, `${ago(w.tick_age_ms)} ago`)]));
  }));
}

function wanted(route) {
  const m = route.match || {};
  return [].concat(m.hosts || [], m.methods || []).concat(["path", "prefix", "pattern", "regex"].filter((key) => m[key]).map((key) => m[key] + (key === "prefix" ? "…" : ""))).join(" ");
}
function target(route) {
  if (route.cluster) return route.cluster;
  if (route.redirect) return "redirect";
  return route.respond ? `answers ${route.respond.status || ""}` : "";
}

function drawRoutes() {
  const found = now.routes.filter((route) => route.name.includes(search));
  const old = then(10000), byName = new Map(old.routes.map((route) => [route.name, route]));
  const seconds = (now.unix_ms - old.unix_ms) / 1000;
  const judged = new Map(now.verdicts.routes.map((r) => [r.name, r.breaker]));
  const rows = found.map((route) => {
    const was = byName.get(route.name) || { requests: route.requests, classes: route.classes, durations: [] };
    const per = (n) => (seconds > 0 ? Math.max(0, n) / seconds : null), bad = per(route.classes[4] - was.classes[4]);
    const p95 = quantile(route.durations, was.durations, .95, now.duration_bounds_ms);
    return h("tr", null, h("td", null, h("b", null, route.name), h("div", { class: "small soft" }, wanted(route)),
      breaker(judged.get(route.name), `/routes/${encodeURIComponent(route.name)}/breaker`, route.name)),
      h("td", { class: "off-phone" }, target(route)), h("td", { class: "num" }, count(per(route.requests - was.requests))),
      h("td", { class: "num" + (bad > 0 ? " bad" : "") }, count(bad)), h("td", { class: "num" }, millis(p95)),
      h("td", { class: "num off-phone" }, count(route.requests)));
  });
  put("routes", h("table", null, h("thead", null, h("tr", null, h("th", null, "Route"), h("th", { class: "off-phone" }, "goes to"),
    h("th", { class: "num" }, "req/s"), h("th", { class: "num" }, "5xx/s"), h("th", { class: "num" }, "p95"), h("th", { class: "num off-phone" }, "in all"))), h("tbody", null, rows)),
    now.routes_total > now.routes.length && h("p", { class: "small soft" }, `The ${now.routes.length} busiest of ${now.routes_total}; all are at /routes.`));
}

// Pills for a breaker that is not simply closed; buttons for whoever may use them.
function breaker(b, path, name) {
  if (!b) return null;
  const isOpen = b.state !== "closed", isHeld = b.held !== "auto";
  return [(isOpen || isHeld) && h("div", { class: "small " + (isOpen ? "bad" : "warn"), title: b.reason },
    `breaker ${b.state.replace("_", " ")}${isHeld ? ", held" : ""}: ${b.reason}, ${ago(now.unix_ms - b.since_unix_ms)} ago`),
    path && mayWrite() && h("div", { class: "line" }, isHeld
      ? button("letgo", JSON.stringify([path, name]), "Let go", { "aria-label": `Let the breaker of ${name} go` })
      : button("holdopen", JSON.stringify([path, name]), "Hold open", { "aria-label": `Hold the breaker of ${name} open` }))];
}
function drawEvents() {
  const events = now.verdicts.events;
  $("s-events").hidden = !events.length;
  put("events", table([["When", ""], ["What", ""]], events.map((e) => h("tr", null,
    h("td", { class: "soft" }, clock(e.unix_ms)),
    h("td", null, h("b", null, e.route ? `route ${e.route}` : e.cluster), e.endpoint && ` ${e.endpoint}`, " ", e.what))), "None so far."));
}
function drawClusters() {
  const part = encodeURIComponent, judged = new Map(now.verdicts.clusters.map((c) => [c.name, c]));
  const old = then(10000), seconds = (now.unix_ms - old.unix_ms) / 1000;
  const was = new Map(old.clusters.flatMap((c) => c.endpoints.map((e) => [c.name + "\n" + (e.label || e.address), e.figures])));
  put("clusters", now.clusters.map((cluster) => {
    const own = judged.get(cluster.name) || { endpoints: [] }, path = `/clusters/${part(cluster.name)}`;
    const ends = cluster.endpoints.map((end) => {
      const name = end.label || end.address, before = was.get(cluster.name + "\n" + name), f = end.figures;
      const per = (key) => (f && before && seconds > 0 ? Math.max(0, f[key] - before[key]) / seconds : null);
      const lost = f ? f.failures + f.connect_failures : 0;
      const failing = per("failures") || per("connect_failures"), state = end.state || "active";
      const standing = end.standing && end.standing !== "present" ? end.standing : null;
      const verdict = own.endpoints.find((e) => e.label === name) || { state: "good" }, isOut = verdict.state !== "good";
      const words = [state !== "active" && state, standing, isOut && verdict.state, failing > 0 && "failing"].filter(Boolean).join(", ") || "in use";
      const kind = isOut || failing > 0 || state === "disabled" ? "bad" : state !== "active" || standing ? "warn" : "";
      const arg = JSON.stringify([cluster.name, name]);
      return h("div", { class: "end " + kind },
        h("div", null, h("b", null, name)), end.label && end.label !== end.address && h("div", { class: "soft" }, end.address),
        h("div", { class: kind || "soft" }, words, end.weight > 1 && ` · weight ${end.weight}`, end.tier > 0 && ` · tier ${end.tier}`, end.zone && ` · ${end.zone}`),
        isOut && h("div", { class: "bad" }, `${verdict.reason}, ${ago(now.unix_ms - verdict.since_unix_ms)} ago`),
        breaker(verdict.breaker, `${path}/endpoints/${part(name)}/breaker`, name),
        f && h("div", { class: "soft" }, `${count(per("attempts"))}/s · ${count(f.active)} active · ${count(f.idle)} idle`),
        lost > 0 && h("div", { class: "soft" }, `${count(lost)} of ${count(f.attempts)} failed`),
        mayWrite() && h("div", { class: "line" }, state === "active"
          ? [button("drained", arg, "Drain", { "aria-label": `Drain ${name}` }), button("disabled", arg, "Disable", { "aria-label": `Disable ${name}` })]
          : button("active", arg, "Enable", { "aria-label": `Enable ${name}` })));
    });
    return h("div", { class: "tile" },
      h("div", { class: "head" }, h("h3", null, cluster.name), h("span", { class: "small soft" }, plural(cluster.endpoints.length, "endpoint"))),
      cluster.source && h("div", { class: "small soft" }, cluster.source, cluster.age_ms != null && `, answered ${ago(cluster.age_ms)} ago`),
      cluster.failure && h("div", { class: "small warn" }, cluster.failure),
      cluster.held_back && h("div", { class: "small warn" }, `A loss of ${plural(cluster.held_back.endpoints, "endpoint")} is not believed for another ${ago(cluster.held_back.left_ms)}.`),
      cluster.refused && cluster.refused.length > 0 && h("div", { class: "small warn" }, "refused: " + cluster.refused.join(", ")),
      breaker(own.breaker, `${path}/breaker`, cluster.name),
      h("div", { class: "ends" }, ends));
  }));
}

const PHASES = { aborted: "bad", ramping: "warn", paused: "warn", promoted: "good" };
const percent = (share) => `${+(share * 100).toFixed(1)} %`;
function drawReleases() {
  $("s-releases").hidden = !now.releases.length;
  put("releases", now.releases.map((r) => {
    const ramp = r.ramp, whole = r.variants.find((v) => v.share === 1);
    const steer = (act, action, words) => button(act, JSON.stringify([r.route, action]), words, { "aria-label": `${words}: release of ${r.route}` });
    return h("div", { class: "tile" },
      h("div", { class: "head" }, h("h3", null, r.route), pill(PHASES[r.phase] || "", r.phase.replace("_", " "))),
      r.variants.map((v) => [
        h("div", { class: "line" }, h("b", { class: "grow" }, v.variant), percent(v.share)),
        bar(v.share, `${v.variant} gets ${percent(v.share)}`),
        h("div", { class: "small " + (v.errors ? "warn" : "soft") }, `${v.cluster} · ${plural(v.requests, "request")}, ${v.errors} failed`)]),
      ramp && h("div", { class: "small soft" }, `Step ${ramp.step} of ${ramp.steps}, watched ${ago(ramp.watched_ms)} of ${ago(ramp.hold_ms)}, ${ramp.requests} requests against ${ramp.requests_others}`, ramp.waits_for && `; waits for ${ramp.waits_for}`),
      r.reason && h("div", { class: "small " + (r.phase === "aborted" ? "bad" : "soft") }, [r.author, r.reason].filter(Boolean).join(": ")),
      mayWrite() && h("div", { class: "line" },
        ramp && [steer("move", "promote", "Promote"), r.phase === "paused" ? steer("steer", "resume", "Resume") : steer("steer", "pause", "Pause"), steer("move", "abort", "Abort")],
        !ramp && whole && r.variants.length === 2 && steer("move", "flip", "Flip")));
  }));
}

const STANDINGS = { in_force: ["good", "in force"], rolling_out: ["warn", "rolling out"], former: ["", "former"] };
function drawGenerations() {
  const list = now.generations.length ? now.generations : [{ number: now.generation.number, hash: now.generation.hash, standing: "in_force" }];
  put("generations", list.map((g) => {
    const [kind, words] = STANDINGS[g.standing] || ["", g.standing || ""], changes = diffs.get(g.number);
    return h("div", { class: "gen" },
      h("div", { class: "line" }, h("b", null, g.number), h("code", null, g.hash), words && pill(kind, words),
        h("span", { class: "grow" }, g.note || ""),
        h("span", { class: "small soft" }, [g.author, g.unix_ms && clock(g.unix_ms)].filter(Boolean).join(", ")),
        now.generations.length > 0 && button("diff", g.number, changes ? "Hide" : "What changed", { "aria-expanded": String(!!changes) }),
        mayWrite() && g.standing === "former" && button("rollback", g.number, `Roll back to ${g.number}`)),
      g.standing === "former" && g.exchanges > 0 && h("div", { class: "small soft" }, `${plural(g.exchanges, "exchange")} still on it`),
      changes && [changes.title && h("p", { class: "small" }, changes.title),
        changes.changes.length ? h("ul", { class: "changes" }, changes.changes.map((line) => h("li", null, line))) : h("p", { class: "small soft" }, "Nothing is different.")],
      g.taken_back && h("p", { class: "small warn" }, g.taken_back));
  }));
  const s = now.source;
  put("source", mayWrite() && button("dry", "", "Dry run"), mayWrite() && button("reload", "", "Reload"),
    s && h("span", { class: "small soft grow" }, s.described, s.fetched_at > 0 && `, answered ${ago(now.unix_ms - s.fetched_at)} ago`),
    s && s.failure && h("span", { class: "small warn" }, s.failure));
}

function drawRollout() {
  const r = now.rollout;
  // One that went well is in force and no news any more.
  $("rollout").hidden = !r || r.state === "done" || r.state === "superseded";
  if ($("rollout").hidden) return;
  const isOver = r.state !== "under_way", share = r.hold_ms ? r.watched_ms / r.hold_ms : 0;
  put("rollout",
    h("div", { class: "line" }, h("h3", null, `Rollout of generation ${r.generation}`),
      pill(isOver ? "bad" : "warn", isOver ? String(r.state).replace("_", " ") : r.is_paused ? "paused" : `step ${r.step} of ${r.steps}`), h("span", { class: "grow" }),
      !isOver && mayWrite() && [button("promote", "", "Promote"), r.is_paused ? button("resume", "", "Resume") : button("pause", "", "Pause"), button("abort", "", "Abort")]),
    !isOver && bar(share, `watched ${Math.round(share * 100)} % of this step`),
    !isOver && h("div", { class: "small soft" }, `Workers ${(r.workers || []).join(", ") || "–"}: ${plural(r.requests || 0, "request")} on them, ${r.requests_others || 0} on the others; watched ${ago(r.watched_ms || 0)} of ${ago(r.hold_ms || 0)}`),
    isOver && r.ended_unix_ms && h("div", { class: "small soft" }, `${clock(r.ended_unix_ms)}; generation ${r.against} stayed in force`),
    (r.reason ? [r.reason] : []).concat(r.remarks || []).map((line) => h("div", { class: "small warn" }, line)));
}

function table(heads, rows, nothing) {
  if (!rows.length) return h("p", { class: "small soft" }, nothing);
  return h("table", null, h("thead", null, h("tr", null, heads.map(([text, more]) => h("th", { class: more }, text)))), h("tbody", null, rows));
}
function drawErrors() {
  const old = new Map(then(WINDOW_MS).errors.map((error) => [error.code, error.count]));
  put("errors", table([["Code", ""], ["last minute", "num"], ["in all", "num"]], now.errors.map((error) => {
    const fresh = past.length > 1 ? error.count - (old.get(error.code) || 0) : 0;
    return h("tr", null, h("td", null, h("code", null, error.code)), h("td", { class: "num" + (fresh > 0 ? " bad" : "") }, count(fresh)), h("td", { class: "num" }, count(error.count)));
  }), "None so far."));
  put("failed", table([["When", "off-phone"], ["Request", ""], ["Why", ""]], failed.map((one) => h("tr", null,
    h("td", { class: "soft off-phone" }, new Date(one.unix_ms).toLocaleTimeString()),
    h("td", null, h("b", null, one.status || "–"), ` ${one.method || ""} ${one.path || ""}`, h("div", { class: "small soft" }, [one.route, one.endpoint, millis(one.duration_ms)].filter(Boolean).join(" · "))),
    h("td", null, one.code && h("div", null, h("code", null, one.code)), h("div", { class: "small soft" }, one.why), h("div", { class: "small soft" }, h("code", null, one.request_id))))), "None of the requests that the workers remember."));
}
function drawAudit() {
  // Each change is there twice, asked and answered; of those that have been answered the answer is enough.
  const key = (line) => JSON.stringify([line.author, line.address, line.action, line.parameters]), answered = new Map();
  const shown = now.audit.filter((line) => {
    const left = answered.get(key(line)) || 0;
    answered.set(key(line), line.outcome === "asked" ? Math.max(0, left - 1) : left + 1);
    return line.outcome !== "asked" || left === 0;
  });
  put("audit", table([["What", ""], ["Outcome", ""]], shown.map((line) => {
    const { note, ...rest } = line.parameters || {}, more = Object.values(rest).filter((value) => value != null && typeof value !== "boolean").join(" ");
    return h("tr", null, h("td", null, h("b", null, line.action), " ", more, note && h("div", null, note), h("div", { class: "small soft" }, `${line.author}, ${clock(Date.parse(line.time))}`)),
      h("td", null, line.outcome === "asked" ? "under way" : line.outcome));
  }), "Nothing so far."));
}
function drawFooter() {
  const levels = ["error", "warn", "info", "debug"];
  put("footer", h("div", { class: "line" }, `Ringgate ${now.version}`,
    mayWrite() && h("label", null, "says ", h("select", { id: "level", "aria-label": "Least weight of lines on stderr" }, levels.map((level) => h("option", { value: level }, level)))),
    token && button("forget", "", "Forget the token")));
  const select = $("level");
  if (select && document.activeElement !== select) select.value = now.level;
}
function drawMessage() {
  $("message").hidden = !said;
  if (said) put("message", h("div", { class: "line" }, h("b", { class: said.isBad ? "bad grow" : "grow" }, said.title), button("dismiss", "", "Close")), said.text && h("pre", null, said.text));
}
function draw() {
  for (const part of [drawState, drawMessage, drawRollout, drawTraffic, drawWorkers, drawClusters, drawEvents, drawReleases, drawRoutes, drawGenerations, drawErrors, drawAudit, drawFooter]) part();
}

// --- talking to the gateway --------------------------------------------------------------------------------------

async function ask(method, path, body) {
  const headers = { accept: "application/json", "x-ringgate-admin": "1" };
  if (token) headers.authorization = "Bearer " + token;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store", credentials: "same-origin", redirect: "error" });
  const text = await answer.text();
  let told = {};
  try { told = JSON.parse(text); } catch { told = { detail: text }; }
  return { status: answer.status, ok: answer.ok, told };
}

async function look() {
  clearTimeout(timer);
  try {
    const { status, ok, told } = await ask("GET", "/status");
    if (status === 401 || status === 429) return login(token ? told.detail : "");
    if (!ok) throw new Error(told.detail);
    failures = 0;
    if (looks++ % 5 === 0) {
      const recent = await ask("GET", "/recent/decisions?status=5xx&limit=10");
      failed = recent.ok ? recent.told.decisions : [];
    }
    now = told;
    past.push(now);
    while (now.unix_ms - past[0].unix_ms > WINDOW_MS + 2000 || past.length > 200) past.shift();
    note();
    $("login").hidden = true;
    $("main").hidden = false;
    draw();
  } catch {
    failures += 1;
    if (now) drawState();
    else put("state", pill("bad", "no answer"));
  }
  // Nobody looks at a hidden page; a gateway that does not answer is asked less often.
  timer = setTimeout(look, document.hidden ? 15000 : Math.min(1000 * 2 ** failures, 15000));
}

function login(why) {
  $("main").hidden = true;
  $("login").hidden = false;
  $("login-said").textContent = why || "";
  put("state", pill("warn", "locked"));
  $("token").focus();
}

const isArmed = (act, arg) => armed && armed.act === act && armed.arg === String(arg) && armed.until > Date.now();
// What cannot be taken back with the same button is asked twice.
const SERIOUS = new Set(["rollback", "abort", "promote", "disabled", "reload", "holdopen", "move"]);

async function change(title, method, path, body) {
  const { ok, told } = await ask(method, path, body);
  const outcome = told.outcome ? `${told.outcome.replace("_", " ")}, generation ${told.generation}` : told.result;
  const text = [told.report, ...(told.changes || []), ...(told.replay || [])].filter(Boolean).join("\n");
  said = { title: ok ? `${title}: ${outcome || "done"}` : `${title}: ${told.detail || "not done"}`, text, isBad: !ok || told.outcome === "refused" };
  return look();
}

// What going back would change, while it is being thought over.
async function foretell(number) {
  const { ok, told } = await ask("GET", `/generations/${number}/diff?against=${now.generation.number}`);
  if (ok) diffs.set(number, { title: `Against generation ${now.generation.number}, going back would change:`, changes: told.changes });
  draw();
}

const ACTS = {
  rollback: (n) => change(`Roll back to ${n}`, "POST", "/rollback", { to: Number(n), note: "from the page" }),
  reload: () => change("Reload", "POST", "/reload", { note: "from the page" }),
  dry: () => change("Dry run", "POST", "/reload", { dry_run: true }),
  async diff(n) {
    const number = Number(n), kept = now.generations.find((g) => g.number === number);
    if (!diffs.delete(number)) diffs.set(number, { title: "", changes: (kept && kept.changes) || [] });
    draw();
  },
  dismiss() { said = null; draw(); },
  forget() { token = ""; store.put(""); past.length = 0; look(); },
};
for (const [act, state] of [["holdopen", "open"], ["letgo", "auto"]])
  ACTS[act] = (arg) => {
    const [path, name] = JSON.parse(arg);
    return change(`Breaker of ${name}: ${state}`, "PUT", path, { state, note: "from the page" });
  };
for (const act of ["move", "steer"])
  ACTS[act] = (arg) => {
    const [route, action] = JSON.parse(arg);
    return change(`Release of ${route}: ${action}`, "POST", `/releases/${encodeURIComponent(route)}`, { action, note: "from the page" });
  };
for (const action of ["promote", "abort", "pause", "resume"])
  ACTS[action] = () => change(`Rollout: ${action}`, "POST", "/rollout", { action, note: "from the page" });
for (const state of ["active", "drained", "disabled"])
  ACTS[state] = (arg) => {
    const [cluster, end] = JSON.parse(arg), part = encodeURIComponent;
    return change(`${end}: ${state}`, "PUT", `/clusters/${part(cluster)}/endpoints/${part(end)}/state`, { state, note: "from the page" });
  };

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-act]");
  if (!pressed) return;
  const { act, arg } = pressed.dataset;
  if (SERIOUS.has(act) && !isArmed(act, arg)) {
    armed = { act, arg, until: Date.now() + 8000 };
    if (act === "rollback") foretell(Number(arg)).catch(() => {});
    return draw();
  }
  armed = null;
  Promise.resolve(ACTS[act](arg)).catch(() => { said = { title: "The gateway does not answer.", isBad: true }; draw(); });
});
document.addEventListener("change", (event) => {
  if (event.target.id === "level") change("Level", "PUT", "/log/level", { level: event.target.value });
});
$("search").addEventListener("input", (event) => { search = event.target.value; draw(); });
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  store.put(token);
  look();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
