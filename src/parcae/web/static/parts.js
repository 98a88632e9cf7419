// Small pieces that every page uses: money, times, chips, empty states, plots as SVG.
import { html } from "./preact.js";

export const usd = (amount, digits = 4) => amount === null || amount === undefined ? "unknown" : `$${amount.toFixed(digits)}`;
export const when = (seconds) => seconds ? new Date(seconds * 1000).toLocaleString() : "";
export const Chip = ({ state }) => html`<span class="chip ${state}">${String(state).replace("_", " ")}</span>`;
export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;
export const Card = ({ title, children, note }) => html`<div class="card"><span class="dim">${title}</span><b>${children}</b>
  ${note && html`<span class="dim">${note}</span>`}</div>`;
export const Failed = ({ error }) => error && html`<p class="note" role="alert">${error}</p>`;

export function Table({ heads, rows, label }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

// points: [{x, y, low, high, title, on, swapped}], y in [0, 1]
export function Plot({ points, label, xLabel, line = true, choose, width = 640, height = 230 }) {
  const most = Math.max(...points.map((one) => one.x), 1e-9), left = 40, bottom = height - 28;
  const x = (value) => left + 8 + (width - left - 24) * value / most, y = (value) => 10 + (bottom - 16) * (1 - value);
  const path = [...points].map((one) => `${x(one.x).toFixed(1)},${y(one.y).toFixed(1)}`).join(" ");
  return html`<svg class="plot" viewBox="0 0 ${width} ${height}" width="100%" role="group" aria-label=${label}>
    ${[0, 0.5, 1].map((share) => html`<line class="axis" x1=${left} x2=${width} y1=${y(share)} y2=${y(share)} />
      <text x=${left - 6} y=${y(share) + 4} text-anchor="end">${share}</text>`)}
    <text x=${width - 4} y=${height - 6} text-anchor="end">${xLabel}</text>
    ${line && html`<polyline class="line" points=${path} />`}
    ${points.map((one, place) => html`<g>
      ${one.low !== undefined && html`<line class="whisker" x1=${x(one.x)} x2=${x(one.x)} y1=${y(one.low)} y2=${y(one.high)} />`}
      <circle class="dot ${one.on ? "on" : ""} ${one.swapped ? "swapped" : ""}" cx=${x(one.x)} cy=${y(one.y)} r=${one.on || one.swapped ? 6.5 : 4.5}
        ...${choose ? { tabindex: 0, role: "button", "aria-label": one.title, onClick: () => choose(place),
          onKeyDown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose(place)) } : {}}
        ><title>${one.title}</title></circle></g>`)}
  </svg>`;
}

// The merged graph: boxes by the mean step at which they were passed, edges by weight.
export function Graph({ graph, first }) {
  const columns = new Map();
  const placed = graph.nodes.slice(0, 220).map((node) => {
    const column = Math.round(node.step + (node.tool === "answer" ? 0.6 : 0)), row = columns.get(column) || 0;
    columns.set(column, row + 1);
    return { ...node, x: 10 + column * 178, y: 10 + row * 52 };
  });
  const width = Math.max(...placed.map((one) => one.x), 0) + 170, height = Math.max(...columns.values(), 1) * 52 + 12;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="The attempts as one graph"><svg width=${width} height=${height} role="img"
    aria-label="${graph.nodes.length} different things done by the attempts">
    ${graph.edges.filter((edge) => placed[edge.from] && placed[edge.to]).map((edge) => {
      const a = placed[edge.from], b = placed[edge.to], x1 = a.x + 150, y1 = a.y + 19, x2 = b.x, y2 = b.y + 19;
      return html`<path class="edge" stroke-width=${Math.min(1 + edge.weight * 0.8, 8)}
        d="M${x1},${y1} C${x1 + 26},${y1} ${x2 - 26},${y2} ${x2},${y2}"><title>${edge.weight} times</title></path>`;
    })}
    ${placed.map((node) => html`<g>
      <title>${`${node.tool}(${node.argument}) · ${node.visits} visits · ${Object.keys(node.models).join(", ")}`}</title>
      <rect class="node ${first && Object.keys(node.models).some((model) => model !== first) ? "swapped" : ""}" x=${node.x} y=${node.y} width="150" height="38" rx="7" />
      <text x=${node.x + 8} y=${node.y + 16}>${clip(node.tool === "answer" ? node.argument : node.tool, 22)}</text>
      <text x=${node.x + 8} y=${node.y + 31} fill-opacity=".75">${clip(node.tool === "answer" ? "answer" : node.argument, 17)} ×${node.visits}</text></g>`)}
  </svg></div>`;
}
const clip = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;
