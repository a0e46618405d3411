// Changing a bot's parameters: its form with what is wanted now, and what became of a change: in the running
// bot, waiting for a redeploy, not known. The version that was read goes with the change, so that it never
// undoes what somebody else changed meanwhile.
import { h, fill, announce } from "./dom.js";
import { call, get, segment, intentionKey } from "./http.js";
import { makeForm } from "./form.js";
import { valueText } from "./plan.js";

const WORDS = {
  button: "Change", busy: "Changing…",
  note: "What the running bot takes over is changed at once; the rest waits for a redeploy.",
};

const ACTS = { next_grid: "for its next grid", new_orders: "for new orders" };

function fieldRow(row, said) {
  const name = row.field === null ? [row.name || "controller", ": the whole file"] : [h("code", null, row.field),
    row.controller > 1 ? " of controller " + row.controller : ""];
  return h("li", null, name, row.field === null ? null : [": ", valueText(row.from), " \u2192 ", valueText(row.to)], " ",
    h("span", { class: "help" }, said));
}

function part(title, rows, said) {
  return rows && rows.length ? [h("h3", null, title), h("ul", { class: "plain" }, rows.map((r) => fieldRow(r, said(r))))] : null;
}

// lists: { applied, pending, unknown } of rows as the bridge gives them.
export function changeLists({ applied, pending, unknown }) {
  return [
    part("Changed in the running bot", applied, (r) => "it reads this within 11 s, " + (ACTS[r.acts_on] || "")),
    part("Waits for a redeploy", pending, (r) => (r.reason ? r.reason.detail : "")),
    part("Not known whether it arrived", unknown, () => "the bridge looks for it"),
  ];
}

export async function showChange(main, id) {
  fill(main, h("h1", null, "Change the bot"), h("p", { class: "help" }, "Reading the parameters…"));
  const path = "bots/" + segment(id);
  const read = await call("GET", path + "/params");
  const now = read.data;
  const strategy = await get("exchanges/" + segment(now.exchange) + "/strategies/" + segment(now.strategy));
  const result = h("section", { class: "card", "data-part": "result", hidden: true });
  let tag = read.etag, key = intentionKey(), sent = null;

  // Pressing again after a lost answer is the same request; another content is another one.
  async function send(body) {
    const text = JSON.stringify(body);
    if (sent !== null && sent !== text) key = intentionKey();
    sent = text;
    form.busy(true);
    form.showProblem(null);
    try {
      const answer = await call("PUT", path, { body, key, match: tag, seconds: 60 });
      tag = answer.etag;
      key = intentionKey();
      result.hidden = false;
      fill(result, h("h2", { tabindex: "-1" }, "Version " + answer.data.version), h("p", null, answer.data.detail),
        changeLists({ applied: answer.data.applied, pending: answer.data.pending_redeploy, unknown: answer.data.unknown }),
        h("p", null, h("a", { href: "#/bots/" + segment(id) }, "Back to the bot")));
      announce(answer.data.detail);
      scrollTo(0, 0);
      result.querySelector("h2").focus();
    } catch (problem) {
      form.showProblem(problem);
    } finally {
      form.busy(false);
    }
  }

  const form = makeForm(now.exchange, strategy, send, now, WORDS);
  return () => {
    fill(main,
      h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Bots"), " / ", h("a", { href: "#/bots/" + segment(id) }, now.name)),
      h("h1", null, "Change “" + now.name + "”"), result, form.element);
    form.focus();
  };
}
