// The page's start: who is signed in, which view the address names, one view at a time.
import { h, fill } from "./dom.js";
import { call, get, whenSignedOut } from "./http.js";
import { showBots } from "./bots.js";
import { showBot } from "./bot.js";
import { showChoice, showForm } from "./create.js";
import { showChange } from "./change.js";
import { showPlugins } from "./plugins.js";
import { showPlugin } from "./plugin.js";
import { showMany, showStartAgain, showStopAll } from "./many.js";
import { news, setBanner, watchHummingbot } from "./banner.js";

const main = document.getElementById("main"), nav = document.getElementById("nav"), who = document.getElementById("who");
const COMMANDERS = new Set(["admin", "operator"]);
const DEVELOPERS = new Set(["admin", "developer"]);

let session = null; // { role, name, may, develops, sees }
let leave = () => {};
let stopNews = () => {};
let round = 0;

function head() {
  nav.hidden = who.hidden = !session;
  if (!session) return;
  const here = location.hash.split("/")[1] || "";
  const link = (href, text, part) => h("a", { href, "aria-current": here === part ? "page" : null }, text);
  fill(nav, session.sees ? link("#/", "Bots", "") : null, session.may ? link("#/new", "New bot", "new") : null,
    session.develops ? link("#/plugins", "Plugins", "plugins") : null);
  fill(who, h("span", { class: "role" }, session.name === session.role ? "" : session.name || "", h("span", { class: "tag" }, session.role)),
    h("button", { type: "button", class: "small", onclick: signOut }, "Sign out"));
}

// ---- signing in and out ----

function signInForm(note) {
  const trouble = h("p", { class: "error", id: "sign-in-error", role: "alert", hidden: true });
  const token = h("input", {
    id: "token", name: "token", type: "password", class: "input", autocomplete: "current-password", spellcheck: "false",
    autocapitalize: "off", "aria-describedby": "sign-in-error", maxlength: "512",
  });
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  const form = h("form", {
    class: "card sign-in", method: "post",
    async onsubmit(event) {
      event.preventDefault();
      button.disabled = true;
      trouble.hidden = true;
      try {
        const answer = await call("POST", "session", { body: { token: token.value.trim() }, quiet: true });
        token.value = "";
        begin(answer.data);
      } catch (problem) {
        trouble.hidden = false;
        fill(trouble, problem.status === 401 ? "This token is not accepted." : problem.message);
        button.disabled = false;
        token.focus();
        token.select();
      }
    },
  },
  h("h1", null, "Sign in"), note ? h("p", null, note) : null,
  h("label", { for: "token" }, "Token"), token, trouble, h("div", { class: "buttons" }, button),
  h("p", { class: "help" }, "The administrator's token is the setting BRIDGE_ADMIN_TOKEN. Others are made with: trading-bridge token create."));
  fill(main, form);
  document.title = "Sign in · Trading Bridge";
  token.focus();
}

function end(note) {
  round += 1;
  session = null;
  leave();
  leave = () => {};
  stopNews();
  stopNews = () => {};
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  head();
  signInForm(note);
}

async function signOut() {
  try {
    await call("DELETE", "session", { quiet: true });
  } catch (problem) {
    setBanner("bridge", { kind: "bad", title: "Signing out failed", text: problem.message });
    return;
  }
  end("You are signed out.");
}

function begin(answer) {
  session = { role: answer.role, name: answer.name, may: COMMANDERS.has(answer.role), develops: DEVELOPERS.has(answer.role), sees: answer.role !== "developer" };
  stopNews();
  stopNews = watchHummingbot(document.getElementById("banners"), session);
  show();
}

// ---- views ----

const part = (text) => {
  try {
    return decodeURIComponent(text || "");
  } catch {
    return "";
  }
};

// Views that first read something return a function that draws, so that a slow one never draws over
// the view that came after it.
async function show() {
  if (!session) return;
  const mine = ++round;
  leave();
  leave = () => {};
  head();
  const [, place, a, b, c] = location.hash.split("/");
  document.title = "Trading Bridge";
  try {
    if (place === "new" && session.may) {
      document.title = "New bot · Trading Bridge";
      const draw = a && b ? await showForm(main, part(a), part(b), part(c)) : await showChoice(main);
      if (mine === round) draw();
    } else if (place === "bots" && a && b === "change" && session.may) {
      document.title = "Change a bot · Trading Bridge";
      const draw = await showChange(main, part(a));
      if (mine === round) draw();
    } else if (place === "plugins" && a && session.develops) {
      document.title = "Plugin · Trading Bridge";
      leave = showPlugin(main, part(a), news);
    } else if (session.develops && (place === "plugins" || !session.sees)) {
      document.title = "Plugins · Trading Bridge";
      leave = showPlugins(main, news);
    } else if (place === "stop-all" && session.may) {
      document.title = "Stop everything · Trading Bridge";
      leave = showStopAll(main);
    } else if (place === "start-again" && session.may) {
      document.title = "Start those that ran · Trading Bridge";
      leave = showStartAgain(main);
    } else if (place === "operations" && a && session.may) {
      leave = showMany(main, part(a), news);
    } else if (place === "bots" && a) {
      leave = showBot(main, part(a), session, news);
    } else {
      leave = showBots(main, session, news);
    }
  } catch (problem) {
    if (mine === round && session) fill(main, h("div", { class: "card" }, h("p", { class: "error", role: "alert" }, problem.message),
      h("button", { type: "button", onclick: show }, "Try again")));
  }
}

addEventListener("hashchange", () => {
  show();
  if (session) main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
whenSignedOut(() => { if (session) end("Your session has ended. Sign in again."); });

// Whether somebody is signed in; as long as the bridge does not answer, that is asked again.
async function startPage() {
  try {
    begin(await get("session", { quiet: true }));
  } catch (problem) {
    if (problem.status === 401) return signInForm("");
    fill(main, h("div", { class: "card" }, h("p", { class: "error", role: "alert" }, problem.message, " Trying again every 5 s.")));
    setTimeout(startPage, 5000);
  }
  return undefined;
}

startPage();
