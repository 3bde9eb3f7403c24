/** The style of a model's page, after that of every page. */
export const pageStyle = `
:root { --track: #e4e4e9; }
@media (prefers-color-scheme: dark) { :root { --track: #33363c; } }
body { max-width: 860px; }
h1 { margin-bottom: 0.2em; overflow-wrap: anywhere; }
.lead { margin-top: 0; color: var(--soft); overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.right { color: var(--good); }
.wrong { color: var(--bad); }
[hidden] { display: none !important; }
fieldset { border: 0; padding: 0; margin: 1.5em 0 1em; min-width: 0; }
legend { padding: 0; font-weight: bold; }
#samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(62px, 1fr)); gap: 0.4em; margin-top: 0.6em; }
#samples label { display: grid; gap: 0.15em; cursor: pointer; min-width: 0; border-radius: 8px; padding: 4px; }
#samples input { position: absolute; opacity: 0; pointer-events: none; }
#samples canvas { width: 100%; border-radius: 5px; image-rendering: pixelated; }
#samples bdi { font-size: 0.75em; line-height: 1.3; text-align: center; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--soft); }
#samples label:hover { background: var(--card); }
#samples label:has(:checked) { background: var(--card); box-shadow: 0 0 0 2px var(--accent); }
#samples label:has(:checked) bdi { color: var(--text); }
#samples label:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 3px; }
.own { display: flex; flex-wrap: wrap; align-items: center; gap: 0.3em 0.8em; margin: 0.8em 0 0; font-size: 0.9em; color: var(--soft); }
.own input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.own label, .controls button { display: inline-block; border: 1px solid var(--line); border-radius: 8px; padding: 0.35em 0.9em; background: var(--card); color: var(--text); cursor: pointer; }
.own label:hover, .controls button:hover { border-color: var(--accent); }
.own label:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px; }
.pictures-of { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: clamp(0.6em, 3vw, 2em); margin-top: 1.5em; }
figure { margin: 0; min-width: 0; }
figure canvas { width: 100%; display: block; border-radius: 10px; image-rendering: pixelated; background: var(--card); }
figcaption { display: grid; gap: 0.1em; margin-top: 0.5em; }
figcaption > span { display: flex; gap: 0.5em; min-width: 0; font-variant-numeric: tabular-nums; }
figcaption bdi { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: bold; }
#marks { display: flex; align-items: center; gap: 3px; height: 9px; margin: 1.2em 0 0; }
#marks i { flex: 1; height: 5px; border-radius: 3px; background: var(--track); transition: background 0.15s; }
#marks i.right { background: var(--good); }
#marks i.wrong { background: var(--bad); height: 9px; border-radius: 5px; }
#verdict { min-height: 1.5em; margin: 0.5em 0 1.2em; font-weight: bold; overflow-wrap: anywhere; }
#stage[aria-busy="true"] #verdict { visibility: hidden; }
.controls { display: grid; grid-template-columns: 1fr auto; gap: 0.3em 1.2em; align-items: center; background: var(--card); border-radius: 10px; padding: 0.9em 1.1em; }
.controls label { grid-column: 1 / -1; }
.controls output { font-weight: bold; font-variant-numeric: tabular-nums; }
.controls input { width: 100%; margin: 0; accent-color: var(--accent); }
#answers { width: 100%; table-layout: fixed; }
#answers th:first-child { width: 30%; }
#answers th, #answers td { border-bottom: 0; padding: 0.25em 0.9em 0.25em 0; }
#answers thead th { color: var(--soft); font-weight: normal; font-size: 0.85em; }
#answers tbody th { font-weight: normal; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
#answers tr.truth th { font-weight: bold; }
#answers td { white-space: nowrap; font-variant-numeric: tabular-nums; font-size: 0.85em; }
#answers td > span { display: inline-block; width: 4.2em; text-align: right; vertical-align: middle; }
.track { display: inline-block; vertical-align: middle; width: calc(100% - 4.4em); height: 10px; border-radius: 5px; background: var(--track); overflow: hidden; }
.track div { height: 100%; border-radius: 5px; background: var(--soft); transition: width 0.12s linear; }
.track div.right { background: var(--good); }
.track div.wrong { background: var(--bad); }
#logits { font-size: 0.9em; }
#logits th { font-weight: normal; overflow-wrap: anywhere; unicode-bidi: isolate; }
details { margin: 0.8em 0; }
summary { cursor: pointer; color: var(--accent); }
.settings { display: flex; flex-wrap: wrap; gap: 0.6em 1.4em; }
.settings input[type="number"] { width: 5em; }
pre { white-space: pre-wrap; font-size: 0.8em; color: var(--soft); }
@media (prefers-reduced-motion: reduce) { #marks i, .track div { transition: none; } }
@media (max-width: 480px) {
  #samples { grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 0.1em; }
  .track { width: calc(100% - 3.9em); }
  #answers th:first-child { width: 27%; }
  #answers th, #answers td { font-size: 0.8em; padding-right: 0.5em; }
  #answers td > span { width: 3.7em; }
  figcaption { font-size: 0.85em; }
  figcaption b { white-space: nowrap; }
  figcaption > span { flex-direction: column; gap: 0; }
}
`;
