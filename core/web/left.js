// What an ended stop may have left on the exchange, in sentences.
import { h } from "./dom.js";
import { plainWords } from "./format.js";

const ORDERS = { none: "No orders rest on the exchange.", locked: "Orders still lock a part of the balance.", unknown: "Whether orders rest on the exchange is not known." };
const POSITIONS = { closed: "Positions were closed.", kept: "Positions were kept: they are still there.", unknown: "What became of positions is not known." };

export function showLeft(op) {
  if (op.kind !== "stop" || !op.ended_at) return null;
  if (!op.left) return h("p", { class: "help" }, "What it may have left is being looked at.");
  const locked = (op.left.balances || []).filter((b) => Number(b.locked) > 0);
  return [h("h3", null, "What it left"), h("ul", { class: "sentences" },
    h("li", null, ORDERS[op.left.orders] || plainWords(op.left.orders)), h("li", null, POSITIONS[op.left.positions] || plainWords(op.left.positions)),
    locked.map((b) => h("li", null, "Locked: " + b.locked + " of " + b.units + " " + b.token + " on " + b.connector)),
    op.left.others.length ? h("li", null, "It may be locked by: " + op.left.others.map((o) => o.name).join(", ")) : null,
    op.left.unknown.map((u) => h("li", null, h("span", { class: "unknown" }, "Not known: "), u)))];
}
