// What concerns many bots at once: the emergency stop, starting those that fell with their host, and
// watching such an operation. What would be done is shown first; nothing is sent before the button.
import { h, fill, refresh, announce } from "./dom.js";
import { get, post, segment, intentionKey } from "./http.js";
import { poll } from "./poll.js";
import { clockTime, operationChip, operationMeaning, operationOpen, plainWords } from "./format.js";

const ITEM_WORDS = {
  would_do: ["busy", "would be done"], refused: ["bad", "cannot be done"], left_running: ["doubt", "left running"], pending: ["busy", "waiting"],
  running: ["busy", "in progress"], succeeded: ["good", "done"], failed: ["bad", "failed"], skipped: ["quiet", "not touched"],
};

function itemRow(item) {
  const [kind, word] = ITEM_WORDS[item.state] || ["doubt", plainWords(item.state || "unknown")];
  return h("li", { class: "step " + kind },
    h("span", { class: "what" }, h("a", { href: "#/bots/" + segment(item.bot), "data-key": "open " + item.bot }, item.name), ": ", word,
      item.policy === "abandon" ? h("span", { class: "tag" }, "abandon") : null,
      item.managed === false ? h("span", { class: "tag" }, "not made by the bridge") : null,
      item.detail ? h("span", { class: "detail" }, item.detail) : null,
      item.state === "would_do" && item.effects ? h("ul", { class: "sentences" }, item.effects.map((e) => h("li", null, e))) : null));
}

const items = (op) => (op.items.length ? h("ul", { class: "plain steps" }, op.items.map(itemRow)) : h("p", null, "There is no such bot."));

// A view that asks the bridge what it would do, shows that, and does it when the button is pressed.
function confirmView(main, { title, words, label, path, ask, act, danger, options }) {
  const list = h("div", { class: "card" }, h("p", { class: "help" }, "Reading what would be done…"));
  const trouble = h("p", { class: "error", role: "alert", hidden: true });
  const go = h("button", { type: "button", class: danger ? "danger" : "primary", disabled: true, "data-key": "go" }, label);
  const key = intentionKey();
  let round = 0;

  async function look() {
    const mine = ++round;
    go.disabled = true;
    trouble.hidden = true;
    try {
      const dry = await post(path, ask(), undefined, 40);
      if (mine !== round) return;
      fill(list, dry.error ? h("p", { class: "error" }, dry.error.detail) : null, items(dry));
      go.disabled = !dry.items.some((i) => i.state === "would_do");
    } catch (problem) {
      if (mine !== round) return;
      trouble.hidden = false;
      fill(trouble, problem.message);
    }
  }
  go.addEventListener("click", async () => {
    go.disabled = true;
    trouble.hidden = true;
    try {
      const body = act();
      const op = await post(path, body, key + "-" + JSON.stringify(body).length, 40);
      announce(title);
      location.hash = "#/operations/" + segment(op.id);
    } catch (problem) {
      trouble.hidden = false;
      fill(trouble, problem.message, problem.status === 0 ? " It is not known whether the request arrived; pressing again is safe." : "");
      go.disabled = false;
    }
  });
  fill(main, h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Bots")), h("h1", null, title), words.map((w) => h("p", null, w)),
    options ? options(look) : null, list, trouble, h("div", { class: "buttons" }, go, h("a", { class: "button", href: "#/" }, "Cancel")));
  look();
  return () => { round += 1; };
}

export function showStopAll(main) {
  const others = h("input", { type: "checkbox", id: "others" });
  const body = (more) => ({ ...more, ...(others.checked ? { include_unmanaged: true } : {}) });
  return confirmView(main, {
    title: "Stop everything?", label: "Stop all of them now", danger: true, path: "bots/emergency-stop",
    words: ["Every bot is told to stop; its positions are closed at market and the bridge waits for proof. A bot that cannot hear it is stopped by its container, which leaves its orders and positions on the exchange. Other commands under way are ended."],
    ask: () => body({ dry_run: true }), act: () => body({ confirm: "stop" }),
    options(look) {
      others.addEventListener("change", look);
      return h("p", null, others, " ", h("label", { for: "others" }, "Also those that the bridge did not make"));
    },
  });
}

export function showStartAgain(main) {
  return confirmView(main, {
    title: "Start those that ran?", label: "Start them one after another", path: "bots/start",
    words: ["These bots ran until their host went down. Each is started when the life of the one before is proven. Prices in their configurations are not made anew."],
    ask: () => ({ bots: "those_that_ran", dry_run: true }), act: () => ({ bots: "those_that_ran" }),
  });
}

export function showMany(main, id, news) {
  const part = h("section", { class: "card" }, h("p", { class: "help" }, "Reading the operation…"));
  let state = null;
  fill(main, h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Bots")), part);
  const watch = poll(async () => {
    const op = await get("operations/" + segment(id));
    const meaning = operationMeaning(op.state);
    document.title = plainWords(op.kind) + " · Trading Bridge";
    if (state !== null && state !== op.state) announce(plainWords(op.kind) + " " + plainWords(op.state));
    state = op.state;
    return refresh(part, op, () => [
      h("div", { class: "title-row" }, h("h1", null, plainWords(op.kind)), operationChip(op.state)),
      meaning ? h("p", { class: "help" }, "This means: " + meaning + ".") : null,
      op.error ? h("p", { class: "error" }, op.error.detail) : null, items({ items: op.items || [] }),
      h("p", { class: "help" }, "Asked for at ", clockTime(op.created_at), op.ended_at ? [", ended at ", clockTime(op.ended_at)] : null, ". ", h("code", null, op.id)),
    ]) || operationOpen(op.state);
  }, { first: 1, most: 5, failed: news.failed, worked: news.worked });
  return watch.stop;
}
