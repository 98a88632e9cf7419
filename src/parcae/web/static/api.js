// Asks the read API, follows the journal's tail, and keeps a page's document fresh. Knows nothing of pages.
import { useEffect, useState } from "./preact.js";

let csrf = "";

export async function session() {
  const told = await ask("api/session");
  csrf = told.csrf || "";
  return told;
}

export async function signIn(key) {
  const told = await ask("api/session", { method: "POST", body: JSON.stringify({ key }) });
  csrf = told.csrf;
  return told;
}

export async function signOut() {
  await ask("api/session", { method: "DELETE" });
  csrf = "";
}

export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { "x-parcae-csrf": csrf, "content-type": "application/json" } });
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  const told = isJson ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(told.error || `${answer.status} ${answer.statusText}`);
  return told;
}

export const act = (run, action, body = {}) => ask(`${at(run)}/${action}`, { method: "POST", body: JSON.stringify(body) });
export const at = (run) => `api/runs/${encodeURIComponent(run)}`;

// ---- liveness: one EventSource a page; the browser reconnects and names the last id that it saw

const watchers = new Set();
export const link = { live: true, seq: 0 };
export function onLink(watch) { watchers.add(watch); return () => watchers.delete(watch); }
function tell() { for (const watch of watchers) watch({ ...link }); }

export function follow(path, changed) {
  const source = new EventSource(path);
  source.onopen = () => { link.live = true; tell(); changed(); };
  source.onerror = () => { link.live = false; tell(); };
  source.onmessage = (message) => { link.seq = Number(message.lastEventId); link.live = true; tell(); changed(); };
  return () => source.close();
}

// The document at `path`, asked for again when the journal grew, at most every `pause` milliseconds. `merge` takes the
// old and the new document; `since` is added to the question so that only what changed is sent.
export function useLive(path, events, { merge = (old, fresh) => fresh, pause = 400, since = false } = {}) {
  const [state, setState] = useState({ path: null, document: null, error: null });
  useEffect(() => {
    let held = null, busy = false, again = false, gone = false;
    async function load() {
      if (busy) { again = true; return; }
      busy = true; again = false;
      try {
        const query = since && held ? `${path.includes("?") ? "&" : "?"}since=${held.seq}` : "";
        const fresh = await ask(path + query);
        if (gone) return;
        held = merge(held, fresh);
        setState({ path, document: held, error: null });
      } catch (error) {
        if (!gone) setState((old) => ({ path, document: old.path === path ? old.document : null, error: error.message }));
      }
      setTimeout(() => { busy = false; if (again && !gone) load(); }, pause);
    }
    load();
    const close = events ? follow(`${events}?form=ticks&after=${link.seq}`, load) : () => {};
    return () => { gone = true; close(); };
  }, [path]);
  return state.path === path ? state : { document: null, error: null };
}
