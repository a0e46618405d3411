// The plugins as a developer sees them: what serves, what is drafted, what fails and where.
import { h, refresh } from "./dom.js";
import { get, segment } from "./http.js";
import { poll } from "./poll.js";
import { dateTime } from "./format.js";

const STATUS = {
  loaded: ["good", "live"], kept: ["bad", "the files fail; the last good version serves"], failed: ["bad", "does not load"],
  broken: ["bad", "switched off"], draft: ["doubt", "a draft only"],
};

export function statusChips(plugin) {
  const [kind, word] = STATUS[plugin.status] || ["quiet", plugin.status];
  return [
    h("span", { class: "chip " + kind }, word), " ",
    plugin.pin ? [h("span", { class: "chip doubt" }, "pinned by " + plugin.pin), " "] : null,
    plugin.golden_differ ? [h("span", { class: "chip doubt" }, plugin.golden_differ + " golden differ"), " "] : null,
    plugin.draft ? h("span", { class: "chip busy" }, "draft " + plugin.draft.hash) : null,
  ];
}

export function errorBlock(error) {
  if (!error) return null;
  return h("div", { class: "plugin-error" }, h("p", { class: "error" }, error.message),
    error.excerpt ? h("pre", { tabindex: "0" }, error.excerpt) : null);
}

function row(plugin) {
  return h("li", { class: "card" },
    h("div", { class: "title-row" },
      h("h2", null, h("a", { href: "#/plugins/" + segment(plugin.name), "data-key": plugin.name }, plugin.title || plugin.name)),
      h("span", null, statusChips(plugin))),
    h("p", { class: "help" }, plugin.version ? "version " + plugin.version + ", " : "", plugin.hash ? ["generation ", h("code", null, plugin.hash), ", since " + dateTime(plugin.loaded_at)] : "nothing is live"),
    plugin.shadowed ? h("p", null, plugin.shadowed) : null, errorBlock(plugin.error));
}

export function showPlugins(main, news) {
  const list = h("div");
  main.replaceChildren(h("h1", null, "Plugins"),
    h("p", { class: "lead" }, "One folder per exchange. A save is read again within a moment; what fails keeps its last good version."), list);
  const reading = poll(async () => {
    const { plugins } = await get("plugins");
    return refresh(list, plugins, () => plugins.length ? h("ul", { class: "plain plugin-list" }, plugins.map(row)) : h("p", { class: "card" }, "There is no plugin in the folder."));
  }, { first: 1, most: 5, failed: news.failed, worked: news.worked });
  return reading.stop;
}
