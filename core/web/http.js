// Talking to the bridge: JSON in and out, problems as errors with one readable sentence, time-outs, and
// the header without which the bridge refuses a change that rides on the session cookie.

export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.message || "The bridge answered " + status + ".");
    this.status = status; // 0: no answer came
    this.code = document.code || "";
    this.errors = Array.isArray(document.errors) ? document.errors : [];
    this.document = document;
  }
}

let skew = 0; // the bridge's clock minus this machine's, in ms
let onSignedOut = () => {};

export function serverNow() { return Date.now() + skew; }
export function whenSignedOut(f) { onSignedOut = f; }

function learnClock(response) {
  const date = Date.parse(response.headers.get("Date") || "");
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) > 2500 ? date - Date.now() : 0;
}

async function readBody(response) {
  const text = await response.text();
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return { detail: "Something between this page and the bridge answered " + response.status + " without JSON." };
  }
}

// options: body, key (Idempotency-Key), etag, match (If-Match), seconds (time-out). Returns { status, data, etag };
// status 304 has no data. Throws Problem.
export async function call(method, path, options = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    headers["X-Requested-By"] = "page";
  }
  if (options.key) headers["Idempotency-Key"] = options.key;
  if (options.etag) headers["If-None-Match"] = options.etag;
  if (options.match) headers["If-Match"] = options.match;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), 1000 * (options.seconds || 20));
  let response, data;
  try {
    response = await fetch(path, {
      method, headers, cache: "no-store", credentials: "same-origin", redirect: "error", signal: abort.signal,
      body: method === "GET" ? undefined : JSON.stringify(options.body || {}),
    });
    learnClock(response);
    if (response.status === 304) return { status: 304, data: null, etag: options.etag };
    data = await readBody(response);
  } catch (error) {
    const why = abort.signal.aborted ? "The bridge did not answer in time." : "The bridge cannot be reached from this browser.";
    throw new Problem(0, { detail: why, code: "no_answer" });
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return { status: response.status, data, etag: response.headers.get("ETag") };
  if (response.status === 401 && !options.quiet) onSignedOut();
  throw new Problem(response.status, data);
}

export const get = async (path, options) => (await call("GET", path, options)).data;
export const post = async (path, body, key, seconds) => (await call("POST", path, { body, key, seconds })).data;
export const remove = async (path) => (await call("DELETE", path)).data;

// A key for one intention of a person; randomUUID is missing on plain http, getRandomValues is not.
export function intentionKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "page-" + [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export const segment = encodeURIComponent;
