// What an operator must know whatever page is open: the bridge cannot be reached, the Hummingbot API
// cannot be reached and since when, the list is old.
import { h, refresh } from "./dom.js";
import { call, get } from "./http.js";
import { poll } from "./poll.js";
import { dateTime, isTime } from "./format.js";

const banners = { bridge: null, hummingbot: null, reboot: null, list: null };
let place = null;

function draw() {
  const shown = Object.values(banners).filter(Boolean);
  refresh(place, shown, () => shown.map((b) => h("div", { class: "banner " + b.kind, role: b.kind === "bad" ? "alert" : "status" },
    h("strong", null, b.title), b.since !== undefined ? [" since ", isTime(b.since) ? dateTime(b.since) : "the bridge started"] : null, ". ", b.text || "", b.link ? [" ", h("a", { href: b.link[0], "data-key": b.link[0] }, b.link[1])] : null)));
}

export function setBanner(name, value) {
  if (JSON.stringify(banners[name]) === JSON.stringify(value)) return;
  banners[name] = value;
  draw();
}

const HEALTH = {
  down: (hb) => ({ kind: "bad", title: "Hummingbot API unreachable", since: hb.last_ok || "", text: sentence(hb.last_error) + "What is shown below is from before; whether bots trade now is unknown." }),
  never_seen: (hb) => ({ kind: "bad", title: "Hummingbot API unreachable", since: "", text: sentence(hb.last_error || (hb.feed || {}).error) + "Nothing is known of the bots yet." }),
  busy: () => ({ kind: "doubt", title: "The Hummingbot API is busy", text: "It starts or stops a container; answers take longer." }),
};

function sentence(text) {
  return text ? String(text).replace(/[.\s]*$/, "") + ". " : "";
}

// Operators read /hummingbot; others only whether the bridge is ready.
async function look(session) {
  if (session.may) {
    const hb = await get("hummingbot");
    const show = HEALTH[hb.health];
    setBanner("hummingbot", show ? show(hb)
      : hb.feed && hb.feed.error ? { kind: "doubt", title: "The Hummingbot API answers, but the bots cannot be read", since: hb.feed.looked_at || "", text: sentence(hb.feed.error) }
        : null);
    const fallen = hb.rebooted;
    setBanner("reboot", fallen ? { kind: "doubt", title: fallen.bots.length + " bots fell together, as when their host restarts", since: fallen.at,
      text: "None is started by itself: " + fallen.bots.map((b) => b.name).join(", ") + ".", link: ["#/start-again", "Start them…"] } : null);
    return false;
  }
  try {
    await call("GET", "readyz", { quiet: true });
    setBanner("hummingbot", null);
  } catch (problem) {
    if (problem.status === 0) throw problem;
    setBanner("hummingbot", { kind: "bad", title: "The bridge is not ready", text: sentence(problem.document.status && "It says: " + problem.document.status) + "What is shown may be old." });
  }
  return false;
}

export const news = {
  failed(problem) {
    const gone = problem.status === 0 || problem.status >= 500;
    if (problem.status === 401) return;
    setBanner("bridge", { kind: "bad", title: gone ? "No news from the bridge" : "The bridge refused", text: problem.message });
  },
  worked() { setBanner("bridge", null); },
  // For people who may not read /hummingbot the list itself says that it is old.
  list(since) {
    setBanner("list", since && !news.operator ? { kind: "doubt", title: "The figures are not refreshed", since } : null);
  },
  operator: false,
};

export function watchHummingbot(element, session) {
  place = element;
  news.operator = session.may;
  for (const name of Object.keys(banners)) banners[name] = null;
  draw();
  const watch = poll(() => look(session), { first: 5, most: 5, failed: news.failed });
  return () => {
    watch.stop();
    for (const name of Object.keys(banners)) setBanner(name, null);
  };
}
