// Building and changing elements. Everything that comes from outside becomes a text node or the value
// of a named attribute; nothing here parses markup, so data can never become elements or code.

const ATTRIBUTES = new Set([
  "id", "class", "type", "name", "value", "href", "for", "title", "role", "placeholder", "autocomplete",
  "inputmode", "tabindex", "datetime", "scope", "colspan", "open", "disabled", "checked", "hidden", "spellcheck",
  "maxlength", "autofocus", "method", "required", "autocapitalize", "label", "list", "rows",
]);

// h("button", { class: "danger", onclick: f }, "Stop"): children are nodes, texts, arrays or nothing.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (ATTRIBUTES.has(name) || name.startsWith("aria-") || name.startsWith("data-"))
      element.setAttribute(name, value === true ? "" : String(value));
    else throw new Error("h: the attribute " + name + " is not allowed");
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false) element.append(String(child));
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

// Replaces the content only when `data` differs from last time, and gives the keyboard focus back to the
// element with the same data-key, so that polling never takes it away.
export function refresh(element, data, build) {
  const text = JSON.stringify(data);
  if (element.lastData === text) return false;
  element.lastData = text;
  const held = element.contains(document.activeElement) ? document.activeElement.closest("[data-key]") : null;
  const key = held && held.dataset.key;
  const opened = new Set([...element.querySelectorAll("details[open][data-key]")].map((d) => d.dataset.key));
  fill(element, build(data));
  for (const details of element.querySelectorAll("details[data-key]"))
    if (opened.has(details.dataset.key)) details.open = true;
  if (key) {
    const again = [...element.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key);
    if (again) again.focus();
  }
  return true;
}

let serial = 0;
export function unique(prefix) {
  serial += 1;
  return prefix + "-" + serial;
}

// Tells screen readers what changed without moving the focus.
export function announce(text) {
  document.getElementById("announce").textContent = text;
}
