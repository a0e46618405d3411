// One plugin for its developer: status, errors, versions, and every strategy's form and plan, the draft
// beside what is live. A save redraws what it changed and makes the plan that was asked for anew.
import { h, fill, refresh } from "./dom.js";
import { call, get, segment } from "./http.js";
import { poll } from "./poll.js";
import { makeForm } from "./form.js";
import { showPlan } from "./plan.js";
import { errorBlock, statusChips } from "./plugins.js";
import { versionsCard } from "./versions.js";
import { dateTime } from "./format.js";

const LANES = { live: "Live", draft: "Draft" };

function logLines(lines) {
  if (!lines || !lines.length) return null;
  return h("div", { class: "part" }, h("h3", null, "Log of the plugin"), h("pre", { class: "log", tabindex: "0" },
    lines.map((l) => (typeof l === "string" ? l : (l.level || "") + " " + (l.text || l.message || JSON.stringify(l))) + "\n")));
}

// One lane's form and the plan below it. kept: what was last planned here, { body }.
async function laneColumn(exchange, strategyName, lane, kept) {
  const path = "exchanges/" + segment(exchange) + "/strategies/" + segment(strategyName) + "?lane=" + lane;
  const element = h("section", { class: "card lane", "data-lane": lane });
  const result = h("div", { class: "lane-plan" });
  let strategy;
  try {
    strategy = await get(path);
  } catch (problem) {
    return fill(element, h("h2", null, LANES[lane]), h("p", { class: "error", role: "alert" }, problem.message));
  }
  const form = makeForm(exchange, strategy, (body) => plan(body));
  async function plan(body) {
    kept.body = body;
    form.busy(true);
    try {
      const answer = await call("POST", "bots/plan?lane=" + lane, { body: { name: "preview", ...body } });
      form.showProblem(null);
      fill(result, logLines(answer.data.plugin_log), showPlan(answer.data, (strategy.schema || {}).properties || {}));
    } catch (problem) {
      form.showProblem(problem);
      fill(result, logLines(problem.document && problem.document.plugin_log));
    }
    form.busy(false);
  }
  fill(element, h("h2", null, LANES[lane], " ", h("code", null, strategy.generation)), form.element, result);
  if (kept.body) plan(kept.body);
  return element;
}

function statusCard(plugin) {
  return h("section", { class: "card" }, h("div", { class: "title-row" }, h("h2", null, "Status"), h("span", null, statusChips(plugin))),
    h("p", null, plugin.hash ? ["Generation ", h("code", null, plugin.hash), plugin.version ? ", version " + plugin.version : "", ", since " + dateTime(plugin.loaded_at) + "."] : "Nothing of it is live."),
    plugin.shadowed ? h("p", null, plugin.shadowed) : null, errorBlock(plugin.error));
}

export function showPlugin(main, name, news) {
  const status = h("div"), versions = h("div"), lanes = h("div", { class: "columns cards" });
  const kept = { live: {}, draft: {} };
  const choice = h("select", { class: "input", id: "strategy", name: "strategy", onchange: () => drawLanes() });
  let plugin = null, drawn = 0;
  fill(main, h("p", { class: "crumbs" }, h("a", { href: "#/plugins" }, "Plugins")), h("h1", null, name), status, versions,
    h("div", { class: "card" }, h("label", { for: "strategy" }, "Strategy"), choice), lanes);

  async function drawLanes() {
    const mine = ++drawn;
    const shown = plugin.draft ? ["live", "draft"] : ["live"];
    const columns = choice.value ? await Promise.all(shown.map((lane) => laneColumn(name, choice.value, lane, kept[lane]))) : [];
    if (mine === drawn) fill(lanes, columns);
  }

  async function drawVersions() {
    fill(versions, await versionsCard(plugin, () => reading.now()));
  }

  // The draft may have strategies that what is live has not.
  async function fillChoice() {
    const before = choice.value;
    const described = plugin.hash || plugin.draft ? await get("exchanges/" + segment(name) + "?lane=draft") : { strategies: [] };
    fill(choice, described.strategies.map((s) => h("option", { value: s.name }, s.title || s.name)));
    if (described.strategies.some((s) => s.name === before)) choice.value = before;
  }

  const reading = poll(async () => {
    plugin = await get("plugins/" + segment(name));
    refresh(status, plugin, statusCard);
    const versionsNow = JSON.stringify([plugin.hash, plugin.draft]);
    if (versions.lastData === versionsNow) return false;
    await fillChoice();
    await Promise.all([drawVersions(), drawLanes()]);
    versions.lastData = versionsNow;
    return true;
  }, { first: 0.5, most: 3, failed: news.failed, worked: news.worked });
  return reading.stop;
}
