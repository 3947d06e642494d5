// Sorting, filtering, links to a state of a table, a readout for the map of subjects, and which regions scroll.
// Nothing is loaded.
"use strict";

const cellValue = (row, column, kind) => {
  const cell = row.cells[column];
  const text = (cell.dataset.v ?? cell.textContent).trim();
  if (kind === "text") return text.toLocaleLowerCase();
  const number = parseFloat(text);
  return Number.isNaN(number) ? null : number;
};

// rows without a value stay at the end, whichever way the others go
const compare = (a, b, sign) => {
  const [none, other] = [a === null || a === "", b === null || b === ""];
  if (none || other) return none - other;
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
};

const sortBy = (table, head, descending) => {
  const column = head.cellIndex;
  const rows = [...table.tBodies[0].rows];
  const values = new Map(rows.map((row) => [row, cellValue(row, column, head.dataset.sort)]));
  rows.sort((a, b) => compare(values.get(a), values.get(b), descending ? -1 : 1));
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
};

const heads = (table) => [...table.tHead.querySelectorAll("th[data-sort]")];
const formOf = (table) => document.querySelector(`form[data-for="${table.id}"]`);

const applyFilter = (table, form) => {
  const wanted = Object.fromEntries(new FormData(form));
  const words = (wanted.q || "").toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    const found = row.dataset.find.toLocaleLowerCase();
    const kinds = row.dataset.show === "both" ? ["both", "measured", "published"] : [row.dataset.show];
    const visible =
      words.every((word) => found.includes(word)) &&
      (!wanted.show || kinds.includes(wanted.show)) &&
      (!wanted.epoch || row.dataset.epoch === wanted.epoch);
    row.hidden = !visible;
    shown += visible;
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
};

// the state of the page's main table is what follows "#", e.g. #sort=uf1-desc&q=net
const writeLink = (table) => {
  const state = new URLSearchParams();
  const head = table.tHead.querySelector("[aria-sort]");
  if (head) state.set("sort", head.dataset.key + (head.getAttribute("aria-sort") === "descending" ? "-desc" : ""));
  for (const [name, value] of new FormData(formOf(table))) if (value) state.set(name, value);
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
};

const readLink = (table) => {
  const form = formOf(table);
  const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  for (const field of form.elements) if (field.name) field.value = state.get(field.name) ?? "";
  const [key, order] = (state.get("sort") ?? "").split(/-(desc)$/);
  const head = heads(table).find((found) => found.dataset.key === key);
  if (head) sortBy(table, head, order === "desc");
  applyFilter(table, form);
};

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of heads(table)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      // figures are wanted largest first, names and ranks from the start
      const first = head.dataset.sort === "number" && head.dataset.key !== "rank";
      sortBy(table, head, now ? now === "ascending" : first);
      if (table.classList.contains("deep")) writeLink(table);
    });
  }
}

for (const table of document.querySelectorAll("table.deep")) {
  const form = formOf(table);
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    applyFilter(table, form);
    writeLink(table);
  });
  addEventListener("hashchange", () => readLink(table));
  readLink(table);
}

for (const heat of document.querySelectorAll(".heat")) {
  const [output, body] = [heat.querySelector("output"), heat.querySelector("tbody")];
  const people = heat.querySelector(".people").cells;
  const cell = (event) => event.target.closest("td");
  const say = (event) => {
    const found = cell(event);
    if (!found) return;
    const [right, clips] = found.textContent.split("/");
    output.textContent = `${found.parentElement.cells[0].textContent}, ${people[found.cellIndex].textContent}: ${right} of ${clips} right`;
  };
  body.rows[0].cells[1].tabIndex = 0;
  body.addEventListener("pointerover", say);
  body.addEventListener("focusin", say);
  body.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = cell(event);
    if (!step || !from) return;
    event.preventDefault();
    const to = body.rows[from.parentElement.sectionRowIndex + step[0]]?.cells[from.cellIndex + step[1]];
    if (!to || to.tagName !== "TD") return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
}

// the keyboard stops at a region only if it scrolls, and its edge says when there is more
const watch = (region) => {
  const beyond = region.scrollWidth - region.clientWidth;
  if (beyond > 1) region.tabIndex = 0;
  else region.removeAttribute("tabindex");
  region.classList.toggle("more", region.scrollLeft < beyond - 1);
};
const regions = new ResizeObserver((entries) => entries.forEach((entry) => watch(entry.target.closest(".scroll"))));
for (const region of document.querySelectorAll(".scroll")) {
  for (const watched of [region, ...region.children]) regions.observe(watched);
  region.addEventListener("scroll", () => watch(region), { passive: true });
}
