// An organisation: a tree that draws only the rows in view, filters, and one employee beside it.
import { html, useEffect, useMemo, useRef, useState } from "./preact.js";
import { act, at, useLive } from "./api.js";
import { Controls } from "./run.js";
import { Card, Chip, Empty, Failed, Table, usd, when } from "./parts.js";

const ROW = 30, SPARE = 6;
const STATES = ["working", "queued", "waiting", "handed_in", "done", "left"];

function merge(old, fresh) {
  if (!old) return { ...fresh, byName: new Map(fresh.employees.map((one) => [one.name, one])) };
  for (const one of fresh.employees) old.byName.set(one.name, one);
  const incidents = [...old.incidents, ...fresh.incidents].slice(-300);
  return { ...fresh, byName: old.byName, incidents };
}

// The rows of the tree, in order: everybody who fits, and those above them.
function rowsOf(byName, folded, state, wanted) {
  const below = new Map();
  for (const one of byName.values()) below.set(one.by, [...(below.get(one.by) || []), one]);
  const fits = (one) => (!state || one.state === state) && (!wanted || `${one.name} ${one.role} ${one.last}`.toLowerCase().includes(wanted));
  const shown = new Set();
  if (state || wanted) {
    for (const one of byName.values()) if (fits(one)) for (let up = one; up && !shown.has(up.name); up = byName.get(up.by)) shown.add(up.name);
  }
  const rows = [];
  const walk = (name, depth) => {
    for (const one of below.get(name) || []) {
      if ((state || wanted) && !shown.has(one.name)) continue;
      const children = (below.get(one.name) || []).length;
      rows.push({ one, depth, children });
      if (!folded.has(one.name)) walk(one.name, depth + 1);
    }
  };
  walk("", 0);
  return rows;
}

export function Organization({ run, chosen, query }) {
  const { document: told, error } = useLive(`${at(run)}/organization`, `${at(run)}/events`, { merge, since: true, pause: 500 });
  const [folded, setFolded] = useState(new Set());
  const state = query.get("state") || "", wanted = (query.get("find") || "").toLowerCase();
  const base = `#/runs/${encodeURIComponent(run)}/organization`;
  const go = (changes, name = chosen) => {
    const next = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) value ? next.set(key, value) : next.delete(key);
    location.replace(`${base}${name ? `/${encodeURIComponent(name)}` : ""}${[...next].length ? `?${next}` : ""}`);
  };
  const rows = useMemo(() => told ? rowsOf(told.byName, folded, state, wanted) : [], [told, folded, state, wanted]);
  if (!told) return html`<${Failed} error=${error} />`;
  if (!told.agents) return html`<${Empty}>Nobody was hired yet; this page fills by itself.<//>`;
  const fold = (name) => { const next = new Set(folded); next.has(name) ? next.delete(name) : next.add(name); setFolded(next); };
  return html`<${Failed} error=${error} /><div class="cards">
      <${Card} title="Agents" note="${told.depth} levels">${told.agents}<//>
      <${Card} title="At work" note="${told.states.queued || 0} queued">${told.states.working || 0}<//>
      <${Card} title="Done" note="${told.states.handed_in || 0} to be reviewed">${told.states.done || 0}<//>
      <${Card} title="Spent" note=${told.budget_usd === null ? "no budget" : `of ${usd(told.budget_usd, 2)}`}>${usd(told.spent_usd)}<//></div>
    ${told.paused && html`<p class="note" id="paused">Paused. Turns under way stop before their next call.</p>`}
    ${told.winding_up && html`<p class="note">Winding up: ${told.winding_up}</p>`}${told.ended && html`<p class="note">Ended: ${told.ended}</p>`}
    <${Controls} run=${run} told=${told} />
    <div class="bar"><label>Find <input type="search" value=${query.get("find") || ""} onInput=${(event) => go({ find: event.target.value })} /></label>
      <div class="bar" role="group" aria-label="Filter by state">${STATES.map((name) => html`<button aria-pressed=${state === name} onClick=${() => go({ state: state === name ? "" : name })}>${name.replace("_", " ")} ${told.states[name] || 0}</button>`)}</div>
      <button onClick=${() => setFolded(new Set([...told.byName.values()].filter((one) => one.depth > 1).map((one) => one.name)))}>Collapse</button><button onClick=${() => setFolded(new Set())}>Expand</button></div>
    <div class="split"><${Tree} rows=${rows} folded=${folded} fold=${fold} chosen=${chosen} choose=${(name) => go({}, name)} />
      <section aria-label="Employee">${chosen ? html`<${Employee} key=${chosen} run=${run} name=${chosen} over=${Boolean(told.ended)} />` : html`<${Empty}>Choose somebody to see the inbox, the checklist, the turns and the result.<//>`}</section></div>
    <h2>Incidents and cures</h2>${told.incidents.length ? html`<${Table} label="Incidents" heads=${["when", "who", "detector", "what", "cure"]} rows=${told.incidents.slice(-40).reverse().map((one) =>
      [when(one.at), one.who, one.detector, one.what, one.cure])} />` : html`<${Empty}>Nothing went wrong.<//>`}`;
}

function Tree({ rows, folded, fold, chosen, choose }) {
  const box = useRef(null);
  const [view, setView] = useState({ top: 0, height: 640 });
  const [here, setHere] = useState(0);
  const look = () => box.current && setView({ top: box.current.scrollTop, height: box.current.clientHeight });
  useEffect(look, [rows.length]);
  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE), last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + SPARE);
  const at_ = Math.min(here, rows.length - 1);
  const keys = (event) => {
    const row = rows[at_];
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -rows.length, End: rows.length };
    if (event.key in moves) {
      const next = Math.max(0, Math.min(rows.length - 1, at_ + moves[event.key]));
      setHere(next);
      if (next * ROW < box.current.scrollTop) box.current.scrollTop = next * ROW;
      if ((next + 1) * ROW > box.current.scrollTop + box.current.clientHeight) box.current.scrollTop = (next + 1) * ROW - box.current.clientHeight;
    } else if (event.key === "Enter" || event.key === " ") choose(row.one.name);
    else if ((event.key === "ArrowLeft" && !folded.has(row.one.name)) || (event.key === "ArrowRight" && folded.has(row.one.name))) row.children && fold(row.one.name);
    else return;
    event.preventDefault();
  };
  if (!rows.length) return html`<${Empty}>Nobody fits this filter.<//>`;
  return html`<div class="tree" ref=${box} onScroll=${look} role="tree" aria-label="Employees" tabindex="0" onKeyDown=${keys} aria-activedescendant="row-${at_}">
    <div role="none" style=${{ height: `${rows.length * ROW}px` }}>${rows.slice(first, last).map(({ one, depth, children }, place) => html`<div class="row" role="treeitem" id="row-${first + place}" key=${one.name}
      aria-level=${depth + 1} aria-setsize=${rows.length} aria-posinset=${first + place + 1} aria-selected=${one.name === chosen} aria-expanded=${children ? !folded.has(one.name) : null}
      style=${{ top: `${(first + place) * ROW}px`, paddingLeft: `${10 + depth * 18}px`, boxShadow: first + place === at_ ? "inset 2px 0 0 var(--link)" : "none" }} onClick=${() => { setHere(first + place); choose(one.name); }}>
      <span class="twist" aria-hidden="true" onClick=${(event) => { event.stopPropagation(); children && fold(one.name); }}>${children ? (folded.has(one.name) ? "▸" : "▾") : ""}</span>
      <span class="name">${one.name}</span><${Chip} state=${one.state} />${one.inbox > 0 && html`<span class="chip">✉ ${one.inbox}</span>`}${one.rung > 0 && html`<span class="chip swap">rung ${one.rung}</span>`}
      <span class="last">${one.last}</span><span class="dim">${one.planned ? `${one.ticked}/${one.planned} · ` : ""}${usd(one.cost_usd)}</span></div>`)}</div></div>`;
}

function Employee({ run, name, over }) {
  const { document: told, error } = useLive(`${at(run)}/organization/${encodeURIComponent(name)}`, `${at(run)}/events`, { pause: 800 });
  const [said, setSaid] = useState("");
  if (!told) return html`<${Failed} error=${error} />`;
  const write = async (event) => {
    event.preventDefault();
    const form = event.target;
    try { await act(run, "message", { to: name, text: form.elements.text.value }); form.reset(); setSaid("sent"); } catch (failure) { setSaid(failure.message); }
  };
  return html`<h2 class="who">${told.name} <${Chip} state=${told.state} /></h2><p class="dim">${told.role} · hired by ${told.by || "the company"} · ${told.model} · ${told.steps} steps · ${usd(told.cost_usd)}${told.allotted_usd !== null ? ` of ${usd(told.allotted_usd, 2)}` : ""}</p>
    <pre>${told.task}</pre>
    ${told.result && html`<h3>Result</h3><pre>${told.result.summary}</pre><p>${told.result.files.map((path) => html`<a href="#/runs/${encodeURIComponent(run)}/files?path=${encodeURIComponent(path)}">${path}</a> `)}</p>`}
    <h3>Checklist</h3>${told.checklist.length ? html`<ul>${told.checklist.map((item) => html`<li><${Chip} state=${item.state} /> ${item.text}</li>`)}</ul>` : html`<p class="dim">none written</p>`}
    <h3>Turns</h3>${told.turns.length ? html`<ul>${told.turns.slice(-12).reverse().map((turn) => html`<li><a href="#/runs/${encodeURIComponent(run)}/attempts?under=${encodeURIComponent(turn.scope)}">turn ${turn.turn}</a> <span class="dim">${turn.reason || "under way"} ${turn.detail || ""}</span></li>`)}</ul>` : html`<p class="dim">none yet</p>`}
    <h3>Letters</h3><p class="dim">${told.waiting.length} in the inbox</p>${told.letters.slice(-12).reverse().map((letter) => html`<details><summary>${letter.what} · ${letter.from || "the company"} → ${letter.to} <span class="dim">${when(letter.at)}</span></summary><pre>${letter.text}</pre></details>`)}
    ${told.reviews.length > 0 && html`<h3>Reviews</h3><ul>${told.reviews.slice(-8).map((one) => html`<li class=${one.accepted ? "good" : "bad"}>${one.accepted ? "accepted" : "sent back"} by ${one.by || "the company"}: ${one.reasons}</li>`)}</ul>`}
    ${!over && html`<form onSubmit=${write} class="bar"><label>Message <input name="text" required /></label><button>Send</button><span role="status" class="dim">${said}</span></form>`}`;
}
