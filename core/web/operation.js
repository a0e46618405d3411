// An operation as people watch it: its steps with state, time and detail.
import { h } from "./dom.js";
import { showLeft } from "./left.js";
import { clockTime, operationChip, operationMeaning, operationOpen, plainWords, stepTitle } from "./format.js";

const STEP_MARKS = {
  done: ["good", "✓", "done"], doing: ["busy", "◐", "in progress"], failed: ["bad", "✗", "failed"], unknown: ["doubt", "?", "unknown"],
};

function stepRow(step, open) {
  const state = step.state === "doing" && !open ? "unknown" : step.state;
  const [kind, mark, word] = STEP_MARKS[state] || ["doubt", "?", plainWords(state || "unknown")];
  return h("li", { class: "step " + kind },
    h("span", { class: "mark", "aria-hidden": "true" }, mark),
    h("span", { class: "what" }, stepTitle(step.name), h("span", { class: "sr" }, ": " + word),
      step.detail ? h("span", { class: "detail" }, step.detail) : null),
    h("span", { class: "when" }, clockTime(step.at)));
}

const KINDS = { create: "Create", start: "Start", stop: "Stop", restart: "Restart", archive: "Archive", redeploy: "Redeploy" };

export function operationTitle(op) {
  return KINDS[op.kind] || plainWords(op.kind || "operation");
}

export function showOperation(op) {
  const open = operationOpen(op.state);
  const meaning = operationMeaning(op.state);
  return [
    h("div", { class: "title-row" }, h("h2", null, operationTitle(op)), operationChip(op.state)),
    meaning ? h("p", { class: "help" }, "This means: " + meaning + ".") : null,
    op.error ? h("p", { class: "error" }, op.error.detail || op.error.message || plainWords(op.error.code || "failed")) : null,
    h("ol", { class: "steps" }, (op.steps || []).map((s) => stepRow(s, open))),
    showLeft(op),
    h("p", { class: "help" }, "Asked for at ", clockTime(op.created_at), op.ended_at ? [", ended at ", clockTime(op.ended_at)] : null, ". ",
      h("code", null, op.id)),
  ];
}
