// The frame: sessions, routes in the address, navigation. Each page is a module of its own.
import { html, render, useEffect, useState } from "./preact.js";
import { link, onLink, session, signIn, signOut } from "./api.js";
import { Empty } from "./parts.js";
import { Overview } from "./overview.js";
import { Run } from "./run.js";
import { Documents } from "./documents.js";
import { Gateway } from "./gateway.js";

// "#/runs/NAME/organization?state=working" -> {parts, query}
function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

const PAGES = [["", "Runs"], ["documents", "Frontiers"], ["gateway", "Gateway"]];

function Live() {
  const [state, setState] = useState(link);
  useEffect(() => onLink(setState), []);
  return html`<span class="live ${state.live ? "" : "lost"}" role="status" id="live" data-seq=${state.seq}>${state.live ? "live" : "connection lost, trying again"}</span>`;
}

function Page({ route }) {
  const [first, ...rest] = route.parts;
  if (!first) return html`<${Overview} route=${route} />`;
  if (first === "runs" && rest[0]) return html`<${Run} key=${rest[0]} run=${rest[0]} tab=${rest[1]} rest=${rest.slice(2)} query=${route.query} />`;
  if (first === "documents") return html`<${Documents} name=${rest[0]} query=${route.query} />`;
  if (first === "gateway") return html`<${Gateway} />`;
  return html`<${Empty}>There is no such page. <a href="#/">All runs</a></${Empty}>`;
}

function SignIn({ done }) {
  const [error, setError] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    try { await signIn(event.target.elements.key.value); done(); } catch (failure) { setError(failure.message); }
  };
  return html`<main><h1>Sign in</h1><form onSubmit=${submit} class="bar"><label>Key <input name="key" type="password" autocomplete="current-password" autofocus /></label>
    <button>Sign in</button></form>${error && html`<p class="bad" role="alert">${error}</p>`}</main>`;
}

function App() {
  const [route, setRoute] = useState(read());
  const [open, setOpen] = useState(null), [keyed, setKeyed] = useState(false);
  const check = () => session().then((told) => { setKeyed(told.needs_key); setOpen(told.signed_in); }, () => setOpen(false));
  const leave = () => signOut().then(check, check);
  useEffect(() => { addEventListener("hashchange", () => setRoute(read())); check(); }, []);
  useEffect(() => { document.title = `${route.parts.slice(0, 3).join(" · ") || "runs"} · Parcae`; }, [route]);
  if (open === null) return null;
  if (!open) return html`<${SignIn} done=${check} />`;
  const here = route.parts[0] === "runs" ? "" : route.parts[0] || "";
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>Skip to content</a>
    <header class="top"><strong>Parcae</strong><nav aria-label="Pages">${PAGES.map(([path, name]) =>
      html`<a href="#/${path}" aria-current=${here === path ? "page" : null}>${name}</a>`)}</nav><${Live} />${keyed && html`<button onClick=${leave}>Sign out</button>`}</header>
    <main id="main" tabindex="-1"><${Page} route=${route} /></main>`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
