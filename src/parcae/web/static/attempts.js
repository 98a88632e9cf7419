// Attempts at one task: votes, forecast over time, swaps, the merged graph, every step.
import { html, useState } from "./preact.js";
import { at, useLive } from "./api.js";
import { Empty, Failed, Graph, Plot, Table, usd, when } from "./parts.js";

const MOST_STEPS = 60;

export function Attempts({ run, under }) {
  const query = under ? `?under=${encodeURIComponent(under)}` : "";
  const { document: told, error } = useLive(`${at(run)}/attempts${query}`, `${at(run)}/events`, { pause: 800 });
  const { document: graph } = useLive(`${at(run)}/graph${query}`, `${at(run)}/events`, { pause: 2000 });
  if (!told) return html`<${Failed} error=${error} />`;
  if (!told.attempts.length) return html`<${Empty}>No attempt has begun yet; this page fills by itself.<//>`;
  const swaps = told.attempts.flatMap((one) => one.swaps.map((swap) => ({ ...swap, attempt: one.scope })));
  const first = told.attempts[0].steps[0]?.model;
  const cost = told.attempts.reduce((sum, one) => sum + (one.cost_usd || 0), 0);
  return html`<p class="dim">${told.attempts.length} attempts · ${told.attempts.reduce((sum, one) => sum + one.steps.length, 0)} steps · ${usd(cost)}</p>
    <div class="split"><section><h2>Votes</h2>${told.votes.length ? html`<${Table} label="Votes" heads=${["answer", "share", ""]} rows=${told.votes.slice(0, 20).map((one) =>
      [html`<code>${one.name.slice(0, 300)}</code>`, one.share.toFixed(2), html`<meter aria-label="share of ${one.name.slice(0, 80)}" value=${one.share}></meter>`])} />` : html`<${Empty}>Nobody has answered yet.<//>`}</section>
    <section><h2>Swaps and decisions</h2>${swaps.length + told.decisions.length === 0 ? html`<${Empty}>Nothing was swapped.<//>` : html`<ul class="swaps">
      ${swaps.map((one) => html`<li><strong class="swap">${one.attempt}</strong> after ${one.after_steps} steps: ${one.from} → ${one.to}</li>`)}
      ${told.decisions.filter((one) => one.action !== "carry_on").slice(-20).map((one) => html`<li>${one.action} after [${one.looked_at.join(", ")}] steps. ${one.why}</li>`)}</ul>`}</section></div>
    <h2>Forecast over time</h2>${told.forecasts.length ? html`<${Plot} label="How likely failure looked" xLabel="steps of all attempts"
      points=${told.forecasts.map((one) => ({ x: one.looked_at.reduce((a, b) => a + b, 0), y: one.p_fail,
        swapped: told.decisions.some((other) => other.action === "swap" && String(other.looked_at) === String(one.looked_at)),
        title: `${Math.round(one.p_fail * 100)} % likely to fail, trust ${Math.round(one.trust * 100)} %. ${one.reasons.join(" ")}` }))} />
      <p class="dim">Last: ${told.forecasts.at(-1).reasons.join(" ") || "no reasons given"}. Trust ${Math.round(told.forecasts.at(-1).trust * 100)} %: how far its calibration fits these attempts. An orange point led to a swap.</p>`
    : html`<${Empty}>No forecast was made.<//>`}
    <h2>The attempts as one graph</h2>${graph?.nodes.length ? html`<${Graph} graph=${graph} first=${first} />` : html`<${Empty}>No tool was called yet.<//>`}
    <h2>Every step</h2>${told.attempts.slice(0, 100).map((one) => html`<${Attempt} key=${one.scope} one=${one} alone=${told.attempts.length === 1} />`)}`;
}

function Attempt({ one, alone }) {
  const [open, setOpen] = useState(alone);
  const end = one.ending ? `${one.ending.reason}: ${one.ending.answer.join(", ").slice(0, 120)}` : "under way";
  return html`<details open=${open} onToggle=${(event) => setOpen(event.target.open)}><summary><strong>${one.scope || "run"}</strong> · ${one.model} · ${one.steps.length} steps · ${usd(one.cost_usd)} · ${end}</summary>
    ${open && one.steps.slice(-MOST_STEPS).map((step) => html`<div class="step ${step.model !== one.steps[0].model ? "swapped" : ""}">
      <p class="dim">step ${step.step} · ${step.model} · ${usd(step.cost_usd, 5)} · ${step.prompt_tokens ?? 0} + ${step.completion_tokens ?? 0} tokens · ${when(step.at)}</p>
      ${step.asked && html`<details><summary>what it was asked</summary><pre>${step.asked}</pre></details>`}${step.text && html`<pre>${step.text}</pre>`}
      ${step.calls.map((call) => html`<details><summary><code>${call.tool}(${call.arguments.slice(0, 200)})</code> ${call.is_error && html`<span class="bad">failed</span>`}</summary>
        <pre>${call.arguments}</pre><pre>${call.result ?? "no result yet"}</pre></details>`)}${step.note && html`<p>${step.note}</p>`}</div>`)}</details>`;
}
