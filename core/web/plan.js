// A plan as people read it before anything is sent: what it costs and risks, what was checked, what a
// stop will do, the exact files and calls.
import { h } from "./dom.js";
import { amount, clockTime, plainWords, titleCase } from "./format.js";
import { errorText } from "./fields.js";

export function valueText(value) {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

export function definitions(rows) {
  return h("dl", { class: "facts" }, rows.map(([term, value]) => [h("dt", null, term), h("dd", null, value)]));
}

const STATUS = { ok: ["good", "passed"], warn: ["doubt", "warning"], error: ["bad", "failed"], note: ["quiet", "note"] };

// What the validator of the Hummingbot API said; its other words are notes.
const UPSTREAM = { upstream_valid: "ok", upstream_verdict: "warn" };

function checkRow(check) {
  const status = check.status || UPSTREAM[check.code] || "note";
  const [kind, word] = STATUS[status] || ["quiet", String(status)];
  return h("li", null, h("span", { class: "chip " + kind }, word), " ",
    check.message || plainWords(check.code || ""), check.hint ? h("span", { class: "help" }, " " + check.hint) : null);
}

// Preview rows are the plugin's own: those of one kind with one shape make a table.
function previewTable(kind, rows, quote) {
  const keys = [...new Set(rows.flatMap(Object.keys))].filter((k) => k !== "kind" && k !== "title");
  if (kind === "money" && rows.length === 1)
    return h("div", { class: "preview" }, h("h4", null, rows[0].title || "Money"), [amount(rows[0].quote), " ", quote]);
  if (rows.length === 1)
    return h("div", { class: "preview" }, h("h4", null, rows[0].title || titleCase(kind)),
      definitions(keys.map((k) => [titleCase(k), valueText(rows[0][k])])));
  return h("div", { class: "preview" }, h("h4", null, titleCase(kind)), h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, keys.map((k) => h("th", { scope: "col" }, titleCase(k))))),
    h("tbody", null, rows.map((row) => h("tr", null, keys.map((k) => h("td", null, valueText(row[k])))))))));
}

function preview(rows, quote) {
  const kinds = new Map();
  for (const row of rows || []) {
    const kind = row.title ? (row.kind || "") + "/" + row.title : row.kind || "";
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push(row);
  }
  return h("div", { class: "previews" }, [...kinds.values()].map((members) => previewTable(members[0].kind || "preview", members, quote)));
}

// Lays JSON text out for reading without touching a digit of it; other text stays as it is.
export function laidOut(text) {
  let out = "", depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) || []) {
    if (token === "{" || token === "[") {
      depth += 1;
      out += token + line();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      out = /[{[]\s*$/.test(out) ? out.trimEnd() + token : out + line() + token;
    } else if (token === ",") out += token + line();
    else out += token === ":" ? ": " : token;
  }
  return out;
}

function fileBlock(file) {
  const bytes = new TextEncoder().encode(file.bytes).length;
  return h("details", { class: "file" },
    h("summary", null, h("code", null, file.path), " ", h("span", { class: "help" }, bytes + " bytes, laid out for reading")),
    h("pre", { tabindex: "0" }, laidOut(file.bytes)));
}

const CALLS = [
  [/^POST \/controllers\//, "upload the controller config"],
  [/^POST \/scripts\//, "upload the script config"],
  [/^POST \/bot-orchestration\/deploy/, "deploy: makes the bot, sent once"],
];

function callRow(call) {
  const text = typeof call === "string" ? call : [call.method, call.path].filter(Boolean).join(" ");
  const row = CALLS.find(([pattern]) => pattern.test(text));
  return h("li", null, h("code", null, text), row ? h("span", { class: "help" }, " " + row[1]) : null);
}

function section(title, content, note) {
  return h("section", { class: "part" }, h("h3", null, title), note ? h("p", { class: "help" }, note) : null, content);
}

const list = (items, row, className) => h("ul", { class: className || "plain" }, items.map(row));

function riskRows(plan, quote) {
  const money = (v) => (v === null || v === undefined ? "unknown" : [amount(v), " " + quote]);
  const risk = plan.risk || {};
  return [
    ["Largest loss of the bot", money(risk.max_loss_quote)],
    ["Largest loss of one controller", money(risk.max_controller_loss_quote)],
    plan.risk_class ? ["Risk class", plan.risk_class] : null,
  ].filter(Boolean);
}

function derivedText(plan, name) {
  const row = (((plan.facts || {}).derived) || []).find((d) => d.field === name);
  const percent = row && String(row.percent).replace(/^-/, "\u2212").replace(/^(?=\d)/, "+");
  return row ? h("span", { class: "help" }, " market price " + percent + " %") : null;
}

// In the form's order, with its titles and units. properties: of the strategy's schema.
export function parameterRows(plan, properties, quote) {
  const order = (name) => (properties[name] || {})["x-order"] || 999;
  return Object.keys(plan.params || {}).sort((a, b) => order(a) - order(b)).map((name) => {
    const schema = properties[name] || {}, value = plan.params[name];
    const unit = schema["x-unit"] || (schema.items || {})["x-unit"] || "";
    const known = value !== null && value !== undefined;
    return [schema.title || titleCase(name), [valueText(value), known && unit ? " " + (unit === "quote" ? quote : unit) : null, derivedText(plan, name)]];
  });
}

export function showPlan(plan, properties) {
  const quote = (plan.quotes || [])[0] || "";
  const checks = [...(plan.checks || []), ...(plan.upstream_checks || [])];
  const warnings = plan.warnings || [];
  return [
    warnings.length ? h("div", { class: "warnings" }, h("h3", null, "Warnings"), list(warnings, (w) => h("li", null, errorText(w)))) : null,
    h("div", { class: "columns" },
      section("The bot", definitions([
        ["Name", plan.name], ["Runs", plan.exchange + " / " + plan.strategy], ["Pair", plan.pair || "unknown"],
        ["Account", plan.account], ["Image", plan.image],
        ...riskRows(plan, quote),
      ])),
      section("Parameters", definitions(parameterRows(plan, properties, quote)))),
    (plan.preview || []).length ? section("What it will do", preview(plan.preview, quote)) : null,
    checks.length ? section("Checks", list(checks, checkRow)) : null,
    (plan.effects || []).length ? section("What a stop will do", list(plan.effects, (e) => h("li", null, e), "sentences")) : null,
    section("Calls, in this order", h("ol", { class: "calls" }, (plan.calls || []).map(callRow))),
    section("Files, to the byte", (plan.files || []).map(fileBlock)),
    h("p", { class: "help" }, "Plan ", h("code", null, String(plan.hash || "").slice(0, 12)), ", good until ", clockTime(plan.expires_at), "."),
  ];
}
