"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const index = JSON.parse(byId("index").textContent);
  const blocks = [...document.querySelectorAll("script.trees")];
  const [NUMBER, TIME, STEP, CHANNEL, SW, TEXT, FUNCTION, LAYERS, FINDINGS, LINK] = index.entries.length ? index.entries[0].keys() : [];
  const BATCH = 150;
  const list = byId("list");

  // Trees: lines of blocks, split and parsed when they are wanted.
  const lines = new Map(), lowered = new Map();
  const linesOf = (block) => {
    if (!lines.has(block)) lines.set(block, blocks[block].textContent.split("\n"));
    return lines.get(block);
  };
  const treeLine = (at) => linesOf(Math.floor(at / index.block))[at % index.block];
  const loweredLine = (at) => {
    const block = Math.floor(at / index.block);
    if (!lowered.has(block)) lowered.set(block, linesOf(block).map((line) => line.toLowerCase()));
    return lowered.get(block)[at % index.block];
  };
  const escaped = (text) => JSON.stringify(text).slice(1, -1)
    .replace(/[<>&\u0080-\uffff]/g, (one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0")).toLowerCase();

  // Filters
  const controls = { search: byId("search"), layer: byId("layer"), sw: byId("sw"), finding: byId("finding"), func: byId("function") };
  for (const name of [...index.functions].sort()) if (name) controls.func.append(new Option(name));
  const severities = index.entries.map((row) => row[FINDINGS].map((one) => index.findings[one].severity));
  const SW_NONE = "none";
  let shown = [];

  const matcher = () => {
    const wanted = controls.search.value.trim().toLowerCase(), inTree = escaped(wanted);
    const layer = index.layers.indexOf(controls.layer.value), sw = controls.sw.value;
    const finding = controls.finding.value, func = index.functions.indexOf(controls.func.value);
    return (at) => {
      const row = index.entries[at];
      if (controls.layer.value && !row[LAYERS].includes(layer)) return false;
      if (controls.func.value && row[FUNCTION] !== func) return false;
      if (sw === "!" && (row[CHANNEL] === null || row[SW] === "9000")) return false;
      if (sw && sw !== "!" && (row[CHANNEL] === null || (row[SW] ?? SW_NONE) !== sw)) return false;
      if (finding === "*" && !row[FINDINGS].length) return false;
      if (finding && finding !== "*" && !severities[at].includes(finding)) return false;
      if (!wanted) return true;
      return row[TEXT].toLowerCase().includes(wanted)
        || index.functions[row[FUNCTION]].toLowerCase().includes(wanted)
        || row[FINDINGS].some((one) => (index.findings[one].text + " " + index.findings[one].clause).toLowerCase().includes(wanted))
        || loweredLine(at).includes(inTree);
    };
  };

  const apply = () => {
    const matches = matcher();
    shown = [];
    for (let at = 0; at < index.entries.length; at++) if (matches(at)) shown.push(at);
    list.replaceChildren();
    const all = index.entries.length.toLocaleString("en").replaceAll(",", "\u202f");
    const some = shown.length.toLocaleString("en").replaceAll(",", "\u202f");
    byId("count").textContent = shown.length === index.entries.length ? `${all} entries` : `${some} of ${all} entries`;
    extend(BATCH);
  };

  // The list grows as it is scrolled.
  const extend = (size) => {
    const from = list.children.length, to = Math.min(from + size, shown.length);
    const part = document.createDocumentFragment();
    for (let place = from; place < to; place++) part.append(item(shown[place]));
    list.append(part);
    if (unfolded) for (const row of [...list.querySelectorAll(".row[aria-expanded=false]")]) open(row, true);
  };
  const more = byId("more");
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && list.children.length < shown.length) {
      extend(BATCH);
      requestAnimationFrame(() => { if (more.getBoundingClientRect().top < innerHeight + 600) extend(BATCH); });
    }
  }, { rootMargin: "600px" }).observe(more);

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.append(text);
    return element;
  };
  const marked = (element, text) => {
    const wanted = controls.search.value.trim().toLowerCase(), low = text.toLowerCase();
    let from = 0;
    if (wanted && low.length === text.length) {
      for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
        element.append(text.slice(from, at), make("mark", "", text.slice(at, at + wanted.length)));
        from = at + wanted.length;
      }
    }
    element.append(text.slice(from));
    return element;
  };
  const seconds = (micros) => micros === null ? "?" : (micros / 1e6).toFixed(6);
  const quality = (sw) => /^(9000|91|61|9F)/.test(sw) ? "ok" : /^(62|63|6C|93)/.test(sw) ? "warn" : "bad";
  const MARKS = { note: "i", warning: "?", error: "!" }, ORDER = ["note", "warning", "error"];

  const item = (at) => {
    const entry = index.entries[at], holder = make("li"), row = make("button", entry[CHANNEL] === null ? "row happening" : "row");
    holder.id = "e" + entry[NUMBER];
    row.type = "button";
    row.dataset.at = at;
    row.setAttribute("aria-expanded", "false");
    const worst = severities[at].reduce((most, one) => Math.max(most, ORDER.indexOf(one)), -1);
    const mark = make("span", worst < 0 ? "mark" : "mark " + ORDER[worst], worst < 0 ? "" : MARKS[ORDER[worst]]);
    if (worst >= 0) mark.setAttribute("aria-label", ORDER[worst]);
    const step = entry[STEP] === null ? "?" : (entry[STEP] < 0 ? "−" : "+") + seconds(Math.abs(entry[STEP]));
    const sw = entry[CHANNEL] === null ? "" : entry[SW] ?? "––––";
    const what = make("span", "w");
    if (entry[LINK] && index.links.length > 2) what.append(make("span", "who", index.links[entry[LINK]] + ": "));
    marked(what, entry[TEXT]);
    for (const layer of entry[LAYERS].slice(1)) what.append(make("span", "badge", index.layers[layer]));
    row.append(mark, make("span", "n", String(entry[NUMBER])), make("span", "t", seconds(entry[TIME])), make("span", "d", step),
      make("span", "c", entry[CHANNEL] === null ? "" : String(entry[CHANNEL])), make("span", sw ? "s " + quality(sw) : "s", sw),
      what, make("span", "f", entry[TEXT].includes(index.functions[entry[FUNCTION]]) ? "" : index.functions[entry[FUNCTION]]));
    holder.append(row);
    return holder;
  };

  // Trees
  const node = ([name, value = "", layer = "", clause = "", raw = "", children = []], depth, aside = false) => {
    const head = (element) => {
      element.append(marked(make("span", "name"), name));
      if (layer && depth) element.append(make("span", "badge", layer));
      if (value) element.append(marked(make("span", /^[0-9A-F.]{2,}$/.test(value) ? "value hex" : "value"), value));
      if (clause) element.append(make("span", "clause", clause));
      return element;
    };
    if (!children.length && !raw) return head(make("div", "leaf"));
    const holder = make("details", layer ? "layer" : "");
    if (layer) holder.dataset.layer = layer;
    holder.open = Boolean(layer) || (depth < 2 && !aside);
    holder.append(head(make("summary")));
    if (raw) holder.append(marked(make("code", "raw"), raw));
    const layered = children.some((child) => child[2]);  // what a layer inside says matters more than its bytes
    for (const child of children) holder.append(node(child, depth + 1, layered));
    return holder;
  };
  const open = (row, wanted) => {
    if ((row.getAttribute("aria-expanded") === "true") === wanted) return;
    row.setAttribute("aria-expanded", String(wanted));
    if (!wanted) { row.nextElementSibling.remove(); return; }
    const at = Number(row.dataset.at), panel = make("div", "panel");
    for (const one of index.entries[at][FINDINGS]) {
      const { severity, text, clause } = index.findings[one];
      panel.append(make("p", "finding " + severity, `${MARKS[severity]} ${text}${clause ? ` (${clause})` : ""}`));
    }
    panel.append(node(JSON.parse(treeLine(at)), 0));
    row.after(panel);
  };

  // Ways through it
  const clear = () => {
    for (const each of Object.values(controls)) each.value = "";
    apply();
  };
  const reveal = (number) => {
    const at = index.entries.findIndex((entry) => entry[NUMBER] === number);
    if (at < 0) return;
    if (!shown.includes(at)) clear();
    const place = shown.indexOf(at);
    if (place >= list.children.length) extend(place - list.children.length + BATCH);
    const row = list.children[place].firstElementChild;
    open(row, true);
    row.focus({ preventScroll: true });
    list.children[place].scrollIntoView({ block: "start" });
  };
  const follow = () => { const found = /^#e(\d+)$/.exec(location.hash); if (found) reveal(Number(found[1])); };
  const focused = () => document.activeElement?.closest?.("#list > li");
  const move = (way) => {
    const here = focused();
    if (!here) { list.firstElementChild?.firstElementChild.focus(); return; }
    if (way > 0 && !here.nextElementSibling) extend(BATCH);
    (way > 0 ? here.nextElementSibling : here.previousElementSibling)?.firstElementChild.focus();
  };
  const next = () => {
    const here = focused(), from = here ? shown.indexOf(Number(here.firstElementChild.dataset.at)) : -1;
    const found = [...shown.slice(from + 1), ...shown.slice(0, from + 1)].find((at) => index.entries[at][FINDINGS].length);
    if (found !== undefined) reveal(index.entries[found][NUMBER]);
  };
  let unfolded = false;
  const unfold = (wanted) => {
    unfolded = wanted;
    byId("unfold").setAttribute("aria-pressed", String(wanted));
    for (const row of [...list.querySelectorAll(".row")]) open(row, wanted);
  };

  list.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) open(row, row.getAttribute("aria-expanded") !== "true");
  });
  let waiting = 0;
  controls.search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  for (const each of [controls.layer, controls.sw, controls.finding, controls.func]) each.addEventListener("change", apply);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", clear);
  byId("next").addEventListener("click", next);
  byId("unfold").addEventListener("click", () => unfold(!unfolded));
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {  // the same entry once more
    const link = event.target.closest("a[href^='#e']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "Escape" && (typing || focused())) { clear(); event.target.blur(); return; }
    if (typing) return;
    const inList = Boolean(focused());
    const act = { "/": () => controls.search.focus(), n: next, j: () => move(1), k: () => move(-1),
      ArrowDown: inList && (() => move(1)), ArrowUp: inList && (() => move(-1)) }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  addEventListener("beforeprint", () => extend(shown.length));

  // Colours
  const themes = ["auto", "light", "dark"], button = byId("theme");
  const stored = () => { try { return localStorage.getItem("euicc-report-theme"); } catch { return null; } };
  const paint = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
    button.lastElementChild.textContent = theme;
    button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system" : theme}`);
  };
  let theme = themes.includes(stored()) ? stored() : "auto";
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("euicc-report-theme", theme); } catch { /* a file may have no storage */ }
    paint(theme);
  });
  paint(theme);
  apply();
  follow();
})();
