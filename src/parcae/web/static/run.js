// One run: its tabs, and what a person can do to it.
import { html, useState } from "./preact.js";
import { act, at, useLive } from "./api.js";
import { Attempts } from "./attempts.js";
import { Organization } from "./organization.js";
import { Files } from "./files.js";
import { Chip, Empty, Failed, Table, usd } from "./parts.js";

export function Run({ run, tab, rest, query }) {
  const { document: told, error } = useLive(at(run), null);
  if (!told) return html`<${Failed} error=${error} />`;
  const company = told.command === "run";
  const tabs = company ? ["organization", "attempts", "files", "accounts"] : ["attempts", "accounts"];
  const here = tab || tabs[0];
  return html`<p class="dim"><a href="#/">Runs</a> / ${told.command}</p><h1>${told.question.split("\n")[0].slice(0, 160) || run}</h1>
    <p class="dim"><${Chip} state=${told.status} /> ${run} ${told.detail}</p>
    <nav class="tabs" aria-label="Parts of the run">${tabs.map((name) => html`<a href="#/runs/${encodeURIComponent(run)}/${name}" aria-current=${name === here ? "page" : null}>${name}</a>`)}</nav>
    ${here === "organization" ? html`<${Organization} run=${run} chosen=${rest[0]} query=${query} />`
    : here === "files" ? html`<${Files} run=${run} query=${query} />`
    : here === "accounts" ? html`<${Accounts} run=${run} />`
    : html`<${Attempts} run=${run} under=${query.get("under") || ""} />`}`;
}

function Accounts({ run }) {
  const { document: told, error } = useLive(`${at(run)}/accounts`, `${at(run)}/events`, { pause: 1000 });
  if (!told) return html`<${Failed} error=${error} />`;
  if (!told.accounts.length) return html`<${Empty}>Nothing was spent and no account has a limit.<//>`;
  const shown = told.accounts.slice(0, 300);
  return html`<h2>Budget by account</h2><p class="dim">What each and all below it spent. ${told.accounts.length > 300 && `The first 300 of ${told.accounts.length}.`}</p>
    <${Table} label="Accounts" heads=${["account", "spent", "limit", ""]} rows=${shown.map((one) => [one.account, usd(one.spent_usd, 6),
      one.limit_usd === null ? "none of its own" : usd(one.limit_usd), one.limit_usd ? html`<meter aria-label="spent of ${one.account}" max=${one.limit_usd} value=${one.spent_usd}></meter>` : ""])} />`;
}

export function Controls({ run, told }) {
  const [said, setSaid] = useState("");
  const over = Boolean(told.ended);
  const run_ = async (action, body) => {
    try { await act(run, action, body); setSaid(`${action}: passed on`); } catch (error) { setSaid(error.message); }
  };
  const cancel = () => confirm("End this run? What was accepted so far is kept.") && run_("cancel");
  return html`<div class="bar"><button disabled=${over || told.paused} onClick=${() => run_("pause")}>Pause</button>
    <button disabled=${over || !told.paused} onClick=${() => run_("resume")}>Resume</button>
    <button disabled=${over} onClick=${cancel}>Cancel…</button><span role="status" class="dim" id="said">${said}</span></div>
    ${told.questions.map((one) => html`<div class="note question"><p><strong>${one.who}</strong> asks: ${one.question}</p><form class="bar" onSubmit=${(event) => {
      event.preventDefault(); run_("approve", { about: one.key, text: event.target.elements.answer.value });
    }}>${one.tool && html`<button type="button" onClick=${() => run_("approve", { about: one.key, text: "yes" })}>Approve</button>
      <button type="button" onClick=${() => run_("approve", { about: one.key, text: "no" })}>Refuse</button>`}
      <label>Answer <input name="answer" required /></label><button>Send</button></form></div>`)}`;
}
