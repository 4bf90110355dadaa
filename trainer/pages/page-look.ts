// The style of a page and the script that draws its plots: they go into the page as they are.

export const PAGE_STYLE = `
:root { --text: #1c1d21; --soft: #666a73; --line: #e3e4e8; --page: #ffffff; --card: #f8f8fa; --grid: #ebecef;
  --c0: #2f6fde; --c1: #d9642b; --c2: #2a9d6e; --c3: #8a55c9; --c4: #b58900; --c5: #0f93a8; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e7ea; --soft: #9a9ea8; --line: #32353c; --page: #16171a;
  --card: #1e2024; --grid: #2a2d33; --c0: #78a6f5; --c1: #ef9464; --c2: #62c79d; --c3: #b994ea; --c4: #d9b84a; --c5: #5cc3d3; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 1080px; margin: 0 auto; padding: 0 24px }
header { padding-top: 40px }
h1 { font-size: 28px; font-weight: 650; letter-spacing: -.01em; margin: 0 }
header p { color: var(--soft); margin: 4px 0 0 }
section { margin: 36px 0 }
h2 { font-size: 17px; font-weight: 650; margin: 0 0 12px }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { color: var(--soft); font-weight: 500; font-size: 13px; white-space: nowrap }
th, td { text-align: left; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top }
th.n, td.n { text-align: right } th:last-child, td:last-child { padding-right: 0 }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 16px }
figure { margin: 0; padding: 16px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; min-width: 0 }
figcaption { font-weight: 550; margin-bottom: 8px }
dl { display: grid; grid-template-columns: 88px 1fr; gap: 2px 12px; margin: 0; padding: 14px 0; border-bottom: 1px solid var(--line) }
dt { color: var(--soft); font-size: 13px; line-height: 22px } dd { margin: 0; overflow-wrap: anywhere }
.u-legend { font-size: 13px; text-align: left; color: var(--soft) } .u-legend .u-value { color: var(--text) }
.u-legend th { font-weight: 400 } .u-legend { margin-top: -6px }
.u-legend table, .u-legend th, .u-legend td, .u-legend tr { border: 0; width: auto }
.u-legend .u-series > * { padding: 2px 4px }
`;

// Each line keeps its own places: uPlot.join puts the lines of a plot on one axis, with gaps where a line has no point.
export const PAGE_SCRIPT = `
const plots = JSON.parse(document.getElementById("plots").textContent);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => {
  if (value == null) return "–";
  if (value !== 0 && Math.abs(value) < 0.01) return value.toExponential(1);
  return Math.abs(value) >= 1000 ? value.toLocaleString("en-GB", { maximumFractionDigits: 0 }) : String(+value.toPrecision(4));
};
let drawn = [];
function draw() {
  for (const one of drawn) one.destroy();
  drawn = plots.map((plot, at) => {
    const box = document.getElementById("plot-" + at);
    const axis = { stroke: color("--soft"), grid: { stroke: color("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const values = (_, all) => all.map(short);
    return new uPlot({
      width: box.clientWidth, height: 240,
      scales: { x: { time: false } },
      axes: [{ ...axis, values }, { ...axis, values, size: 58 }],
      cursor: { y: false },
      series: [{ label: plot.x, value: (_, value) => short(value) }, ...plot.lines.map(({ label }, line) => ({
        label, stroke: color("--c" + (plot.lines[line].color ?? line) % 6), width: 1.75, spanGaps: true,
        dash: plot.lines[line].dashed ? [6, 5] : undefined,
        points: { show: plot.marked && !plot.lines[line].dashed, size: 6, fill: color("--card") }, value: (_, value) => short(value),
      }))],
    }, uPlot.join(plot.lines.map(({ curve }) => [curve.x, curve.y])), box);
  });
}
draw();
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
`;
