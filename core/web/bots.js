// The list of bots: those that need a person first. One row per bot; a row is only rebuilt when its bot
// has changed.
import { h, fill, refresh } from "./dom.js";
import { call, segment } from "./http.js";
import { poll } from "./poll.js";
import { commandButtons } from "./commands.js";
import { stateChip, stateClass, stateReason, gain, amount, relative, unknown } from "./format.js";

const FILTERS = [
  ["all", "All", () => true],
  ["attention", "Need attention", (b) => ["bad", "doubt"].includes(stateClass(b.state))],
  ["running", "Running", (b) => stateClass(b.state) === "good"],
  ["moving", "Changing", (b) => stateClass(b.state) === "busy"],
  ["quiet", "Stopped", (b) => stateClass(b.state) === "quiet"],
  ["others", "Not made by the bridge", (b) => b.managed === false],
];

const RANK = { bad: 0, doubt: 1, busy: 2, good: 3, quiet: 4 };
const rank = (bot) => RANK[stateClass(bot.state)] + (bot.managed === false ? 10 : 0);

function inOrder(bots) {
  return [...bots].sort((a, b) => rank(a) - rank(b) || String(a.name).localeCompare(String(b.name)) || (a.id < b.id ? -1 : 1));
}

export function profitCell(bot) {
  if (!bot.pnl || bot.pnl.length === 0) return bot.state === "stopped" || bot.state === "failed" ? h("span", { class: "unknown" }, "not reported") : unknown();
  return bot.pnl.map((p) => h("div", { class: "profit" }, gain(p.net, p.quote || "?"),
    p.return_pct !== null && p.return_pct !== undefined ? h("span", { class: "help" }, " ", gain(p.return_pct, "%", 2)) : null,
    p.stale ? h("span", { class: "tag" }, "old") : null, p.final ? h("span", { class: "tag" }, "final") : null,
    h("div", { class: "help" }, p.fees === null || p.fees === undefined ? null : ["fees ", amount(p.fees), ", "], "volume ", amount(p.volume, 2))));
}

export function asOfCell(bot) {
  const at = (bot.instance_pnl || bot.pnl || []).map((p) => p.as_of).filter(Boolean).sort()[0];
  return at ? relative(at) : bot.last_seen ? relative(bot.last_seen) : unknown();
}

function cells(bot, view) {
  const full = view.full;
  const reason = stateReason(bot);
  const cell = (label, content, className) => h("td", { "data-label": label, class: className }, h("div", null, content));
  return [
    h("th", { scope: "row" },
      h("a", { href: "#/bots/" + segment(bot.id), "data-key": "open " + bot.id }, bot.name || bot.id),
      bot.managed === false ? h("span", { class: "tag" }, "not made by the bridge") : null,
      full && bot.instance && bot.instance !== bot.name ? h("div", { class: "help instance" }, bot.instance) : null),
    cell("Runs", full ? [bot.exchange || unknown(), h("div", { class: "help" }, bot.strategy || "unknown strategy")] : bot.exchange || unknown()),
    cell("Pair", bot.pair || unknown(), (bot.pair || "").length < 16 ? "whole" : null),
    cell("State", [stateChip(bot.state), reason ? h("div", { class: "help" }, reason) : null]),
    cell("Profit", profitCell(bot), "right"),
    cell("As of", asOfCell(bot), "whole"),
    view.may ? cell("", h("div", { class: "row-buttons" }, commandButtons(bot, true, view.done, ["start", "stop", "delete"])), "right") : null,
  ];
}

function emptyText(view, all) {
  if (all > 0) return h("p", { class: "card" }, "No bot fits this choice.");
  return h("p", { class: "card" }, "There are no bots. ", view.may ? h("a", { href: "#/new" }, "Make the first one.") : null);
}

export function showBots(main, session, news) {
  const view = {
    full: session.may, may: session.may,
    done(verb, answer) {
      if (verb !== "delete" && answer.id) location.hash = "#/bots/" + segment(answer.id);
      else watch.now();
    },
  };
  const rows = new Map();
  const body = h("tbody");
  const columns = ["Bot", "Runs", "Pair", "State", "Profit", "As of"].concat(session.may ? [""] : []);
  const table = h("div", { class: "card table-card", hidden: true }, h("table", { class: "bots" },
    h("caption", { class: "sr" }, "Bots, those that need attention first"),
    h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col", class: c === "Profit" ? "right" : null }, c || h("span", { class: "sr" }, "Commands"))))),
    body));
  const empty = h("div"), filters = h("div", { class: "filters", role: "group", "aria-label": "Which bots" });
  const search = h("input", { type: "search", class: "input", "aria-label": "Search bots by name, pair or instance", placeholder: "Search", oninput: () => draw() });
  let bots = null, etag = null, chosen = "all";

  function filterButtons(counts) {
    return FILTERS.filter(([id]) => id === "all" || id === chosen || counts[id] > 0).map(([id, label]) => h("button", {
      type: "button", "data-key": "filter " + id, "aria-pressed": String(id === chosen),
      onclick() {
        chosen = id;
        draw();
      },
    }, label + " ", h("span", { class: "count" }, counts[id])));
  }

  function draw() {
    if (!bots) return;
    const counts = Object.fromEntries(FILTERS.map(([id, , test]) => [id, bots.filter(test).length]));
    refresh(filters, { counts, chosen }, () => filterButtons(counts));
    const test = FILTERS.find(([id]) => id === chosen)[2], text = search.value.trim().toLowerCase();
    const shown = inOrder(bots.filter((b) => test(b) &&
      (!text || [b.name, b.pair, b.instance, b.exchange, b.strategy].some((v) => String(v || "").toLowerCase().includes(text)))));
    for (const [id, row] of rows) {
      if (shown.some((b) => b.id === id)) continue;
      row.remove();
      rows.delete(id);
    }
    shown.forEach((bot, i) => {
      if (!rows.has(bot.id)) rows.set(bot.id, h("tr"));
      const row = rows.get(bot.id);
      row.className = bot.managed === false ? "unmanaged" : "";
      refresh(row, bot, () => cells(bot, view));
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] || null);
    });
    table.hidden = shown.length === 0;
    fill(empty, shown.length === 0 ? emptyText(view, bots.length) : null);
    search.hidden = bots.length < 8 && !text;
  }

  async function everything() {
    const first = await call("GET", "bots", { etag });
    if (first.status === 304) return null;
    etag = first.etag;
    const all = [...(first.data.bots || [])];
    for (let next = first.data.next_cursor; next;) {
      const page = (await call("GET", "bots?cursor=" + segment(next))).data;
      all.push(...(page.bots || []));
      next = page.next_cursor;
    }
    news.list(first.data.stale_since);
    return all;
  }

  fill(main,
    h("div", { class: "title-row" }, h("h1", null, "Bots"),
      session.may ? h("div", { class: "row-buttons" }, h("a", { class: "button danger-quiet", href: "#/stop-all" }, "Stop everything…"),
        h("a", { class: "button primary", href: "#/new" }, "New bot")) : null),
    h("div", { class: "tools" }, filters, search),
    table, empty);
  fill(empty, h("p", { class: "help" }, "Reading the bots…"));

  const watch = poll(async () => {
    const all = await everything();
    if (!all) return false;
    bots = all;
    draw();
    return true;
  }, { first: 2, most: 4, failed: news.failed, worked: news.worked });
  return watch.stop;
}
