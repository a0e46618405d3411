// Start, stop, restart, redeploy, archive and delete: which of them a bot in its state offers, what the person is told before, and
// the one request that follows. Each opened question has one Idempotency-Key.
import { h, fill, announce, unique } from "./dom.js";
import { get, post, remove, segment, intentionKey } from "./http.js";
import { stateChip } from "./format.js";
import { valueText } from "./plan.js";

const OFFERS = {
  stopped: ["start", "redeploy", "archive"], failed: ["start", "redeploy", "archive", "delete"], archived: ["start", "redeploy", "delete"],
  archiving: ["stop"],
};

const RESTARTS = new Set(["running", "degraded", "stale"]);

// Unknown and conflicting bots can always be stopped and never be started.
export function offersOf(bot, may) {
  if (!may || bot.managed === false) return [];
  return OFFERS[bot.state] || (RESTARTS.has(bot.state) ? ["stop", "restart", "redeploy", "archive"] : ["stop"]);
}

async function stopEffects(bot) {
  if (!bot.exchange || !bot.strategy) return null;
  try {
    return (await get("exchanges/" + segment(bot.exchange) + "/strategies/" + segment(bot.strategy))).effects || null;
  } catch {
    return null;
  }
}

// A question that must be answered; resolves when it is closed. act() returns a promise; its failure is
// shown in the dialog, which stays open.
function ask({ title, content, label, danger, act, ready = () => true }) {
  return new Promise((resolve) => {
    const titleId = unique("dialog");
    const trouble = h("p", { class: "error", role: "alert", hidden: true });
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, label);
    const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    let result = null, busy = false;
    const form = h("form", {
      method: "dialog",
      async onsubmit(event) {
        event.preventDefault();
        if (busy || !ready(trouble)) return;
        busy = true;
        go.disabled = cancel.disabled = true;
        trouble.hidden = true;
        try {
          result = await act();
          dialog.close();
        } catch (problem) {
          trouble.hidden = false;
          fill(trouble, problem.message, problem.errors && problem.errors.length ? " " + problem.errors.map((e) => e.message).join(" ") : "",
            problem.status === 0 ? " It is not known whether the request arrived; pressing again is safe." : "");
          go.disabled = cancel.disabled = busy = false;
        }
      },
    }, h("h2", { id: titleId }, title), content, trouble, h("div", { class: "buttons" }, go, cancel));
    const dialog = h("dialog", { "aria-labelledby": titleId }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}

function radio(name, value, checked, label, help) {
  const id = unique("policy");
  return h("div", { class: "option" }, h("input", { type: "radio", id, name, value, checked }),
    h("label", { for: id }, h("strong", null, label), h("span", { class: "help" }, help)));
}

function saidEffects(effects, ...after) {
  return h("ul", { class: "sentences" },
    effects && effects.length ? effects.map((e) => h("li", null, e))
      : h("li", null, h("span", { class: "unknown" }, "Unknown: "), "what a stop does to this bot's orders and positions cannot be said."),
    after.map((e) => h("li", null, e)));
}

async function stop(bot) {
  const effects = await stopEffects(bot);
  const key = intentionKey();
  const group = unique("policy");
  const wordId = unique("word");
  const word = h("input", { id: wordId, type: "text", class: "input short", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  const abandonPart = h("p", { hidden: true, class: "confirm" }, h("label", { for: wordId }, "Write ", h("code", null, "abandon"), " to confirm: "), word);
  const content = h("div", null,
    h("p", null, "Now: ", stateChip(bot.state)),
    h("h3", null, "What this will do"),
    saidEffects(effects),
    h("fieldset", { class: "options" }, h("legend", null, "How"),
      radio(group, "close", true, "Stop and close", "The strategy is stopped and the bridge waits for proof."),
      radio(group, "abandon", false, "Abandon", "Only the container is stopped. Orders and positions stay on the exchange unattended; a later start trades beside them.")),
    abandonPart);
  const policy = () => content.querySelector("input[type=radio]:checked").value;
  content.addEventListener("change", () => {
    abandonPart.hidden = policy() !== "abandon";
    if (!abandonPart.hidden) word.focus();
  });
  return ask({
    title: "Stop “" + bot.name + "”?", content, label: "Stop this bot", danger: true,
    ready(trouble) {
      if (policy() !== "abandon" || word.value.trim() === "abandon") return true;
      trouble.hidden = false;
      fill(trouble, "Write the word abandon to confirm.");
      word.focus();
      return false;
    },
    // Another choice is another request, so it gets another key.
    act: () => post("bots/" + segment(bot.id) + "/stop",
      policy() === "abandon" ? { policy: "abandon", confirm: "abandon" } : {}, key + "-" + policy(), 40),
  });
}

async function restart(bot) {
  const effects = await stopEffects(bot);
  const key = intentionKey();
  return ask({
    title: "Restart “" + bot.name + "”?", label: "Restart this bot", danger: true,
    content: h("div", null, h("p", null, "Now: ", stateChip(bot.state)), h("h3", null, "What this will do"),
      saidEffects(effects, "Once the stop is proven, the container is stopped and started, and the bot trades again with the configuration it has.",
        "If the stop is not proven, nothing is started.")),
    act: () => post("bots/" + segment(bot.id) + "/restart", {}, key, 40),
  });
}

async function archive(bot) {
  const effects = await stopEffects(bot);
  const key = intentionKey();
  return ask({
    title: "Archive “" + bot.name + "”?", label: "Archive this bot", danger: true,
    content: h("div", null, h("p", null, "Now: ", stateChip(bot.state)), h("h3", null, "What this will do"),
      saidEffects(effects, "Once the stop is proven, the container is removed; the Hummingbot API keeps its folder with the trades in its archive.",
        "A later start deploys the stored configuration as a new instance.")),
    act: () => post("bots/" + segment(bot.id) + "/archive", {}, key, 40),
  });
}

function changedField(change) {
  return h("li", null, change.field === null ? [change.name || "controller", ": the whole file"] : [h("code", null, change.field), ": ", valueText(change.from), " → ", valueText(change.to)]);
}

// The plan is asked for first: what would change is shown, or why it cannot be.
async function redeploy(bot) {
  const path = "bots/" + segment(bot.id) + "/redeploy";
  const key = intentionKey();
  let plan = null, refusal = null;
  try {
    plan = await post(path, { dry_run: true }, null, 20);
  } catch (problem) {
    refusal = problem.message;
  }
  return ask({
    title: "Redeploy “" + bot.name + "”?", label: "Redeploy this bot", danger: true,
    content: h("div", null, h("p", null, "Now: ", stateChip(bot.state)),
      refusal ? h("p", { class: "error" }, refusal) : [
        h("h3", null, "What changes"),
        plan.changes.length ? h("ul", { class: "plain" }, plan.changes.map(changedField)) : h("p", null, "Nothing in its configuration: it gets a new instance with the same files."),
        h("h3", null, "What this will do"), h("ul", { class: "sentences" }, plan.effects.map((e) => h("li", null, e)))]),
    ready: () => !refusal,
    act: () => post(path, {}, key, 120),
  });
}

function start(bot) {
  const key = intentionKey();
  return ask({
    title: "Start “" + bot.name + "”?", label: "Start this bot",
    content: h("div", null, h("p", null, "Now: ", stateChip(bot.state)),
      h("p", null, "The bot trades again with the configuration it was made with. Prices in it are not made anew: look whether they still fit the market.")),
    act: () => post("bots/" + segment(bot.id) + "/start", {}, key, 40),
  });
}

function forget(bot) {
  return ask({
    title: "Delete the record of “" + bot.name + "”?", label: "Delete the record", danger: true,
    content: h("p", null, "Only the bridge's record is deleted. Nothing in the Hummingbot API or on the exchange is touched."),
    act: () => remove("bots/" + segment(bot.id)),
  });
}

const VERBS = {
  stop: ["Stop…", stop, "Stop asked for: "], start: ["Start…", start, "Start asked for: "], restart: ["Restart…", restart, "Restart asked for: "],
  redeploy: ["Redeploy…", redeploy, "Redeploy asked for: "], archive: ["Archive…", archive, "Archive asked for: "], delete: ["Delete…", forget, "Record deleted: "],
};

// Buttons for a bot; only: the verbs that a narrow place has room for. done(verb, answer) is called after a command that was accepted.
export function commandButtons(bot, may, done, only = null) {
  return offersOf(bot, may).filter((verb) => !only || only.includes(verb)).map((verb) => {
    const [label, run, said] = VERBS[verb];
    return h("button", {
      type: "button", class: verb === "start" ? "" : "danger-quiet", "data-key": verb + " " + bot.id,
      "aria-label": label.slice(0, -1) + " " + bot.name,
      async onclick() {
        const answer = await run(bot);
        if (!answer) return;
        announce(said + bot.name);
        done(verb, answer);
      },
    }, label);
  });
}
