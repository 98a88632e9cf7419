// All runs: spend against budget, savings as an estimate, incidents.
import { html, useState } from "./preact.js";
import { useLive } from "./api.js";
import { Card, Chip, Empty, Failed, Table, usd, when } from "./parts.js";

const SHOWN = 100;

export function Overview() {
  const { document: told, error } = useLive("api/overview", "api/events", { pause: 1000 });
  const [wanted, setWanted] = useState("");
  if (!told) return html`<${Failed} error=${error} />`;
  const open = told.runs.filter((run) => run.status === "unfinished").length;
  const found = told.runs.filter((run) => `${run.run} ${run.question} ${run.status}`.toLowerCase().includes(wanted.toLowerCase()));
  return html`<h1>Runs</h1><${Failed} error=${error} />
    <div class="cards">
      <${Card} title="Runs" note="${open} unfinished">${told.runs.length}<//>
      <${Card} title="Spent" note=${told.unpriced_runs ? `${told.unpriced_runs} runs with unknown prices` : "all prices known"}>${usd(told.spent_usd)}<//>
      <${Card} title="Saved (estimate)" note="against the strongest model for every call, ${told.saved_runs} runs">${usd(told.saved_usd)}<//>
      <${Card} title="Incidents" note="the last ones are below">${told.runs.reduce((sum, run) => sum + run.incidents, 0)}<//>
    </div>
    ${told.runs.length === 0 ? html`<${Empty}>No runs yet. Begin with <code>parcae run --help</code> or <code>parcae locate --help</code>; they appear here by themselves.<//>` : html`
    <div class="bar"><label>Find <input type="search" value=${wanted} onInput=${(event) => setWanted(event.target.value)} /></label>
      <span class="dim">${found.length > SHOWN ? `the newest ${SHOWN} of ${found.length}` : `${found.length} runs`}</span></div>
    <${Table} label="Runs" heads=${["run", "status", "what", "attempts", "steps", "spent", "budget", "saved (est.)", "began"]} rows=${found.slice(0, SHOWN).map((run) => [
      html`<a href="#/runs/${encodeURIComponent(run.run)}">${run.run}</a>`, html`<${Chip} state=${run.status} />`,
      html`<div class="clip" title=${run.question}>${run.question}</div>`, run.attempts, run.steps, usd(run.spent_usd),
      run.budget_usd === null ? "none" : usd(run.budget_usd, 2), usd(run.saved_usd), when(run.began_at)])} />`}
    <h2>Incidents and cures</h2>
    ${told.incidents.length ? html`<${Table} label="Incidents" heads=${["when", "run", "who", "what", "cure"]} rows=${told.incidents.map((one) =>
      [when(one.at), html`<a href="#/runs/${encodeURIComponent(one.run)}">${one.run}</a>`, one.who, `${one.detector} ${one.what}`, one.cure])} />`
    : html`<${Empty}>Nothing went wrong.<//>`}`;
}
