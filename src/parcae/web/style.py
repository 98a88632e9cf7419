"""The look of the self-contained pages: light and dark, readable in print, no outside font."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5c6675; --paper: #ffffff; --line: #d7dce3; --soft: #f3f5f8;
  --swap: #c2570c; --link: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --dim: #9aa4b2; --paper: #14181f; --line: #333b47;
  --soft: #1c222b; --swap: #f0914a; --link: #7fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 32px 0 8px; }
.facts, footer { color: var(--dim); }
.note { border-left: 3px solid var(--swap); padding-left: 10px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: 10px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.asked { border-left: 3px solid var(--line); }
.by { color: var(--dim); margin: 8px 0 2px; }
details { margin: 4px 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
.scroll { overflow: auto; max-height: 640px; margin: 0; border: 1px solid var(--line); border-radius: 8px; }
svg .node { fill: var(--soft); stroke: var(--line); stroke-width: 1.2; }
svg .node.swapped { stroke: var(--swap); stroke-width: 2.4; }
svg .kind-answer { fill: color-mix(in srgb, var(--link) 18%, var(--paper)); }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .kind { fill: var(--dim); font-size: 10.5px; }
svg .edge { fill: none; stroke: var(--dim); stroke-opacity: .45; }
svg .swap { stroke: var(--swap); stroke-dasharray: 5 4; } svg .swap-label { fill: var(--swap); font-size: 11px; }
"""
