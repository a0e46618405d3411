// Making a bot: choose, fill in, see the plan, create. The Idempotency-Key belongs to the plan that is
// shown: pressing twice, or again after a lost answer, is one request.
import { h, fill, announce } from "./dom.js";
import { get, post, segment, intentionKey } from "./http.js";
import { makeForm } from "./form.js";
import { showPlan } from "./plan.js";

function strategyCard(exchange, s) {
  return h("li", null, h("a", { class: "choice", href: "#/new/" + segment(exchange.name) + "/" + segment(s.name) },
    h("strong", null, s.title || s.name), s.risk ? h("span", { class: "chip quiet" }, "risk: " + s.risk) : null,
    h("span", { class: "help" }, s.summary || "")));
}

export async function showChoice(main) {
  fill(main, h("h1", null, "New bot"), h("p", { class: "help" }, "Reading the exchanges…"));
  const { exchanges = [] } = await get("exchanges");
  return () => fill(main,
    h("h1", null, "New bot"),
    exchanges.length === 0 ? h("p", { class: "card" }, "No exchange plugin is loaded.") : null,
    exchanges.map((x) => h("section", { class: "card" }, h("h2", null, x.title || x.name),
      (x.strategies || []).length === 0 ? h("p", { class: "help" }, "No strategy can be used now.") : null,
      h("ul", { class: "choices" }, (x.strategies || []).map((s) => strategyCard(x, s))))));
}

function existingLink(problem) {
  const bot = problem.document.existing || problem.document.bot;
  return bot && bot.id ? h("a", { href: "#/bots/" + segment(bot.id) }, "Show the bot that has this name") : null;
}

function planPanel(plan, properties, { back, done }) {
  const key = intentionKey();
  const trouble = h("div", { class: "summary", role: "alert", hidden: true });
  const create = h("button", { type: "button", class: "primary", onclick: send }, "Create this bot");
  const change = h("button", { type: "button", onclick: back }, "Change the form");
  const title = h("h2", { tabindex: "-1" }, "Plan for “" + plan.name + "”");
  let sending = false;

  // The same key and body every time: pressing again cannot make a second bot, whatever was lost.
  async function send() {
    if (sending) return;
    sending = true;
    create.setAttribute("aria-disabled", "true");
    change.disabled = true;
    fill(create, "Creating…");
    try {
      done(await post("bots", { plan_id: plan.plan_id }, key, 40));
    } catch (problem) {
      sending = false;
      create.removeAttribute("aria-disabled");
      change.disabled = false;
      fill(create, "Create this bot");
      trouble.hidden = false;
      fill(trouble, h("p", null, h("strong", null, problem.message)),
        problem.errors.length ? h("ul", null, problem.errors.map((e) => h("li", null, (e.pointer ? e.pointer + ": " : "") + e.message))) : null,
        problem.status === 0 ? h("p", null, "It is not known whether the request arrived. Pressing again is safe: it is the same request.") : null,
        existingLink(problem));
    }
  }

  return {
    element: h("section", { class: "card plan" }, title,
      h("p", null, "This is what would be sent. Nothing has been sent yet."),
      showPlan(plan, properties), trouble, h("div", { class: "buttons" }, create, change)),
    focus: () => title.focus(),
  };
}

// Of a strategy that has a form for each choice: which one. trouble: why the wanted one has none.
function chooser(exchange, name, choice, trouble) {
  const input = h("input", { id: "choice", name: "choice", type: "text", class: "input", autocomplete: "off", spellcheck: "false", placeholder: "type/name" });
  input.value = choice || "";
  return h("form", {
    class: "card", onsubmit(event) {
      event.preventDefault();
      location.hash = "#/new/" + segment(exchange) + "/" + segment(name) + (input.value.trim() ? "/" + segment(input.value.trim()) : "");
    },
  },
  h("label", { for: "choice" }, h("strong", null, "A controller that the bridge does not know")),
  h("div", { class: "line" }, input, h("button", { type: "submit" }, "Show its fields")),
  h("p", { class: "help" }, "Its fields are read from the Hummingbot API. Left empty: the config as text."),
  trouble ? h("p", { class: "error", role: "alert" }, trouble.message) : null);
}

// choice: for a strategy that has a form for each; "" for none.
export async function showForm(main, exchange, name, choice) {
  fill(main, h("h1", null, "New bot"), h("p", { class: "help" }, "Reading the form…"));
  const path = "exchanges/" + segment(exchange) + "/strategies/" + segment(name);
  let trouble = null;
  const chosen = !choice ? null : await get(path + "?choice=" + encodeURIComponent(choice)).catch((problem) => {
    if (problem.status !== 404) throw problem;
    trouble = problem;
    return null;
  });
  const strategy = chosen || await get(path);
  const properties = (strategy.schema || {}).properties || {};
  const panel = h("div");
  let round = 0;

  async function plan(body) {
    const mine = ++round;
    form.busy(true);
    form.showProblem(null);
    announce("Making the plan");
    try {
      const made = await post("bots/plan", body, null, 30);
      if (mine !== round) return;
      const view = planPanel(made, properties, {
        back() {
          fill(panel);
          form.element.hidden = false;
          form.focus();
        },
        done(bot) { location.hash = "#/bots/" + segment(bot.id); },
      });
      fill(panel, view.element);
      form.element.hidden = true;
      scrollTo(0, 0);
      view.focus();
    } catch (problem) {
      if (mine === round) form.showProblem(problem);
    } finally {
      form.busy(false);
    }
  }

  const form = makeForm(exchange, strategy, plan, null, undefined, (body) =>
    post("exchanges/" + segment(exchange) + "/strategies/" + segment(name) + "/check", body, null, 20));
  return () => {
    fill(main,
      h("p", { class: "crumbs" }, h("a", { href: "#/new" }, "New bot"), " / ", exchange),
      h("h1", null, strategy.title || name),
      h("p", { class: "lead" }, strategy.summary || ""),
      strategy.form_of ? chooser(exchange, name, choice, trouble) : null,
      form.element, panel);
    form.focus();
  };
}
