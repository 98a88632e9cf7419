// Frontiers and allocations: choose a point, read its configuration, take it along.
import { html, useEffect, useState } from "./preact.js";
import { ask, useLive } from "./api.js";
import { Empty, Failed, Plot, Table, when } from "./parts.js";

export function Documents({ name, query }) {
  const { document: told, error } = useLive("api/documents", null);
  if (!told) return html`<${Failed} error=${error} />`;
  return html`<h1>Frontiers and allocations</h1>${told.documents.length ? html`<${Table} label="Documents" heads=${["name", "kind", "made"]} rows=${told.documents.map((one) =>
    [html`<a href="#/documents/${encodeURIComponent(one.name)}">${one.name}</a>`, one.kind, when(one.at)])} />`
  : html`<${Empty}>Nothing here yet. <code>parcae allocate</code> and <code>parcae frontier</code> keep what they found in <code>documents/</code> of the home of runs.<//>`}
  ${name && html`<${One} key=${name} name=${name} query=${query} />`}`;
}

function pointsOf(told) {
  if (told.schema === "parcae.allocate/1") {
    return { all: told.frontier.map((one) => ({ x: one.cost || 0, y: one.score, low: one.low, high: one.high, configuration: one.stages,
      title: Object.entries(one.stages).map(([stage, chosen]) => `${stage}: ${chosen.model} ×${chosen.samples}`).join(", ") })) };
  }
  return Object.fromEntries(Object.entries(told.curves).filter(([, curve]) => Array.isArray(curve)).map(([curve, points]) => [curve, points.map((one) => ({
    x: one.relative_cost, y: Math.max(0, Math.min(1, one.relative_performance)), low: Math.max(0, one.low), high: Math.min(1, one.high), configuration: one.policy, plan: one.plan,
    title: `${one.policy}: keeps ${one.relative_performance.toFixed(3)} at ${one.relative_cost.toFixed(3)} of the cost` }))]));
}

function One({ name, query }) {
  const [told, setTold] = useState(null), [error, setError] = useState(""), [plan, setPlan] = useState("");
  const path = `api/documents/${encodeURIComponent(name)}`;
  useEffect(() => { ask(path).then(setTold, (failure) => setError(failure.message)); }, [name]);
  const curves = told ? pointsOf(told) : {}, curve = curves[query.get("curve")] ? query.get("curve") : Object.keys(curves)[0];
  const point = query.get("point") === null ? -1 : Number(query.get("point")), allocation = told?.schema === "parcae.allocate/1";
  useEffect(() => { setPlan(""); if (allocation && point >= 0) ask(`${path}/plan?point=${point}`).then(setPlan, (failure) => setError(failure.message)); }, [point, allocation]);
  if (!told) return html`<${Failed} error=${error} />`;
  const go = (next, which = curve) => location.replace(`#/documents/${encodeURIComponent(name)}?curve=${encodeURIComponent(which)}&point=${next}`);
  const chosen = curves[curve]?.[point], toml = plan || chosen?.plan;
  const take = () => {
    const text = toml || JSON.stringify({ point: chosen.title, configuration: chosen.configuration }, null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" })); link.download = toml ? "plan.toml" : "point.json"; link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return html`<h2>${told.pipeline || told.target || name}</h2><${Failed} error=${error} />
    <div class="bar" role="group" aria-label="Curves">${Object.keys(curves).length > 1 && Object.keys(curves).map((one) => html`<button aria-pressed=${one === curve} onClick=${() => go(-1, one)}>${one}</button>`)}</div>
    ${curves[curve]?.length ? html`<${Plot} label="Cost and quality" xLabel=${allocation ? "dollars an item" : "relative cost"} choose=${(place) => go(place)} points=${curves[curve].map((one, place) => ({ ...one, on: place === point }))} />` : html`<${Empty}>No point yet.<//>`}
    ${chosen ? html`<h3>The chosen point</h3><p>${chosen.title}</p>${toml ? html`<pre id="plan">${toml}</pre>` : !allocation && html`<p class="dim">A plan of this policy needs more than a file: <code>parcae frontier … --export DIR</code> writes ours with its forecaster.</p>`}<button onClick=${take}>Export</button>` : html`<p class="dim">Choose a point to read its configuration and export it.</p>`}`;
}
