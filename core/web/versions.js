// The versions of one plugin: what the draft would change, every generation that was in force, and
// putting one in force. What is done is always shown first.
import { h, fill, announce } from "./dom.js";
import { get, post, segment, intentionKey } from "./http.js";
import { dateTime } from "./format.js";

function diffLine(line) {
  const kind = line[0] === "+" ? "added" : line[0] === "-" ? "removed" : line[0] === "@" ? "place" : "";
  return h("span", { class: "diff-line " + kind }, line + "\n");
}

export function showDiff(files) {
  if (!files.length) return h("p", { class: "help" }, "The files are the same.");
  return files.map((file) => h("details", { class: "file", open: files.length < 4 },
    h("summary", null, h("code", null, file.path), " ", h("span", { class: "help" }, file.change + ", " + file.added + " lines added, " + file.removed + " removed")),
    h("pre", { tabindex: "0" }, file.text.split("\n").filter((l) => l !== "").map(diffLine))));
}

const CHANGES = { differs: "would be built differently", fails: "could not be built any more", unknown: "cannot be compared" };

function showBots(answer) {
  if (!answer.living) return h("p", { class: "help" }, "No bot of this plugin lives.");
  return [
    h("p", null, answer.built_the_same + " of " + answer.living + " living bots would be built the same. No bot is touched."),
    answer.bots.length ? h("ul", { class: "plain" }, answer.bots.map((bot) => h("li", null, h("strong", null, bot.name), " ", CHANGES[bot.change] || bot.change,
      bot.detail ? ": " + bot.detail : "", bot.fields.length ? [": ", h("code", null, bot.fields.join(" "))] : null))) : null,
  ];
}

const words = (version) => (version ? "version " + version.version + " (" + version.generation + ")" : "nothing");

// Shows what `verb` would do and a button that does exactly that. done() is called when it was done.
async function look(place, name, verb, generation, done) {
  const path = "plugins/" + segment(name) + "/" + verb;
  fill(place, h("p", { class: "help" }, "Looking at what would change…"));
  let shown;
  try {
    shown = await post(path, generation ? { generation, dry_run: true } : { dry_run: true });
  } catch (problem) {
    fill(place, h("p", { class: "error", role: "alert" }, problem.message));
    return;
  }
  const key = intentionKey();
  const trouble = h("p", { class: "error", role: "alert", hidden: true });
  const button = h("button", {
    type: "button", class: "primary",
    async onclick() {
      button.disabled = true;
      try {
        await post(path, { generation: shown.to.generation }, key);
        fill(place);
        announce(words(shown.to) + " is in force.");
        done();
      } catch (problem) {
        trouble.hidden = false;
        fill(trouble, problem.message);
        button.disabled = false;
      }
    },
  }, verb === "activate" ? "Activate" : "Roll back");
  fill(place, h("h3", null, "From " + words(shown.from) + " to " + words(shown.to)),
    shown.needs_added.length ? h("p", { class: "error" }, "Its actions want more of the Hummingbot API: " + shown.needs_added.join(", ") + ".") : null,
    showBots(shown), showDiff(shown.diff), trouble,
    h("div", { class: "buttons" }, button, h("button", { type: "button", onclick: () => fill(place) }, "Leave it")));
  button.focus();
}

function generationRow(plugin, row, place, done) {
  const compare = async () => {
    const found = await get("plugins/" + segment(plugin.name) + "/generations?from=" + plugin.hash + "&to=" + row.generation);
    fill(place, h("h3", null, "From what is live to " + row.generation), showDiff(found.diff));
  };
  return h("tr", null, h("td", null, h("code", null, row.generation)), h("td", null, row.version), h("td", null, row.activated_at ? dateTime(row.activated_at) : "never"),
    h("td", null, row.by || row.cause || ""),
    h("td", null, row.live ? h("span", { class: "chip good" }, "live") : h("div", { class: "row-buttons" },
      h("button", { type: "button", class: "small", "data-key": "compare" + row.generation, onclick: compare }, "Compare"),
      h("button", { type: "button", class: "small", "data-key": "back" + row.generation, onclick: () => look(place, plugin.name, "rollback", row.generation, done) }, "Roll back"))));
}

// The card of a plugin's versions; done() is called when another one is in force.
export async function versionsCard(plugin, done) {
  const { generations } = await get("plugins/" + segment(plugin.name) + "/generations?limit=50");
  const place = h("div", { class: "version-change" });
  return h("section", { class: "card" }, h("div", { class: "title-row" }, h("h2", null, "Versions"),
    plugin.draft ? h("button", { type: "button", class: "primary", "data-key": "draft", onclick: () => look(place, plugin.name, "activate", null, done) },
      "See what the draft changes") : null),
  place,
  generations.length ? h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, ["Generation", "Version", "In force since", "By", ""].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", null, generations.map((row) => generationRow(plugin, row, place, done))))) : h("p", { class: "help" }, "No version is kept yet."));
}
