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

// ---- the elements that hold one value: { element, focus(rest), get, set, mark(describedBy, invalid) } ----
// What holds several values also has nested(errors): errors with pointers from here on; it shows those that
// are of one of its values and gives the others back. rest: the pointer from here on of what is wanted.

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
  const rows = [], mayBeEmpty = !schema.minItems && Array.isArray(schema.default);

  function renumber() {
    rows.forEach((row, i) => (row.control.input || row.element).setAttribute("aria-label", label + ", value " + (i + 1)));
    more.disabled = schema.maxItems !== undefined && rows.length >= schema.maxItems;
  }
  function push(value) {
    const errorId = unique("error");
    const control = controlOf(schema.items || {}, unique(id), name, label, context);
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
    row.element = h("li", null, h("div", { class: control.nested ? "record-line" : "line" }, control.element, drop), error);
    control.set(value);
    rows.push(row);
    items.append(row.element);
    renumber();
  }
  function grow() {
    push(null);
    rows[rows.length - 1].control.focus("");
  }
  return {
    element: h("div", { class: "list" }, items, more),
    focus(rest) {
      const [, index, below] = /^\/(\d+)(.*)$/.exec(rest) || [];
      const row = rows[index] || rows[0];
      if (row) row.control.focus(below || "");
      else more.focus();
    },
    get: () => (rows.length === 0 ? (mayBeEmpty ? [] : undefined) : rows.map((row) => { const v = row.control.get(); return v === undefined ? "" : v; })),
    set(values) {
      rows.length = 0;
      fill(items);
      for (const value of values || []) push(value);
      renumber();
    },
    mark() {},
    nested(errors) {
      const byRow = new Map(rows.map((row) => [row, []])), others = [];
      for (const e of errors) {
        const [, index, below] = /^\/(\d+)(.*)$/.exec(e.pointer) || [];
        if (rows[index]) byRow.get(rows[index]).push({ ...e, pointer: below });
        else others.push(e);
      }
      for (const [row, own] of byRow) {
        const here = row.control.nested ? row.control.nested(own) : own;
        fill(row.error, here.map(errorText).join(" "));
        row.error.hidden = here.length === 0;
        row.control.mark(here.length ? row.errorId : "", here.length > 0);
      }
      return others;
    },
  };
}

const inOrder = (properties) =>
  Object.keys(properties || {}).sort((a, b) => (properties[a]["x-order"] || 0) - (properties[b]["x-order"] || 0));

// Several values with names of their own; one that may be left out has a switch.
function recordControl(schema, id, name, context) {
  const fields = inOrder(schema.properties).map((member) =>
    makeField(member, schema.properties[member], "", context, (name || "") + "." + member));
  const optional = nullable(schema);
  const input = optional ? h("input", { id, name, type: "checkbox", class: "switch" }) : null;
  const body = h("div", { class: "record" }, fields.map((f) => f.element));
  const used = () => !optional || input.checked;
  const show = () => { body.hidden = !used(); };
  if (optional) input.addEventListener("change", show);
  return {
    element: h("div", { class: "record-box" }, optional ? h("label", { class: "line", for: id }, input, h("span", null, "Use it")) : null, body),
    focus(rest) {
      const field = fields.find((f) => rest === "/" + f.name || rest.startsWith("/" + f.name + "/"));
      if (used()) (field || fields[0]).focus(field ? rest.slice(field.name.length + 1) : "");
      else input.focus();
    },
    get: () => (used() ? Object.fromEntries(fields.map((f) => [f.name, f.get()]).filter(([, v]) => v !== undefined)) : undefined),
    set(value) {
      const given = value !== null && value !== undefined;
      if (optional) input.checked = given;
      if (given) for (const f of fields) f.set(value[f.name]);
      show();
    },
    mark() {},
    nested(errors) {
      const rest = new Set(errors);
      for (const f of fields) {
        const own = errors.filter((e) => e.pointer === "/" + f.name || e.pointer.startsWith("/" + f.name + "/"));
        own.forEach((e) => rest.delete(e));
        f.showErrors(used() ? own.map((e) => ({ ...e, pointer: e.pointer.slice(f.name.length + 1) })) : []);
        if (!used()) own.forEach((e) => rest.add(e));
      }
      return [...rest];
    },
    unitChanged() { for (const f of fields) f.unitChanged(); },
  };
}

function controlOf(schema, id, name, label, context) {
  const widget = schema["x-widget"];
  if (widget === "list" || schema.type === "array" || (Array.isArray(schema.type) && schema.type.includes("array")))
    return listControl(schema, id, name, schema.title || name, context);
  if (widget === "record") return recordControl(schema, id, name, context);
  if (widget === "switch" || schema.type === "boolean") return switchControl(schema, id, name);
  if (Array.isArray(schema.enum)) return selectControl(schema, id, name, label);
  if (widget === "config") return configControl(schema, id, name, label);
  return textControl(schema, id, name, label);
}

// The error of one field as one sentence.
export function errorText(error) {
  return String(error.message || error.code || "is refused") + (error.hint ? " (" + error.hint + ")" : "");
}

// pointer: where the bridge points when the value is wrong ("/params/low"). context: { quote() }. inputName: of
// the input, which in a record is not the field's alone.
export function makeField(name, schema, pointer, context, inputName = name) {
  const id = unique("field"), helpId = id + "-help", errorId = id + "-error";
  const label = schema.title || name;
  const isList = schema["x-widget"] === "list" || schema["x-widget"] === "record" || schema.items !== undefined;
  const control = controlOf(schema, id, inputName, null, context);
  const hasRecord = (schema.items || schema)["x-widget"] === "record";
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
    ? h("fieldset", { class: "field list-field" + (hasRecord ? " wide-field" : ""), "aria-describedby": helpId }, h("legend", null, label, unit ? " (" + unitText(unit, context.quote) + ")" : ""), help, control.element, error)
    : isSwitch
      ? h("div", { class: "field switch-field" }, h("label", { class: "line", for: id }, control.element, h("span", null, label)), help, error)
      : h("div", { class: "field" }, h("label", { for: id }, label), line, help, error);
  if (help.textContent === "") help.hidden = true;
  control.mark(helpId, false);
  control.set(schema.default);

  return {
    name, pointer, element, schema, input: control.input,
    focus: (rest) => control.focus(rest || ""),
    set: control.set,
    // undefined: leave the field out; null: an optional field was emptied.
    get() {
      const value = control.get();
      if (value !== undefined) return value;
      return nullable(schema) && schema.default !== undefined && schema.default !== null ? null : undefined;
    },
    unitChanged() {
      if (unitElement) fill(unitElement, unitText(unit, context.quote));
      if (control.unitChanged) control.unitChanged();
    },
    // errors: those whose pointer is this field's or below it.
    showErrors(errors) {
      const here = control.nested ? control.nested(errors.map((e) => ({ ...e, pointer: e.pointer.slice(pointer.length) }))) : errors;
      fill(error, here.map(errorText).join(" "));
      error.hidden = here.length === 0;
      control.mark(here.length ? errorId + " " + helpId : helpId, here.length > 0);
      element.classList.toggle("wrong", errors.length > 0);
    },
  };
}
