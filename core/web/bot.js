// One bot: what it is doing, its operation step by step, profit per quote, positions, translated errors,
// parameters, log lines.
import { h, fill, refresh, announce } from "./dom.js";
import { call, get, segment } from "./http.js";
import { poll } from "./poll.js";
import { commandButtons } from "./commands.js";
import { showOperation, operationTitle } from "./operation.js";
import { definitions, parameterRows, valueText } from "./plan.js";
import { changeLists } from "./change.js";
import { profitCell } from "./bots.js";
import {
  stateChip, stateReason, gain, amount, relative, dateTime, clockTime, unknown, operationOpen, operationChip, titleCase, plainWords,
} from "./format.js";

const orUnknown = (value) => (value === null || value === undefined || value === "" ? unknown() : String(value));

function head(bot, session, done) {
  const reason = stateReason(bot);
  return [
    h("div", { class: "title-row" }, h("h1", null, bot.name || bot.id), h("div", { class: "row-buttons" }, commandButtons(bot, session.may, done))),
    h("p", { class: "state-line" }, stateChip(bot.state), reason ? h("span", null, " " + reason) : null,
      bot.managed === false ? h("span", { class: "tag" }, "not made by the bridge: shown, not commanded") : null),
  ];
}

function table(columns, rows, caption) {
  return h("div", { class: "scroll" }, h("table", null, caption ? h("caption", { class: "sr" }, caption) : null,
    h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c)))),
    h("tbody", null, rows.map((cells) => h("tr", null, cells.map((c) => h("td", null, c)))))));
}

function profitRow(p, instance) {
  return [
    [p.quote || unknown(), instance ? h("span", { class: "tag" }, "this instance") : null],
    gain(p.net), gain(p.realised), gain(p.unrealised), amount(p.fees), amount(p.volume, 2), amount(p.drawdown),
    p.return_pct === null || p.return_pct === undefined ? unknown() : gain(p.return_pct, "%", 2),
    [relative(p.as_of), p.stale ? h("span", { class: "tag" }, "old") : null, p.final ? h("span", { class: "tag" }, "final") : null,
      p.proof ? h("span", { class: "tag" }, p.proof) : null,
      p.not_reported ? h("span", { class: "tag" }, `${p.not_reported} never reported`) : null],
  ];
}

// Over all instances the bot had, and below it what the present one alone made.
function profit(bot) {
  const own = bot.past_instances && bot.past_instances.length > 0 ? bot.instance_pnl || [] : [];
  const rows = [...(bot.pnl || []).map((p) => profitRow(p, false)), ...own.map((p) => profitRow(p, true))];
  return [h("h2", null, "Profit"), rows.length
    ? table(["Quote", "Net", "Realised", "Unrealised", "Fees", "Volume", "Drawdown", "Return", "As of"], rows, "Profit per quote currency")
    : h("p", null, profitCell(bot))];
}

function positions(bot) {
  if (!bot.positions || bot.positions.length === 0) return null;
  return [h("h2", null, "Positions"), table(["Pair", "Side", "Amount", "Entry price", "Unrealised", "Realised"],
    bot.positions.map((p) => [orUnknown(p.pair), orUnknown(p.side), amount(p.amount, 8), amount(p.entry_price, 8), gain(p.unrealised), gain(p.realised)]))];
}

function errors(bot) {
  const rows = [...(bot.flags || []), ...(bot.errors || [])];
  if (rows.length === 0) return null;
  return [h("h2", null, "Errors it reports"), h("ul", { class: "plain errors" }, rows.map((e) => h("li", null,
    h("strong", null, e.message || plainWords(e.code || "error")),
    e.count > 1 ? h("span", { class: "tag" }, e.count + " times") : null,
    e.last_at ? [" ", relative(typeof e.last_at === "number" ? new Date(e.last_at > 1e11 ? e.last_at : e.last_at * 1000).toISOString() : e.last_at)] : null,
    e.hint ? h("div", { class: "help" }, e.hint) : null,
    e.text && e.text !== e.message ? h("div", { class: "log-text" }, e.text) : null)))];
}

// The state line shows the strongest of them; what is not fit to be acted on alone is here as well.
function findings(bot) {
  if (!bot.watch || bot.watch.length === 0) return null;
  return [h("h2", null, "What the bridge noticed"), h("ul", { class: "plain" }, bot.watch.map((f) => h("li", null,
    h("strong", null, plainWords(f.code)), f.level ? h("span", { class: "tag" }, f.level) : null, " since ", relative(f.since),
    f.detail ? h("div", { class: "help" }, f.detail) : null)))];
}

function facts(bot, session) {
  const rows = [["Exchange", orUnknown(bot.exchange)], ["Pair", orUnknown(bot.pair)], ["Trading since", dateTime(bot.started_at)]];
  if (session.may) rows.push(
    ["Strategy", orUnknown(bot.strategy)], ["Account", orUnknown(bot.account)], ["Instance", orUnknown(bot.instance)], ["Image", orUnknown(bot.image)],
    ["Wanted", bot.intent ? plainWords(bot.intent) : bot.managed === false ? "not commanded" : unknown()],
    ["Last seen", relative(bot.last_seen)], ["Made", bot.created_at ? dateTime(bot.created_at) : unknown()]);
  return [h("h2", null, "Facts"), definitions(rows)];
}

// properties: of the strategy's schema, for titles and units; {} until it is read.
function parameters(bot, properties) {
  const quote = (((bot.pnl || [])[0]) || {}).quote || String(bot.pair || "").split("-")[1] || "";
  const rows = parameterRows(bot, properties, quote);
  const risk = Object.entries(bot.risk || {}).map(([name, value]) => [titleCase(name), valueText(value)]);
  if (rows.length + risk.length === 0) return null;
  return [h("h2", null, "Parameters"), definitions([...rows, ...risk]),
    changeLists({ pending: bot.pending_redeploy, unknown: bot.unknown_params }),
    bot.managed === false ? null : h("p", null, h("a", { href: "#/bots/" + segment(bot.id) + "/change", "data-key": "change" }, "Change…"))];
}

function history(operations) {
  if (!operations || operations.length < 2) return null;
  return [h("h2", null, "Earlier commands"), h("ul", { class: "plain" }, operations.slice(1, 11).map((op) => h("li", null,
    h("details", { "data-key": "op " + op.id }, h("summary", null, operationTitle(op), " ", operationChip(op.state), " ", dateTime(op.created_at)), showOperation(op)))))];
}

function logPart(id) {
  const out = h("div");
  async function read() {
    fill(out, h("p", { class: "help" }, "Reading…"));
    try {
      const { lines = [] } = await get("bots/" + segment(id) + "/logs");
      fill(out, lines.length === 0 ? h("p", { class: "help" }, "No log lines are known.")
        : h("div", { class: "log", tabindex: "0", role: "region", "aria-label": "Log lines" }, lines.slice(-300).map((l) => h("div", { class: "log-line " + (/ERR|CRIT/.test(l.level || "") ? "bad" : "") },
          h("span", { class: "when" }, clockTime(l.at)), " ", h("span", { class: "level" }, l.level || ""), " ", l.text || ""))));
    } catch (problem) {
      fill(out, h("p", { class: "error" }, problem.message));
    }
  }
  return h("details", { class: "card", ontoggle(event) { if (event.target.open) read(); } },
    h("summary", null, "Log lines"), h("button", { type: "button", class: "small", onclick: read }, "Read again"), out);
}

const SIDE_BY_SIDE = ["facts", "parameters"];

export function showBot(main, id, session, news) {
  const names = session.may ? ["head", "operation", "watch", "profit", "errors", "positions", "facts", "parameters", "history"] : ["head", "profit", "facts"];
  const parts = Object.fromEntries(names.map((n) => [n, h("section", { class: n === "head" ? "" : "card", "data-part": n, hidden: n !== "head" })]));
  let etag = null, latest = null, state = null, watch = null, operations = [], properties = {}, asked = false;

  function draw(name, data, build) {
    if (!parts[name]) return;
    refresh(parts[name], data, () => {
      const content = build();
      parts[name].hidden = !content;
      return content;
    });
  }

  function drawBot(bot) {
    document.title = (bot.name || bot.id) + " · Trading Bridge";
    draw("head", bot, () => head(bot, session, (verb) => {
      if (verb === "delete") location.hash = "#/";
      else {
        bots.now();
        if (watch) watch.now();
      }
    }));
    draw("profit", [bot.pnl, bot.instance_pnl, bot.state], () => profit(bot));
    draw("watch", bot.watch, () => findings(bot));
    draw("errors", [bot.errors, bot.flags], () => errors(bot));
    draw("positions", bot.positions, () => positions(bot));
    draw("facts", bot, () => facts(bot, session));
    draw("parameters", [bot.params, bot.risk, bot.pending_redeploy, bot.unknown_params, properties], () => parameters(bot, properties));
    if (state !== null && state !== bot.state) announce((bot.name || bot.id) + " is " + plainWords(bot.state));
    state = bot.state;
    if (!asked && session.may && bot.exchange && bot.strategy) readProperties(bot);
  }

  async function readProperties(bot) {
    asked = true;
    try {
      properties = (await get("exchanges/" + segment(bot.exchange) + "/strategies/" + segment(bot.strategy))).schema.properties;
      draw("parameters", [bot.params, bot.risk, bot.pending_redeploy, bot.unknown_params, properties], () => parameters(bot, properties));
    } catch {
      properties = {}; // the plugin may be gone; the parameters are shown by their names
    }
  }

  function drawOperations() {
    const op = operations[0];
    draw("operation", op || null, () => (op ? showOperation(op) : null));
    draw("history", operations.slice(1), () => history(operations));
    if (op && op.state !== latest && latest !== null) announce(operationTitle(op) + " " + plainWords(op.state));
    latest = op ? op.state : null;
  }

  fill(main, h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Bots")), names.filter((n) => n !== "history" && !SIDE_BY_SIDE.includes(n)).map((n) => parts[n]),
    h("div", { class: "columns cards" }, SIDE_BY_SIDE.filter((n) => parts[n]).map((n) => parts[n])), parts.history, session.may ? logPart(id) : null);
  fill(parts.head, h("p", { class: "help" }, "Reading the bot…"));

  const bots = poll(async () => {
    const answer = await call("GET", "bots/" + segment(id), { etag });
    if (answer.status === 304) return false;
    etag = answer.etag;
    drawBot(answer.data);
    return true;
  }, { first: 1, most: 4, failed: news.failed, worked: news.worked });

  // The newest operation is read every second while it is open and seldom afterwards.
  if (session.may) {
    watch = poll(async () => {
      const open = operations[0] && operationOpen(operations[0].state);
      const before = JSON.stringify(operations);
      if (open) operations[0] = await get("operations/" + segment(operations[0].id));
      else operations = (await get("operations?bot=" + segment(id) + "&limit=11")).operations || [];
      drawOperations();
      if (open && !operationOpen(operations[0].state)) bots.now();
      return JSON.stringify(operations) !== before;
    }, { first: 1, most: 5, failed: news.failed });
  }
  return () => {
    bots.stop();
    if (watch) watch.stop();
  };
}
