// Draws the tables and the painted text from the JSON in #data. Corpus and model text is only ever set as text.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const ROWS = window.matchMedia("(max-width: 40rem)").matches ? 10 : 25; // of a table page
  const SENTENCES = 120; // of a text page
  const CELLS = 240; // of the strip
  const CONTEXT = 160; // characters on either side of an evidence span
  const STEPS = [0, 1, 4, 8, 16];
  const number = (value) => value.toLocaleString("en");

  /** Make an element; attributes are set as they are, children are nodes or text. */
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  /** Split text around the first occurrence of a needle, which is marked. */
  function marked(text, needle) {
    const at = needle ? text.toLowerCase().indexOf(needle.toLowerCase()) : -1;
    if (at < 0 || text.toLowerCase().length !== text.length) return [text];
    const end = at + needle.length;
    return [text.slice(0, at), el("mark", {}, text.slice(at, end)), text.slice(end)];
  }

  function step(questions) {
    let found = 0;
    STEPS.forEach((fewest, position) => { if (questions >= fewest) found = position; });
    return found;
  }

  /** A paged table over columns: search words, facets, rows that open. */
  class Listing {
    constructor(root, { length, text, facets, row, detail }) {
      Object.assign(this, { root, length, text, facets, row, detail, page: 0, open: -1, haystack: null });
      this.search = root.querySelector("input[type=search]");
      this.body = root.querySelector("tbody");
      this.output = root.querySelector("output");
      this.selects = [...root.querySelectorAll("select[data-facet]")];
      this.labels = [...root.querySelectorAll("thead th")].map((cell) => cell.textContent);
      this.selects.forEach((select) => this.fill(select));
      root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
      root.querySelector("form").addEventListener("input", () => this.refresh());
      root.querySelectorAll("button[data-step]").forEach((button) =>
        button.addEventListener("click", () => this.turn(Number(button.dataset.step))));
      this.refresh();
    }

    fill(select) {
      const value = this.facets[select.dataset.facet];
      const counts = new Map();
      for (let i = 0; i < this.length; i += 1) counts.set(value(i), (counts.get(value(i)) || 0) + 1);
      select.append(el("option", { value: "" }, `any (${number(this.length)})`));
      for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1]))
        select.append(el("option", { value: `=${name}` }, `${name} (${number(count)})`));
      if (counts.size < 2) select.closest("label").hidden = true;
    }

    words() {
      return this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    }

    refresh() {
      const words = this.words();
      const chosen = this.selects.filter((s) => s.value).map((s) => [this.facets[s.dataset.facet], s.value.slice(1)]);
      if (words.length && !this.haystack)
        this.haystack = Array.from({ length: this.length }, (_, i) => this.text(i).toLowerCase());
      this.hits = [];
      for (let i = 0; i < this.length; i += 1)
        if (chosen.every(([value, wanted]) => value(i) === wanted) && words.every((word) => this.haystack[i].includes(word)))
          this.hits.push(i);
      this.page = 0;
      this.open = -1;
      this.draw();
    }

    turn(by) {
      this.page += by;
      this.open = -1;
      this.draw();
      this.root.scrollIntoView({ block: "start" });
    }

    /** Set facets by name, clear all others. */
    filter(values) {
      this.search.value = "";
      this.selects.forEach((select) => { select.value = values[select.dataset.facet] ? `=${values[select.dataset.facet]}` : ""; });
      this.refresh();
    }

    /** Show one row, opened, whatever the filters say. */
    reveal(i) {
      this.filter({});
      this.page = Math.floor(i / ROWS);
      this.open = i;
      this.draw();
      this.body.querySelector("tr.open").scrollIntoView({ block: "center" });
    }

    draw() {
      const first = this.page * ROWS;
      const shown = this.hits.slice(first, first + ROWS);
      this.body.replaceChildren(...shown.flatMap((i) => this.rows(i)));
      if (!shown.length) this.body.append(el("tr", {}, el("td", { colspan: this.labels.length, class: "none" }, "Nothing matches.")));
      this.output.textContent = shown.length
        ? `${number(first + 1)}–${number(first + shown.length)} of ${number(this.hits.length)}` +
          (this.hits.length < this.length ? `, out of ${number(this.length)} in all` : "")
        : `0 of ${number(this.length)}`;
      const [back, on] = this.root.querySelectorAll("button[data-step]");
      back.disabled = this.page === 0;
      on.disabled = first + ROWS >= this.hits.length;
    }

    rows(i) {
      const opened = i === this.open;
      const line = el("tr", { class: opened ? "row open" : "row" });
      this.row(i, this.words()).forEach((cell, position) =>
        line.append(el("td", { "data-label": this.labels[position], class: cell.name || "" }, ...cell.content)));
      const question = line.querySelector(".question");
      question.replaceChildren(el("button", { type: "button", class: "open", "aria-expanded": opened }, ...question.childNodes));
      line.addEventListener("click", () => {
        if (String(window.getSelection())) return; // someone is selecting text to copy
        this.open = opened ? -1 : i;
        this.draw();
        const again = this.body.querySelector("tr.open button.open");
        if (again) again.focus({ preventScroll: true });
      });
      if (!opened) return [line];
      return [line, el("tr", { class: "detail" }, el("td", { colspan: this.labels.length }, ...this.detail(i)))];
    }
  }

  // -- Pairs ---------------------------------------------------------------------------------------------------------

  const pairs = data.pairs;
  const named = (columns, column) => (i) => columns.names[column][columns[column][i]];
  const of = Object.fromEntries(["form", "kind", "split", "source", "generator"].map((column) => [column, named(pairs, column)]));
  let listing = null;
  let reader = null;

  function pairRow(i, words) {
    return [
      { name: "question", content: words.length ? marked(pairs.question[i], words[0]) : [pairs.question[i]] },
      { content: words.length ? marked(pairs.answer[i], words[0]) : [pairs.answer[i]] },
      { name: "narrow", content: [of.form(i)] },
      { name: "narrow", content: [of.split(i)] },
    ];
  }

  function evidence(i) {
    const start = pairs.start[i], end = pairs.end[i];
    const text = data.documents[pairs.document[i]].text;
    let before = text.slice(Math.max(0, start - CONTEXT), start).split(/\n\s*\n/).pop();
    let after = text.slice(end, end + CONTEXT).split(/\n\s*\n/)[0];
    if (before.length === CONTEXT) before = before.replace(/^\S*/, "…");
    if (after.length === CONTEXT) after = after.replace(/\S*$/, "…");
    return el("p", { class: "evidence" }, el("span", { class: "around" }, before),
      el("span", { class: "span" }, ...marked(text.slice(start, end), pairs.answer[i])), el("span", { class: "around" }, after));
  }

  function section(document, offset) {
    const passed = document.sections.filter(([start]) => start <= offset);
    return passed.length ? passed[passed.length - 1][1] : "";
  }

  function pairDetail(i) {
    const has = pairs.start[i] >= 0;
    const place = has
      ? [section(data.documents[pairs.document[i]], pairs.start[i]), `characters ${number(pairs.start[i])}–${number(pairs.end[i])}`]
      : [];
    const facts = [of.source(i), ...place, of.kind(i), `made by ${of.generator(i)}`, `pair ${pairs.id[i]}`].filter(Boolean).join(" · ");
    const nodes = [has ? evidence(i) : null, el("p", { class: "where" }, facts)];
    const twin = pairs.twin[i];
    if (twin >= 0) nodes.push(el("p", {}, "Made from: ", link(pairs.question[twin], () => listing.reveal(twin)), ` ${pairs.answer[twin]}`));
    if (has) nodes.push(el("p", {}, link("Show it in the text", () => reader.goTo(pairs.document[i], pairs.start[i]))));
    return nodes.filter(Boolean);
  }

  function link(text, act) {
    const button = el("button", { type: "button", class: "link" }, text);
    button.addEventListener("click", (event) => { event.stopPropagation(); act(); });
    return button;
  }

  function startPairs() {
    const root = document.querySelector("[data-listing=pairs]");
    if (!root) return;
    listing = new Listing(root, {
      length: pairs.id.length,
      text: (i) => `${pairs.question[i]}\n${pairs.answer[i]}`,
      facets: { form: of.form, kind: of.kind, split: of.split, generator: of.generator, source: of.source },
      row: pairRow,
      detail: pairDetail,
    });
  }

  // -- Probes --------------------------------------------------------------------------------------------------------

  const probes = data.probes;

  function answerCell(model, i) {
    const answer = (probes.answers[model] || [])[i];
    if (!answer) return { content: [el("span", { class: "none" }, "not asked")] };
    const [response, verdict, right] = answer;
    return { content: [el("span", { class: `verdict ${right ? "right" : "amiss"}` }, verdict), " ", el("span", { class: "response" }, response || "(nothing)")] };
  }

  function change(i) {
    const base = (probes.answers.base || [])[i], tuned = (probes.answers.tuned || [])[i];
    if (!base || !tuned) return "one model only";
    if (base[2] === tuned[2]) return base[2] ? "right in both" : "wrong in both";
    return tuned[2] ? "mended by tuning" : "broken by tuning";
  }

  function outcome(i) {
    const tuned = (probes.answers.tuned || [])[i];
    return tuned ? (tuned[2] ? "right" : "wrong") : "not asked";
  }

  function probeDetail(i) {
    const due = probes.accepted[i] === null ? "Right answer: to decline." : `Right answer: ${probes.accepted[i].join(" / ")}`;
    const nodes = [el("p", {}, due)];
    for (const model of probes.models) {
      const answer = probes.answers[model][i];
      if (!answer) continue;
      const margin = answer[3] === null ? "" : ` Refusal margin ${answer[3].toFixed(2)} nats.`;
      nodes.push(el("p", {}, el("b", {}, model), ` ${answer[1]}: `, el("span", { class: "full" }, answer[0] || "(nothing)"), el("small", {}, margin)));
    }
    nodes.push(el("p", { class: "where" }, `probe ${probes.id[i]}${probes.source[i] ? ` · Source: ${probes.source[i]}` : ""}`));
    return nodes;
  }

  function startProbes() {
    const root = document.querySelector("[data-listing=probes]");
    if (!root) return;
    const category = named(probes, "category");
    const table = new Listing(root, {
      length: probes.id.length,
      text: (i) => [probes.question[i], ...probes.models.map((model) => (probes.answers[model][i] || [""])[0])].join("\n"),
      facets: { category, verdict: (i) => ((probes.answers.tuned || [])[i] || ["", "not asked"])[1], outcome, change },
      row: (i, words) => [
        { name: "narrow", content: [category(i)] },
        { name: "question", content: words.length ? marked(probes.question[i], words[0]) : [probes.question[i]] },
        answerCell("base", i),
        answerCell("tuned", i),
      ],
      detail: probeDetail,
    });
    document.querySelectorAll("a[data-category]").forEach((anchor) => anchor.addEventListener("click", () =>
      table.filter({ category: anchor.dataset.category, outcome: "wrong" in anchor.dataset ? "wrong" : "" })));
  }

  // -- The painted text ----------------------------------------------------------------------------------------------

  class Reader {
    constructor(root) {
      Object.assign(this, { root, document: 0, page: 0, chosen: -1 });
      this.prose = root.querySelector(".prose");
      this.aside = root.querySelector(".asked");
      this.strip = root.querySelector(".strip");
      this.bare = root.querySelector(".bare");
      this.select = root.querySelector("select[data-document]");
      this.show = root.querySelector("select[data-show]");
      data.documents.forEach((each, i) => this.select.append(el("option", { value: i }, each.title)));
      if (data.documents.length < 2) this.select.closest("label").hidden = true;
      this.select.addEventListener("change", () => this.load(Number(this.select.value)));
      this.show.addEventListener("change", () => this.load(this.document));
      root.querySelectorAll("button[data-step]").forEach((button) =>
        button.addEventListener("click", () => this.turn(this.page + Number(button.dataset.step))));
      root.querySelectorAll("button[data-offset]").forEach((button) =>
        button.addEventListener("click", () => this.goTo(Number(button.dataset.document), Number(button.dataset.offset))));
      if (data.documents.length) this.load(0);
    }

    sentence(i) {
      const flat = data.documents[this.document].sentences;
      return { start: flat[4 * i], end: flat[4 * i + 1], questions: flat[4 * i + 2], askable: flat[4 * i + 3] === 1 };
    }

    load(position) {
      this.document = position;
      const count = data.documents[position].sentences.length / 4;
      const every = Array.from({ length: count }, (_, i) => i);
      const bare = (i) => this.sentence(i).askable && this.sentence(i).questions === 0;
      this.listed = this.show.value === "bare" ? every.filter(bare) : every;
      this.page = 0;
      this.close();
      this.drawStrip(every);
      this.draw();
    }

    turn(page) {
      this.page = page;
      this.close();
      this.draw();
      this.root.scrollIntoView({ block: "start" });
    }

    colour(i) {
      const { questions, askable } = this.sentence(i);
      return askable ? `step${step(questions)}` : "unasked";
    }

    drawStrip(every) {
      const size = Math.ceil(every.length / CELLS) || 1;
      const cells = [];
      for (let first = 0; first < every.length; first += size) {
        const group = every.slice(first, first + size).map((i) => this.sentence(i)).filter((each) => each.askable);
        const mean = group.reduce((sum, each) => sum + each.questions, 0) / (group.length || 1);
        const colour = group.length ? `step${step(mean > 0 ? Math.max(1, mean) : 0)}` : "unasked";
        const title = `sentence ${number(first + 1)}: ${mean.toFixed(1)} questions each`;
        const cell = el("button", { type: "button", class: colour, title, tabindex: -1, "aria-label": title });
        cell.addEventListener("click", () => this.goTo(this.document, this.sentence(first).start));
        cells.push(cell);
      }
      this.strip.replaceChildren(...cells);
    }

    draw() {
      const text = data.documents[this.document].text;
      const shown = this.listed.slice(this.page * SENTENCES, (this.page + 1) * SENTENCES);
      const breaks = /\n\s*\n/.test(text) ? /\n\s*\n|\f/ : /\n|\f/;
      const paragraphs = [];
      let last = -1;
      for (const i of shown) {
        const { start, end } = this.sentence(i);
        const gap = last < 0 ? "" : text.slice(last, start);
        const mark = data.documents[this.document].sections.filter(([at]) => at > last && at <= start).pop();
        if (mark) paragraphs.push(el("p", { class: "section" }, mark[1]));
        if (last < 0 || mark || this.show.value === "bare" || breaks.test(gap)) paragraphs.push(el("p", {}));
        else paragraphs[paragraphs.length - 1].append(gap);
        paragraphs[paragraphs.length - 1].append(this.span(i, text.slice(start, end)));
        last = end;
      }
      if (!shown.length) paragraphs.push(el("p", { class: "none" }, "Every sentence that states something got a question."));
      this.prose.replaceChildren(...paragraphs);
      this.drawPager(shown.length);
    }

    span(i, text) {
      const { questions, askable } = this.sentence(i);
      const title = askable ? `${questions} question${questions === 1 ? "" : "s"}` : "states nothing to ask about";
      const node = el("span", { class: `s ${this.colour(i)}`, role: "button", tabindex: 0, title, "data-sentence": i }, text);
      node.addEventListener("click", () => this.choose(i));
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        this.choose(i);
      });
      return node;
    }

    drawPager(count) {
      const first = this.page * SENTENCES;
      const pages = Math.ceil(this.listed.length / SENTENCES);
      this.root.querySelector("output").textContent = count
        ? `sentences ${number(first + 1)}–${number(first + count)} of ${number(this.listed.length)}` : "";
      const [back, on] = this.root.querySelectorAll(".pager button");
      back.disabled = this.page === 0;
      on.disabled = this.page >= pages - 1;
      this.root.querySelector(".pager").hidden = pages < 2;
    }

    close() {
      this.aside.hidden = true;
      this.bare.hidden = false;
      this.prose.querySelectorAll(".s.chosen").forEach((node) => node.classList.remove("chosen"));
    }

    choose(i) {
      this.close();
      const { start, end } = this.sentence(i);
      const about = [];
      for (let p = 0; p < pairs.id.length; p += 1)
        if (pairs.document[p] === this.document && pairs.start[p] >= 0 && pairs.start[p] < end && pairs.end[p] > start) about.push(p);
      this.prose.querySelector(`[data-sentence="${i}"]`).classList.add("chosen");
      const items = about.slice(0, 60).map((p) =>
        el("li", {}, link(pairs.question[p], () => listing.reveal(p)), el("span", { class: "a" }, pairs.answer[p]), el("small", {}, of.form(p))));
      const more = about.length > 60 ? el("p", { class: "note" }, `and ${number(about.length - 60)} more`) : null;
      const heading = el("h3", {}, about.length === 1 ? "1 question" : `${number(about.length)} questions`);
      const quote = el("p", { class: "quote" }, data.documents[this.document].text.slice(start, end));
      this.aside.replaceChildren(...[link("Close", () => this.close()), heading, quote, el("ol", {}, ...items), more].filter(Boolean));
      this.aside.hidden = false;
      this.bare.hidden = true;
    }

    goTo(position, offset) {
      this.show.value = "all";
      this.select.value = String(position);
      if (position !== this.document || this.listed.length !== data.documents[position].sentences.length / 4) this.load(position);
      const i = this.listed.findIndex((each) => this.sentence(each).end > offset);
      this.page = Math.floor(i / SENTENCES);
      this.draw();
      this.choose(i);
      this.prose.querySelector(".chosen").scrollIntoView({ block: "center" });
    }
  }

  startPairs();
  startProbes();
  const readerRoot = document.querySelector("[data-reader]");
  if (readerRoot) reader = new Reader(readerRoot);
  window.addEventListener("beforeprint", () => document.querySelectorAll("section > details").forEach((each) => { each.open = true; }));
  document.documentElement.dataset.ready = "true";
})();
