// One item after another: a key decides, the server answers when the decision is on the disk, the next item comes up.
// Text of a corpus or a model is only ever set as text.
"use strict";
(() => {
  const ROWS = 150; // of the list at once, around the current item
  const CONTEXT = 260; // characters on either side of an evidence span
  const MARKS = { accept: "✓", edit: "✎", reject: "✗" };
  const WORDS = { accept: "accepted", edit: "edited", reject: "rejected", "": "undecided" };
  const FIELDS = { pair: ["question", "answer", "statement"], probe: ["question", "accepted"] };
  const key = new URLSearchParams(location.hash.slice(1)).get("key") || "";
  const $ = (selector) => document.querySelector(selector);
  const search = $("input[type=search]"), list = $("nav ol"), card = $("article"), told = $(".told");
  const selects = [...document.querySelectorAll("select[data-facet]")];
  const facets = { decided: (item) => WORDS[item.decision], status: (item) => item.status, form: (item) => item.form || item.category };
  const state = { data: null, target: "pair", hits: [], at: 0, editing: false };
  let queue = Promise.resolve(); // keys pressed faster than the disk writes wait for their turn

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  }

  function tell(text, amiss) {
    told.textContent = text;
    told.classList.toggle("amiss", Boolean(amiss));
  }

  async function call(path, body) {
    const options = { headers: { "X-Closedbook-Key": key } };
    if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) }).headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("no answer from closedbook: is `closedbook review` still running?");
    }
    if (response.ok) return response.json();
    const text = await response.text();
    let detail = text;
    try { detail = JSON.parse(text).detail; } catch { /* a plain sentence */ }
    throw new Error(typeof detail === "string" ? detail : "the decision could not be read; load the page anew");
  }

  // -- The list ------------------------------------------------------------------------------------------------------

  const items = () => state.data[`${state.target}s`];
  const current = () => state.hits[state.at];
  const said = (item, name) => (name in item.changes ? item.changes[name] : item[name]);
  const text = (item) => `${said(item, "question")}\n${said(item, "answer") || (said(item, "accepted") || []).join("\n")}`.toLowerCase();

  function fill() {
    for (const select of selects) {
      const counts = new Map();
      for (const item of items()) counts.set(facets[select.dataset.facet](item), (counts.get(facets[select.dataset.facet](item)) || 0) + 1);
      const chosen = select.value;
      select.replaceChildren(el("option", { value: "" }, `any (${items().length})`),
        ...[...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => el("option", { value: `=${name}` }, `${name} (${count})`)));
      select.closest("label").hidden = counts.size < 2 && !chosen;
      select.value = [...select.options].some((option) => option.value === chosen) ? chosen : "";
    }
  }

  /** Choose what is listed; the item that was current stays so where it can. */
  function refresh() {
    const before = current();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.filter((select) => select.value).map((select) => [facets[select.dataset.facet], select.value.slice(1)]);
    state.hits = items().filter((item) => wanted.every(([facet, value]) => facet(item) === value) && words.every((word) => text(item).includes(word)));
    state.at = Math.max(0, state.hits.indexOf(before));
    draw();
  }

  function draw() {
    drawList();
    drawCard();
    drawProgress();
  }

  function drawList() {
    const first = Math.max(0, Math.min(state.at - ROWS / 2, state.hits.length - ROWS));
    const shown = state.hits.slice(first, first + ROWS);
    const rest = state.hits.length - first - shown.length;
    list.replaceChildren(first ? el("li", { class: "more" }, `${first.toLocaleString("en")} before`) : "",
      ...shown.map((item, i) => row(item, first + i)),
      rest > 0 ? el("li", { class: "more" }, `${rest.toLocaleString("en")} after`) : "");
    const now = list.querySelector("[aria-current]");
    if (now) now.scrollIntoView({ block: "nearest" });
  }

  function row(item, position) {
    const button = el("button", { type: "button", tabindex: -1 }, el("span", { class: "mark" }, MARKS[item.decision] || "·"), el("span", { class: "q" }, said(item, "question")));
    button.addEventListener("click", () => go(position));
    const line = el("li", { class: item.decision === "reject" ? "reject rejected" : item.decision || "open" }, button);
    if (position === state.at) line.setAttribute("aria-current", "true");
    return line;
  }

  function drawProgress() {
    const done = items().filter((item) => item.decision).length;
    $("meter").max = Math.max(1, items().length);
    $("meter").value = done;
    $("header output").textContent = `${done.toLocaleString("en")} of ${items().length.toLocaleString("en")} decided`;
    for (const button of document.querySelectorAll("[data-act]")) button.disabled = !current() || (button.dataset.act === "clear" && !current().decision);
  }

  // -- The card ------------------------------------------------------------------------------------------------------

  function drawCard() {
    const item = current();
    if (!item) {
      card.replaceChildren(el("p", { class: "none" }, items().length ? "Nothing matches." : "There is nothing of this kind: the corpus has no probes.jsonl beside it."));
      return;
    }
    const left = item.status === "kept" ? "" : item.status;
    const state_ = el("span", { class: `state ${item.decision}` }, WORDS[item.decision]);
    card.replaceChildren(
      el("p", { class: "meta" }, state_, el("span", {}, item.form || item.category), item.kind ? el("span", {}, item.kind) : null, item.source ? el("span", {}, `Source: ${item.source}`) : null, left ? el("span", {}, left) : null),
      ...(state.editing ? [editor(item)] : state.target === "pair" ? pairCard(item) : probeCard(item)));
    card.scrollTop = 0;
  }

  const term = (name, ...content) => [el("dt", {}, name), el("dd", {}, ...content)];

  function was(item, name) {
    return name in item.changes ? el("p", { class: "was" }, String(Array.isArray(item[name]) ? item[name].join(" / ") : item[name])) : null;
  }

  function pairCard(item) {
    const twin = item.twin && state.data.pairs.find((each) => each.id === item.twin);
    return [
      el("h2", {}, said(item, "question")), was(item, "question"),
      el("p", { class: "answer" }, said(item, "answer")), was(item, "answer"),
      el("dl", {},
        ...(said(item, "statement") ? term("It will recite", said(item, "statement"), was(item, "statement")) : []),
        ...(item.start >= 0 && item.document >= 0 ? term("Evidence", ...evidence(item)) : []),
        ...(twin ? term("Twin of", `${twin.question} ${twin.answer}`) : []),
        ...(twin && twin.start >= 0 && twin.document >= 0 ? term("Its evidence", ...evidence(twin)) : []),
        ...term("Made by", item.generator)),
    ].filter(Boolean);
  }

  function evidence(item, answer = said(item, "answer")) {
    const { text: whole, sections } = state.data.documents[item.document];
    const where = sections.filter(([start]) => start <= item.start).pop();
    const span = whole.slice(item.start, item.end);
    const at = span.toLowerCase().indexOf(answer.toLowerCase());
    const end = at + answer.length;
    const inside = at >= 0 && span.toLowerCase().length === span.length ? [span.slice(0, at), el("mark", {}, span.slice(at, end)), span.slice(end)] : [span];
    let before = whole.slice(Math.max(0, item.start - CONTEXT), item.start).split(/\n\s*\n/).pop();
    let after = whole.slice(item.end, item.end + CONTEXT).split(/\n\s*\n/)[0];
    if (before.length === CONTEXT) before = before.replace(/^\S*/, "…");
    if (after.length === CONTEXT) after = after.replace(/\S*$/, "…");
    return [
      el("div", { class: "evidence" }, el("span", { class: "around" }, before), el("span", { class: "span" }, ...inside), el("span", { class: "around" }, after)),
      el("small", {}, `${where ? `${where[1]}, ` : ""}characters ${item.start.toLocaleString("en")}–${item.end.toLocaleString("en")}`),
    ];
  }

  function probeCard(item) {
    const accepted = said(item, "accepted");
    return [
      el("h2", {}, said(item, "question")), was(item, "question"),
      el("p", { class: "answer" }, accepted === null ? "Right: to decline" : accepted.join(" / ")), was(item, "accepted"),
      el("dl", {}, ...item.answers.flatMap(([model, response, verdict]) => term(`${model} said`, response || "(nothing)", " ", el("small", {}, verdict))), ...term("Probe", item.id)),
    ].filter(Boolean);
  }

  function editor(item) {
    const form = el("form", { class: "editing" });
    for (const name of FIELDS[state.target]) {
      const value = said(item, name);
      if (value === null || (name === "statement" && value === "")) continue; // a refusal recites nothing, a probe's may be right
      const area = el("textarea", { name, rows: name === "question" ? 2 : 3, spellcheck: "true" });
      area.value = Array.isArray(value) ? value.join("\n") : value;
      const hint = { statement: "statement, what the model will recite", accepted: "accepted answers, one a line" }[name] || name;
      form.append(el("label", {}, hint, area));
    }
    form.append(el("button", { type: "submit" }, el("kbd", {}, "Ctrl Enter"), "Store the edit"), cancel());
    form.addEventListener("submit", (event) => { event.preventDefault(); storeEdit(form); });
    queueMicrotask(() => form.querySelector("textarea").focus());
    return form;
  }

  function cancel() {
    const button = el("button", { type: "button" }, el("kbd", {}, "Esc"), "Leave it");
    button.addEventListener("click", stopEditing);
    return button;
  }

  function stopEditing() {
    state.editing = false;
    tell("");
    drawCard();
  }

  function storeEdit(form) {
    const changes = {};
    for (const area of form.querySelectorAll("textarea"))
      changes[area.name] = area.name === "accepted" ? area.value.split("\n").map((line) => line.trim()).filter(Boolean) : area.value;
    queue = queue.then(() => decide("edit", changes));
  }

  // -- What one does -------------------------------------------------------------------------------------------------

  async function decide(action, changes = {}) {
    const item = current(), target = state.target;
    if (!item) return;
    try {
      const { decided, changes: stored } = await call("/api/decisions", { target, id: item.id, action, changes });
      item.decision = action === "clear" ? "" : action;
      item.changes = stored;
      state.editing = false;
      tell(`${action === "clear" ? "taken back" : WORDS[action]}, stored: ${said(item, "question")} (${decided.toLocaleString("en")} decided)`);
      fill();
      next(item, action);
    } catch (error) {
      tell(`Not stored: ${error.message}`, true);
    }
  }

  /** Come to the item after the one decided; where the filters drop that one from the list, the same place holds the next. */
  function next(item, action) {
    const at = state.at;
    refresh();
    const still = state.hits[at] === item;
    state.at = Math.max(0, Math.min(at + (still && action !== "clear" ? 1 : 0), state.hits.length - 1));
    draw();
  }

  function go(position) {
    state.at = Math.max(0, Math.min(position, state.hits.length - 1));
    state.editing = false;
    draw();
  }

  const ACTS = {
    accept: () => decide("accept"), reject: () => decide("reject"), clear: () => current() && current().decision && decide("clear"),
    edit: () => { if (current()) { state.editing = true; tell(""); drawCard(); } },
    back: () => go(state.at - 1), on: () => go(state.at + 1),
  };
  const perform = (act) => { queue = queue.then(ACTS[act]); };
  const KEYS = { a: "accept", r: "reject", e: "edit", u: "clear", k: "back", j: "on", ArrowUp: "back", ArrowDown: "on" };

  function show(target) {
    Object.assign(state, { target, at: 0, editing: false });
    for (const tab of document.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.target === target));
    search.value = "";
    selects.forEach((select) => { select.value = ""; });
    fill();
    state.hits = items();
    state.at = Math.max(0, state.hits.findIndex((item) => !item.decision));
    draw();
  }

  document.addEventListener("keydown", (event) => {
    if (!state.data) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape" && typing) { if (state.editing) stopEditing(); else event.target.blur(); return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && state.editing) { storeEdit(card.querySelector("form")); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); return; }
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); perform(act); }
  });
  document.querySelectorAll("[data-act]").forEach((button) => button.addEventListener("click", () => perform(button.dataset.act)));
  document.querySelectorAll("[role=tab]").forEach((tab) => tab.addEventListener("click", () => show(tab.dataset.target)));
  $(".filters").addEventListener("submit", (event) => event.preventDefault());
  $(".filters").addEventListener("input", refresh);

  call("/api/items").then((data) => {
    state.data = data;
    $("h1").textContent = data.name;
    document.title = `${data.name} · review`;
    show("pair");
    document.documentElement.dataset.ready = "true";
  }).catch((error) => tell(error.message, true));
})();
