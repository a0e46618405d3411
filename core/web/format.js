// How values read: money keeps its exact text and is only shortened by digits, never by floats; what is
// null is "unknown", never 0; every colour has a word or a sign beside it.
import { h } from "./dom.js";
import { serverNow } from "./http.js";

export const unknown = () => h("span", { class: "unknown" }, "unknown");

// Rounds the text of a plain decimal half away from zero to at most `digits` fraction digits.
export function shorten(text, digits) {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!m || !m[3] || m[3].length <= digits) return text;
  const kept = BigInt(m[2] + m[3].slice(0, digits)) + (m[3][digits] >= "5" ? 1n : 0n);
  const all = kept.toString().padStart(digits + 1, "0");
  const cut = all.slice(0, all.length - digits), rest = all.slice(all.length - digits);
  return m[1] + (digits ? cut + "." + rest : cut);
}

function grouped(text) {
  const m = /^(-?)(\d+)(.*)$/.exec(text);
  return m ? (m[1] && "\u2212") + m[2].replace(/\B(?=(\d{3})+$)/g, "\u2009") + m[3] : text;
}

const signOf = (text) => (/^-/.test(text) && /[1-9]/.test(text) ? -1 : /[1-9]/.test(text) ? 1 : 0);

// An amount without judgement: fees, volume.
export function amount(value, digits = 4) {
  if (value === null || value === undefined) return unknown();
  const text = String(value);
  return h("span", { class: "number", title: text }, grouped(shorten(text, digits)));
}

// A gain or a loss: sign, colour and, for screen readers, the word.
export function gain(value, unit, digits = 4) {
  if (value === null || value === undefined) return unknown();
  const text = String(value), sign = signOf(text);
  const short = shorten(text, digits);
  const words = { "-1": ["loss", "loss "], 0: ["even", ""], 1: ["profit", "profit "] }[sign];
  return h("span", { class: "number " + words[0], title: text + (unit ? " " + unit : "") },
    h("span", { class: "sr" }, words[1]),
    (sign > 0 ? "+" : "") + grouped(short), unit ? "\u00a0" + unit : null);
}

// ---- time ----

function ago(ms) {
  const s = Math.max(0, Math.round((serverNow() - ms) / 1000));
  if (s < 2) return "now";
  if (s < 100) return s + " s ago";
  if (s < 6000) return Math.round(s / 60) + " min ago";
  if (s < 172800) return Math.round(s / 3600) + " h ago";
  return Math.round(s / 86400) + " days ago";
}

// Times before this are "never" in disguise.
const LONG_AGO = Date.UTC(2015, 0, 1);
export function isTime(text) {
  return typeof text === "string" && Date.parse(text) > LONG_AGO;
}

export function relative(text) {
  if (!isTime(text)) return unknown();
  const at = Date.parse(text);
  return h("time", { datetime: text, title: new Date(at).toLocaleString(), "data-ago": at }, ago(at));
}

export function clockTime(text) {
  if (!isTime(text)) return unknown();
  const at = new Date(text);
  return h("time", { datetime: text, title: at.toLocaleString() }, at.toLocaleTimeString([], { hour12: false }));
}

export function dateTime(text) {
  if (!isTime(text)) return unknown();
  return h("time", { datetime: text }, new Date(text).toLocaleString([], { hour12: false }));
}

setInterval(() => {
  if (document.hidden) return;
  for (const e of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Number(e.dataset.ago));
    if (e.textContent !== text) e.textContent = text;
  }
}, 1000);

// ---- words ----

const MARKS = { good: "●", busy: "◐", bad: "▲", quiet: "○", doubt: "?" };

const STATES = {
  deploying: ["busy", "its files and container are being made"],
  starting: ["busy", "waiting for its first report"],
  running: ["good", ""],
  stale: ["doubt", "it has sent nothing new for a while"],
  degraded: ["bad", "it runs, but not as it should"],
  stopping: ["busy", "waiting for proof that it has stopped"],
  stopped: ["quiet", ""],
  archiving: ["busy", "its stop is proven, its container is being removed"],
  archived: ["quiet", "its container is gone, its folder is kept"],
  failed: ["bad", ""],
  unknown: ["doubt", "whether it trades is not known"],
  settling: ["doubt", "an answer was lost; making sure that nothing came of it"],
  conflict: ["bad", "more than one instance: a person must decide"],
};

const REASONS = {
  crashed: "its container ended by itself",
  stopped_by_itself: "the strategy ended by itself",
  stopped_by_limit: "a loss limit stopped it",
  gone: "its container is gone",
  reappeared: "it trades although it was stopped",
  not_proven: "it did not prove in time that it trades",
  report_frozen: "its report does not change any more",
  no_report: "it runs but has sent no report",
  report_unreadable: "the Hummingbot API cannot write its report",
  silent: "nothing has been heard of it",
  running_but_not_trading: "it runs but does not trade",
  drawdown_near_limit: "it is near its loss limit",
  errors_rising: "its log fills with errors",
  files_drifted: "its files were changed beside the bridge",
  credentials_rotated: "its account's keys were removed or entered again",
  image_changed: "it runs another image than it was deployed with",
  version_changed: "the Hummingbot API is another than when it was planned",
};

const words = (code) => String(code).replace(/_/g, " ");

export function stateClass(state) {
  return (STATES[state] || ["doubt"])[0];
}

export function stateChip(state) {
  const kind = stateClass(state);
  return h("span", { class: "chip " + kind }, h("span", { "aria-hidden": "true" }, MARKS[kind] + " "), words(state || "unknown"));
}

// Why the bot is in its state, as one sentence, or "".
export function stateReason(bot) {
  const reason = bot.reason;
  if (reason && reason.detail) return reason.detail;
  if (reason && reason.code) return REASONS[reason.code] || words(reason.code);
  if (bot.error) return String(bot.error);
  return (STATES[bot.state] || ["", ""])[1];
}

const OPERATIONS = {
  pending: ["busy", "waiting for its turn"],
  running: ["busy", ""],
  settling: ["doubt", "an answer was lost. The bridge makes sure that nothing came of it (about two minutes); until then the name stays taken"],
  succeeded: ["good", ""],
  failed: ["bad", ""],
  not_proven: ["doubt", "the container runs, but no proof of life came in time; it is still watched"],
  unknown: ["doubt", "what came of it is not known"],
  conflict: ["bad", "more than one instance was found: a person must decide"],
  superseded: ["quiet", "a later command took its place"],
};

export function operationOpen(state) {
  return state === "pending" || state === "running" || state === "settling";
}

export function operationChip(state) {
  const kind = (OPERATIONS[state] || ["doubt"])[0];
  return h("span", { class: "chip " + kind }, h("span", { "aria-hidden": "true" }, MARKS[kind] + " "), words(state || "unknown"));
}

export function operationMeaning(state) {
  return (OPERATIONS[state] || ["", ""])[1];
}

const STEPS = {
  image: "Image is present", upload_controllers: "Upload controller configs", upload_script: "Upload script config",
  verify_files: "Read the files back", deploy: "Deploy, sent once", look: "Look for the instance",
  remove_created: "Remove a container that never started", burn: "Make the lost attempt harmless", settle: "Wait until nothing can follow",
  container: "Container seen", proof_of_life: "Proof of life: its first report", inspect: "Look at what is there",
  stop_bot: "Stop the strategy", proof_of_stop: "Proof of stop: positions closed", stop_container: "Stop the container",
  start_container: "Start the container", archive: "Archive", proof_of_archive: "Proof of archive: its container is gone",
  remove_container: "Remove the container",
};

export const stepTitle = (name) => STEPS[name] || words(name);
export const plainWords = words;

export function titleCase(code) {
  const text = words(code);
  return text.charAt(0).toUpperCase() + text.slice(1);
}
