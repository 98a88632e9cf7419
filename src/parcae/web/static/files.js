// What a run made: files, the history of one, blame and diffs.
import { html, useEffect, useState } from "./preact.js";
import { ask, at, useLive } from "./api.js";
import { Empty, Failed, Table, when } from "./parts.js";

export function Files({ run, query }) {
  const { document: told, error } = useLive(`${at(run)}/files`, `${at(run)}/events`, { pause: 3000 });
  const path = query.get("path");
  const here = (one) => `#/runs/${encodeURIComponent(run)}/files?path=${encodeURIComponent(one)}`;
  if (!told) return html`<${Failed} error=${error} />`;
  if (!told.files.length) return html`<${Empty}>No file was made yet.<//>`;
  return html`<div class="split"><${Table} label="Files" heads=${["file", "last by", "step"]} rows=${told.files.slice(0, 400).map((one) => [html`<a href=${here(one.path)} aria-current=${one.path === path ? "true" : null}>${one.path}</a>`, one.author, one.step ?? ""])} />
    <section aria-label="File">${path ? html`<${File} key=${path} run=${run} path=${path} commit=${query.get("commit")} here=${here(path)} />` : html`<${Empty}>Choose a file to see its lines with their authors, and its history.<//>`}</section></div>`;
}

function File({ run, path, commit, here }) {
  const [told, setTold] = useState({});
  const query = `path=${encodeURIComponent(path)}`;
  useEffect(() => {
    Promise.all([ask(`${at(run)}/files/history?${query}`), commit ? ask(`${at(run)}/files/diff?${query}&commit=${encodeURIComponent(commit)}`) : ask(`${at(run)}/files/blame?${query}`)])
      .then(([history, other]) => setTold({ history, other }), (error) => setTold({ error: error.message }));
  }, [path, commit]);
  if (!told.history) return html`<${Failed} error=${told.error} />`;
  return html`<h2>${path}</h2><ul>${told.history.changes.slice(0, 40).map((one) => html`<li><a href="${here}&commit=${one.commit}" aria-current=${one.commit === commit ? "true" : null}>${one.commit.slice(0, 8)}</a> ${one.author} <span class="dim">step ${one.step ?? "–"} · ${when(one.at)}</span></li>`)}</ul>
    ${commit ? html`<p><a href=${here}>back to the lines</a></p><pre tabindex="0" class="diff">${(told.other.diff || "").split("\n").map((line) => html`<span class=${/^\+/.test(line) ? "add" : /^-/.test(line) ? "del" : ""}>${line}${"\n"}</span>`)}</pre>`
    : html`<${Table} label="Lines" heads=${["who", "", "line"]} rows=${(told.other.lines || []).slice(0, 1000).map((one) => [one.author || "before the run", one.line, html`<code>${one.text}</code>`])} />`}`;
}
