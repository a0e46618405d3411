// The form of a bot: the envelope that every bot has, and the strategy's own fields from its JSON Schema in
// their order and groups, with presets. Reads into the body of POST /bots/plan, or of PUT /bots/{id} when a
// bot is changed, and shows the errors of the answer at the fields they point to.
import { h, fill } from "./dom.js";
import { makeField, errorText } from "./fields.js";
import { titleCase } from "./format.js";

const ENVELOPE = [
  ["name", "/name", { title: "Name", "x-widget": "text", type: "string", description: "How people call this bot: 1 to 64 characters." }],
  ["account", "/account", { title: "Account", "x-widget": "text", type: "string", default: "master_account", description: "Credentials profile of the Hummingbot API that holds the keys." }],
  ["image", "/image", { title: "Image", "x-widget": "text", type: "string", description: "Left empty: the newest installed hummingbot/hummingbot:version-X.Y.Z." }],
];

const LIMITS = [
  ["max_loss_quote", "Largest loss of the bot", "The bot stops trading when it has lost this much."],
  ["max_controller_loss_quote", "Largest loss of one controller", "A controller of the bot is stopped at this loss."],
];

function ruleText(rule) {
  if (rule === undefined || rule === null) return "";
  return / *%$/.test(rule) ? " Left empty: " + rule.replace(/ *%$/, " %") + " of the budget." : " Left empty: " + rule + ".";
}

function limitField([name, title, help], defaults, context) {
  return makeField(name, {
    title, "x-widget": "decimal", "x-unit": "quote", type: "string", description: help + ruleText((defaults || {})[name]),
  }, "/risk/" + name, context);
}

function grouped(fields) {
  const groups = new Map();
  for (const field of fields) {
    const name = field.schema["x-group"] || "";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(field);
  }
  return [...groups].map(([name, members]) =>
    h("fieldset", { class: "group" }, h("legend", null, name ? titleCase(name) : "Strategy"), members.map((f) => f.element)));
}

function presetRow(presets, apply) {
  const names = Object.keys(presets || {});
  if (names.length === 0) return null;
  const order = ["careful", "usual", "bold"];
  names.sort((a, b) => (order.indexOf(a) + 1 || 9) - (order.indexOf(b) + 1 || 9));
  const buttons = names.map((name) => h("button", {
    type: "button", "aria-pressed": "false",
    onclick(event) {
      apply(presets[name]);
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === event.currentTarget));
    },
  }, titleCase(name)));
  return h("div", { class: "presets", role: "group", "aria-label": "Presets" }, h("span", null, "Fill in: "), buttons);
}

const PLANNING = { button: "Show the plan", busy: "Making the plan…", note: "Nothing is sent to the exchange yet." };

// strategy: the answer of GET /exchanges/{x}/strategies/{s}. submit(body) is called with what to plan.
// now: { params, risk } of the bot that is changed; words: of the button, as in PLANNING. check(body): asks what is
// wrong with what is filled in so far.
export function makeForm(exchange, strategy, submit, now = null, words = PLANNING, check = null) {
  const schema = strategy.schema || { properties: {} };
  let pair = null;
  const context = { quote: quoteNow };
  const names = Object.keys(schema.properties || {});
  names.sort((a, b) => (schema.properties[a]["x-order"] || 0) - (schema.properties[b]["x-order"] || 0));
  const params = names.map((name) => makeField(name, schema.properties[name], "/params/" + name, context));
  const envelope = (now ? [] : ENVELOPE).map(([name, pointer, s]) => makeField(name, s, pointer, context));
  const limits = LIMITS.map((row) => limitField(row, strategy.risk_defaults, context));
  const all = [...envelope, ...params, ...limits];
  pair = params.find((f) => f.schema["x-widget"] === "pair");
  const summary = h("div", { class: "summary", role: "alert", tabindex: "-1", hidden: true });
  const button = h("button", { type: "submit", class: "primary" }, words.button);

  function quoteNow() {
    const text = pair ? String(pair.get() || "") : "";
    return text.includes("-") ? text.slice(text.lastIndexOf("-") + 1) : "";
  }
  function unitsChanged() { for (const f of all) f.unitChanged(); }
  if (pair && pair.input) pair.input.addEventListener("input", unitsChanged);
  if (now) {
    for (const f of params) f.set((now.params || {})[f.name]);
    for (const f of limits) f.set((now.risk || {})[f.name]);
  }
  unitsChanged();

  // Of a bot that is changed an emptied field is said to be empty: left out, it would stay as it is.
  function changes() {
    const values = (fields) => Object.fromEntries(fields.map((f) => [f.name, f.get() === undefined ? null : f.get()]));
    return { params: values(params), risk: values(limits) };
  }

  function body() {
    if (now) return changes();
    const out = { exchange, strategy: strategy.name, params: {}, risk: {} };
    for (const f of envelope) if (f.get() !== undefined) out[f.name] = f.get();
    for (const f of params) if (f.get() !== undefined) out.params[f.name] = f.get();
    for (const f of limits) if (f.get() !== undefined) out.risk[f.name] = f.get();
    if (Object.keys(out.risk).length === 0) delete out.risk;
    return out;
  }

  const form = h("form", {
    class: "card form", autocomplete: "off",
    oninput(event) {
      const field = all.find((f) => f.element.contains(event.target));
      if (!check || !field) return;
      touched.add(field);
      stopChecking();
      timer = setTimeout(checkNow, 500);
    },
    onsubmit(event) {
      event.preventDefault();
      stopChecking();
      submit(body());
    },
  },
  summary,
  now ? null : h("fieldset", { class: "group" }, h("legend", null, "Bot"), envelope.map((f) => f.element)),
  presetRow(strategy.presets, (values) => {
    for (const f of params) if (f.name in values) f.set(values[f.name]);
    unitsChanged();
  }),
  grouped(params),
  h("fieldset", { class: "group" }, h("legend", null, "Loss limits"), limits.map((f) => f.element)),
  h("div", { class: "buttons" }, button, h("span", { class: "help" }, words.note)));
  form.noValidate = true;

  // Only what the person has come to is told while he fills in the rest; the plan says everything.
  const touched = new Set();
  let timer = 0, turn = 0;

  function stopChecking() {
    clearTimeout(timer);
    turn++;
  }

  async function checkNow() {
    const mine = ++turn;
    const { params: filled, risk, account, image } = body();
    try {
      const { errors } = await check({ params: filled, risk, account, image });
      if (mine !== turn) return;
      for (const f of [...params, ...limits])
        if (touched.has(f)) f.showErrors(errors.filter((e) => ownerOf(e.pointer) === f));
    } catch {
      // What cannot be checked now is said when the plan is asked for.
    }
  }

  const ownerOf = (pointer) => all.find((f) => pointer === f.pointer || pointer.startsWith(f.pointer + "/"));

  function summaryLine(error) {
    const field = ownerOf(error.pointer);
    if (!field) return h("li", null, error.pointer ? error.pointer + ": " : "", errorText(error));
    return h("li", null, h("a", {
      href: "#", onclick(event) {
        event.preventDefault();
        field.focus(error.pointer.slice(field.pointer.length));
      },
    }, field.schema.title || field.name), ": ", errorText(error));
  }

  return {
    element: form,
    focus: () => (envelope[0] || params[0] || limits[0]).focus(),
    busy(yes) {
      button.disabled = yes;
      fill(button, yes ? words.busy : words.button);
    },
    // problem: what was thrown, or null for none.
    showProblem(problem) {
      const errors = ((problem && problem.errors) || []).map((e) => ({ ...e, pointer: String(e.pointer || "") }));
      for (const f of all)
        f.showErrors(errors.filter((e) => ownerOf(e.pointer) === f));
      summary.hidden = !problem;
      if (!problem) return;
      fill(summary, h("p", null, h("strong", null, problem.message)), errors.length ? h("ul", null, errors.map(summaryLine)) : null);
      summary.focus();
    },
  };
}
