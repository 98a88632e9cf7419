// The gateway that this dashboard is part of: keys, budgets, live requests by run.
import { html, useEffect, useState } from "./preact.js";
import { ask } from "./api.js";
import { Empty, Failed, Table, usd } from "./parts.js";

const SPANS = { total: "in all", today: "today", since_start: "since the gateway started" };

export function Gateway() {
  const [told, setTold] = useState(null), [error, setError] = useState("");
  useEffect(() => {
    const load = () => ask("api/gateway").then((fresh) => { setTold(fresh); setError(""); }, (failure) => setError(failure.message));
    load();
    const timer = setInterval(load, 1500);
    return () => clearInterval(timer);
  }, []);
  if (!told) return html`<${Failed} error=${error} />`;
  if (!told.here) return html`<h1>Gateway</h1><${Empty}>This dashboard stands alone. <code>parcae serve</code> has its own at <code>/dashboard</code>, with keys, budgets and live requests.<//>`;
  return html`<h1>Gateway</h1><${Failed} error=${error} /><h2>Keys and budgets</h2>${told.keys.length ? html`<${Table} label="Keys" heads=${["key", "admin", "limits", "spent"]} rows=${told.keys.map((one) =>
    [one.name, one.admin ? "yes" : "", Object.entries(one.limits).map(([span, limit]) => `${span}: ${limit}`).join(", ") || "none", Object.entries(one.spent).map(([span, amount]) => `${SPANS[span] || span}: ${usd(amount.usd)}, ${amount.requests} requests`).join("; ")])} />`
  : html`<${Empty}>No keys: every caller on this machine is welcome.<//>`}
  <h2>Under way</h2><p>${Object.entries(told.in_flight).map(([name, count]) => html`<span class="chip">${name}: ${count}</span> `)}</p>
  <h2>Runs, the newest first</h2>${told.runs.length ? html`<${Table} label="Gateway runs" heads=${["run", "task", "model", "answered by", "steps", "likely to fail", "cost", "quiet for"]} rows=${told.runs.map((one) =>
    [one.run, one.task, one.model, html`<span class=${one.rung ? "swap" : ""}>${one.answered_by}</span>`, one.steps, one.p_fail === null ? "" : `${Math.round(one.p_fail * 100)} %`, usd(one.cost_usd), `${one.quiet_seconds.toFixed(0)} s`])} />`
  : html`<${Empty}>No request has come yet.<//>`}`;
}
