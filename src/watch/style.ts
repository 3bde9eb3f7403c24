/** What the pages of `mtard watch` add to the style of every page. */
export const watchStyle = `
body.watch { max-width: 1360px; margin: 0 auto; padding: 0 1.25em 3em; }
.watch header { display: flex; align-items: center; gap: 1.5em; padding: 0.9em 0; border-bottom: 1px solid var(--line); }
.watch nav { display: flex; gap: 1.25em; }
.watch nav a { text-decoration: none; color: var(--soft); padding: 0.3em 0; }
.watch nav a[aria-current] { color: var(--text); font-weight: bold; box-shadow: 0 2px 0 var(--accent); }
.watch .folder { flex: 1; min-width: 0; color: var(--soft); font-size: 0.9em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: right; }
.live { color: var(--soft); font-size: 0.9em; white-space: nowrap; min-width: 4em; }
.live::before { content: ""; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.45em; border-radius: 50%; background: var(--line); }
.live[data-state="live"]::before { background: var(--good); }
.live[data-state="lost"]::before { background: var(--bad); }
:root { --waiting: #8a6100; --input: #fff; }
@media (prefers-color-scheme: dark) { :root { --waiting: #e0b350; --input: #1c1e22; } }
.watch h1 { font-size: 1.6em; line-height: 1.25; margin: 0.9em 0 0.3em; overflow-wrap: anywhere; }
.watch h1, .watch .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.watch h2 { font-size: 1.2em; margin: 2em 0 0.5em; }
.soft { color: var(--soft); }
.watch td .soft { display: block; font-size: 0.85em; }
.note { background: var(--card); border-left: 3px solid var(--waiting); padding: 0.5em 0.8em; margin: 0.5em 0; overflow-wrap: anywhere; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 0.6em 1.2em; margin: 0.6em 0; }
.tools p { margin: 0; flex: 1 1 20em; }
.tools .hint { font-size: 0.85em; }
.watch button, .watch select, .watch input[type="search"] { color: var(--text); background: var(--input); border: 1px solid var(--line); border-radius: 6px; padding: 0.35em 0.8em; }
.watch button:not(:disabled) { cursor: pointer; }
.watch button:disabled { color: var(--soft); background: var(--card); }
#compare:not(:disabled) { background: var(--accent); border-color: var(--accent); color: var(--page); }
.zoom { display: inline-flex; gap: 0.3em; }
.zoom button { min-width: 2.4em; }
.live-table { width: 100%; margin: 0.6em 0; }
.live-table th { font-size: 0.85em; white-space: nowrap; color: var(--soft); }
.watch th button { border: 0; border-radius: 0; background: none; padding: 0.4em 0; color: inherit; }
.live-table td { padding: 0.55em 1em 0.55em 0; vertical-align: middle; }
.live-table td:first-child { max-width: 34em; }
.name { overflow-wrap: anywhere; unicode-bidi: isolate; }
.ticked { display: flex; gap: 0.7em; align-items: flex-start; }
.ticked input { width: 1.15em; height: 1.15em; margin: 0.2em 0 0; flex: none; accent-color: var(--accent); }
.numbers { white-space: nowrap; }
.problem { overflow-wrap: anywhere; max-width: 28em; display: -webkit-box !important; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.state { white-space: nowrap; }
.state::before { content: ""; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.5em; border-radius: 50%; background: var(--soft); }
.state.training::before, .state.running::before { background: var(--good); }
.state.finished::before, .state.done::before { background: var(--accent); }
.state.damaged::before, .state.failed::before, .state.lost::before { background: var(--bad); }
.state.paused::before, .state.queued::before, .state.posted::before, .state.stopped::before { background: var(--waiting); }
progress { appearance: none; width: 9em; max-width: 100%; height: 0.45em; border: 0; border-radius: 1em; overflow: hidden; background: var(--line); vertical-align: middle; }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
.small-curve { width: 96px; height: 26px; vertical-align: middle; }
.small-curve polyline { fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-linejoin: round; }
.small-curve.loss polyline { stroke: var(--soft); }
.figure { display: inline-flex; gap: 0.8em; align-items: center; justify-content: flex-end; }
.facts { display: flex; flex-wrap: wrap; gap: 0.8em 2.2em; margin: 1em 0; }
.facts dt { font-size: 0.85em; color: var(--soft); }
.facts dd { margin: 0; }
.runs { list-style: none; padding: 0; margin: 1em 0; display: grid; gap: 0.4em; }
.runs li { display: flex; flex-wrap: wrap; gap: 0.2em 0.9em; align-items: center; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(400px, 100%), 1fr)); gap: 1.1em; margin: 1em 0; }
.chart { margin: 0; padding: 0.8em 0.9em 0.5em; background: var(--card); border-radius: 8px; min-width: 0; }
.chart[hidden] { display: none; }
.chart figcaption { font-weight: bold; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1em 1em; min-height: 1.6em; font-size: 0.85em; color: var(--soft); }
.legend .item { display: inline-flex; gap: 0.4em; align-items: center; max-width: 100%; }
.legend .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 16em; }
.legend.compact .label { display: none; }
.legend .value { color: var(--text); font-variant-numeric: tabular-nums; min-width: 3em; }
.swatch { display: inline-block; width: 0.9em; height: 0.9em; border-radius: 3px; flex: none; }
.plot { touch-action: pan-y; cursor: crosshair; user-select: none; min-height: 230px; overflow: hidden; }
.plot canvas { display: block; }
.settings td { overflow-wrap: anywhere; min-width: 7em; }
@media (max-width: 900px) { .live-table .minor { display: none; } }
@media (max-width: 640px) {
  .watch header { flex-wrap: wrap; gap: 0.4em 1.2em; }
  .watch .folder { order: 3; flex-basis: 100%; text-align: left; }
  .live { margin-left: auto; }
  .live-table, .live-table tbody { display: block; }
  .live-table thead { display: block; }
  .live-table thead tr { display: flex; flex-wrap: wrap; gap: 0 1.1em; }
  .live-table th { border: 0; padding: 0; }
  .live-table tr { border-bottom: 1px solid var(--line); }
  .live-table tbody tr:not([hidden]) { display: flex; flex-wrap: wrap; align-items: center; gap: 0.3em 1.2em; padding: 0.8em 0; }
  .live-table td { border: 0; padding: 0; text-align: left; }
  .live-table td:first-child { flex-basis: 100%; max-width: none; }
  .live-table td.empty { display: none; }
  .live-table td.number:not(.empty)::before { content: attr(data-name) " "; color: var(--soft); font-size: 0.85em; }
  .figure { flex-direction: row-reverse; }
  .tools .hint { display: none; }
  #compare:not(:disabled) { position: sticky; bottom: 0.8em; }
}
`;
