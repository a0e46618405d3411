// One input of a form made from JSON Schema: label, unit, help, range, error. Values are checked by the
// bridge, in one place; here they are only read without losing a digit.
import { h, fill, unique } from "./dom.js";
import { plainWords } from "./format.js";

const nullable = (schema) =>
  (Array.isArray(schema.type) && schema.type.includes("null")) || (Array.isArray(schema.enum) && schema.enum.includes(null));

function rangeText(schema) {
  const { minimum: least, maximum: most, exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (least !== undefined && most !== undefined) return least + " to " + most;
  const parts = [];
  if (least !== undefined) parts.push("at least " + least);
  if (above !== undefined) parts.push("above " + above);
  if (most !== undefined) parts.push("at most " + most);
  if (below !== undefined) parts.push("below " + below);
  return parts.join(", ");
}

function unitText(unit, quote) {
  if (unit === "quote") return quote() || "quote";
  return unit || "";
}

const LENGTH_HINT = "seconds, or for example 90s, 15m, 1h30m";

function placeholderOf(schema) {
  const offset = schema["x-from-mid-pct"];
  if (typeof offset === "object") return "from the market price, by " + offset.by;
  if (offset !== undefined) return "market price " + String(offset).replace(/^-/, "\u2212").replace(/^(?=\d)/, "+") + " %";
  if (schema["x-widget"] === "pair") return "BASE-QUOTE";
  return nullable(schema) ? "none" : null;
}

// Whole numbers go as JSON numbers; anything else goes as it was written, so that the bridge can say
// what is wrong with it.
function asInteger(text) {
  const n = Number(text);
  return /^[-+]?\d+$/.test(text) && Number.isSafeInteger(n) ? n : text;
}

const isInteger = (schema) =>
  schema.type === "integer" || (Array.isArray(schema.type) && schema.type.includes("integer"));

// ---- the elements that hold one value: { element, focus, get, set, mark(describedBy, invalid) } ----

function marker(input) {
  return (describedBy, invalid) => {
    if (describedBy) input.setAttribute("aria-describedby", describedBy);
    else input.removeAttribute("aria-describedby");
    if (invalid) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
}

function textControl(schema, id, name, label) {
  const widget = schema["x-widget"];
  const numeric = widget === "decimal" || widget === "percent" || widget === "price" || (widget === "integer" && !(schema.minimum < 0));
  const input = h("input", {
    id, name, type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: widget === "pair" ? "characters" : "off",
    inputmode: numeric ? "decimal" : widget === "duration" && schema.type === "integer" ? "numeric" : null,
    placeholder: placeholderOf(schema), "aria-label": label,
    class: "input " + (numeric || widget === "duration" || widget === "integer" ? "short" : ""),
  });
  return {
    element: input, input, focus: () => input.focus(),
    get() {
      const text = input.value.trim();
      if (text === "") return undefined;
      return isInteger(schema) ? asInteger(text) : text;
    },
    set(value) { input.value = value === null || value === undefined ? "" : String(value); },
    mark: marker(input),
  };
}

// Several lines of JSON or YAML.
function configControl(schema, id, name, label) {
  const input = h("textarea", { id, name, rows: "10", spellcheck: "false", autocapitalize: "off", class: "input", "aria-label": label });
  return {
    element: input, input, focus: () => input.focus(),
    get: () => (input.value.trim() === "" ? undefined : input.value),
    set(value) { input.value = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2); },
    mark: marker(input),
  };
}

function selectControl(schema, id, name, label) {
  const values = schema.enum.filter((v) => v !== null);
  const input = h("select", { id, name, class: "input short", "aria-label": label },
    nullable(schema) ? h("option", { value: "" }, "none") : null,
    values.map((v, i) => h("option", { value: String(i + 1) }, plainWords(v))));
  return {
    element: input, input, focus: () => input.focus(),
    get: () => (input.value === "" ? undefined : values[Number(input.value) - 1]),
    set(value) {
      const i = values.indexOf(value);
      if (i >= 0) input.value = String(i + 1);
      else if (nullable(schema)) input.value = "";
    },
    mark: marker(input),
  };
}

function switchControl(schema, id, name) {
  const input = h("input", { id, name, type: "checkbox", class: "switch" });
  return {
    element: input, input, focus: () => input.focus(),
    get: () => input.checked,
    set(value) { input.checked = value === true; },
    mark: marker(input),
  };
}

// A list is one row per value; its errors point at the row.
function listControl(schema, id, name, label, context) {
  const items = h("ol", { class: "items" });
  const more = h("button", { type: "button", class: "small", onclick: () => grow() }, "Add a value");
  const rows = [];

  function renumber() {
    rows.forEach((row, i) => row.control.input.setAttribute("aria-label", label + ", value " + (i + 1)));
    more.disabled = schema.maxItems !== undefined && rows.length >= schema.maxItems;
  }
  function push(value) {
    const errorId = unique("error");
    const control = controlOf(schema.items || {}, unique(id), null, label, context);
    const error = h("p", { class: "error", id: errorId, hidden: true });
    const row = { control, error, errorId };
    const drop = h("button", {
      type: "button", class: "small", "aria-label": "Remove this value of " + label,
      onclick() {
        rows.splice(rows.indexOf(row), 1);
        row.element.remove();
        renumber();
        more.focus();
      },
    }, "Remove");
    row.element = h("li", null, h("div", { class: "line" }, control.element, drop), error);
    control.set(value);
    rows.push(row);
    items.append(row.element);
    renumber();
  }
  function grow() {
    push(null);
    rows[rows.length - 1].control.focus();
  }
  return {
    element: h("div", { class: "list" }, items, more),
    focus: (index) => ((rows[index] || rows[0] || {}).control || more).focus(),
    get: () => (rows.length === 0 ? undefined : rows.map((row) => { const v = row.control.get(); return v === undefined ? "" : v; })),
    set(values) {
      rows.length = 0;
      fill(items);
      for (const value of values || []) push(value);
      renumber();
    },
    mark() {},
    itemErrors(byIndex) {
      rows.forEach((row, i) => {
        const texts = byIndex[i] || [];
        fill(row.error, texts.join(" "));
        row.error.hidden = texts.length === 0;
        row.control.mark(texts.length ? row.errorId : "", texts.length > 0);
      });
    },
    rows,
  };
}

function controlOf(schema, id, name, label, context) {
  const widget = schema["x-widget"];
  if (widget === "list" || schema.type === "array" || (Array.isArray(schema.type) && schema.type.includes("array")))
    return listControl(schema, id, name, schema.title || name, context);
  if (widget === "switch" || schema.type === "boolean") return switchControl(schema, id, name);
  if (Array.isArray(schema.enum)) return selectControl(schema, id, name, label);
  if (widget === "config") return configControl(schema, id, name, label);
  return textControl(schema, id, name, label);
}

// The error of one field as one sentence.
export function errorText(error) {
  return String(error.message || error.code || "is refused") + (error.hint ? " (" + error.hint + ")" : "");
}

// pointer: where the bridge points when the value is wrong ("/params/low"). context: { quote() }.
export function makeField(name, schema, pointer, context) {
  const id = unique("field"), helpId = id + "-help", errorId = id + "-error";
  const label = schema.title || name;
  const isList = schema["x-widget"] === "list" || schema.items !== undefined;
  const control = controlOf(schema, id, name, null, context);
  const unit = schema["x-unit"] || (schema.items && schema.items["x-unit"]);
  const unitElement = unit ? h("span", { class: "unit" }, unitText(unit, context.quote)) : null;
  const range = rangeText(schema.items || schema);
  const help = h("p", { class: "help", id: helpId }, [
    schema.description, range && range.charAt(0).toUpperCase() + range.slice(1) + ".",
    schema.type && Array.isArray(schema.type) && schema["x-widget"] === "duration" && schema.type.includes("string") ? "Write " + LENGTH_HINT + "." : null,
  ].filter(Boolean).join(" "));
  const error = h("p", { class: "error", id: errorId, hidden: true });
  const line = h("div", { class: "line" }, control.element, unitElement);
  const isSwitch = control.input && control.input.type === "checkbox";
  const element = isList
    ? h("fieldset", { class: "field list-field", "aria-describedby": helpId }, h("legend", null, label, unit ? " (" + unitText(unit, context.quote) + ")" : ""), help, control.element, error)
    : isSwitch
      ? h("div", { class: "field switch-field" }, h("label", { class: "line", for: id }, control.element, h("span", null, label)), help, error)
      : h("div", { class: "field" }, h("label", { for: id }, label), line, help, error);
  if (help.textContent === "") help.hidden = true;
  control.mark(helpId, false);
  control.set(schema.default);

  return {
    name, pointer, element, schema, input: control.input,
    focus: (rest) => control.focus(Number((rest || "").slice(1)) || 0),
    set: control.set,
    // undefined: leave the field out; null: an optional field was emptied.
    get() {
      const value = control.get();
      if (value !== undefined) return value;
      return nullable(schema) && schema.default !== undefined && schema.default !== null ? null : undefined;
    },
    unitChanged() { if (unitElement) fill(unitElement, unitText(unit, context.quote)); },
    // errors: those whose pointer is this field's or below it.
    showErrors(errors) {
      const own = errors, byIndex = {};
      if (control.itemErrors) {
        for (const e of errors) {
          const index = Number(e.pointer.slice(pointer.length + 1));
          if (e.pointer !== pointer && control.rows[index]) (byIndex[index] = byIndex[index] || []).push(errorText(e));
        }
        control.itemErrors(byIndex);
      }
      const here = own.filter((e) => !(control.itemErrors && e.pointer !== pointer && control.rows[Number(e.pointer.slice(pointer.length + 1))]));
      fill(error, here.map(errorText).join(" "));
      error.hidden = here.length === 0;
      control.mark(here.length ? errorId + " " + helpId : helpId, here.length > 0);
      element.classList.toggle("wrong", errors.length > 0);
    },
  };
}
