/** The live charts, drawn by uPlot. @module */
import { byId, setAttribute, setText } from "./dom.js";
import { formatBytes, formatClock, formatShort, formatSpan } from "./format.js";
import { WINDOW_MS } from "./history.js";

const HEIGHT = 150;
/** The axis of time is no shorter than this. */
const LEAST_SECONDS = 60;
/** Steps of the age's axis, in seconds: whole minutes and hours. */
const AGE_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 604_800];
/** Steps of the rate's axis: no fractions of an event. */
const RATE_STEPS = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
/** Each chart: its element's name, the series it draws, the least height of its axis, and its values as text. */
const CHARTS = [
  {
    id: "age",
    title: "Age of the copy",
    series: "ages",
    least: 6,
    steps: AGE_STEPS,
    tick: ageTick,
    words: ageWords,
  },
  {
    id: "rate",
    title: "Events received",
    series: "rates",
    least: 10,
    steps: RATE_STEPS,
    tick: formatShort,
    words: rateWords,
  },
];

/** Makes both charts. @param {import("./history.js").History} history @returns {{ draw(): void }} */
export function startCharts(history) {
  let charts = CHARTS.map((chart) => createChart(chart, history));
  const again = () => {
    for (const { plot } of charts) plot.destroy();
    charts = CHARTS.map((chart) => createChart(chart, history));
    draw();
  };
  const draw = () => charts.forEach((chart) => drawChart(chart, history));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  const resized = new ResizeObserver(() => charts.forEach(fitChart));
  for (const { id } of CHARTS) resized.observe(byId(`${id}-chart`));
  return { draw };
}

function createChart(chart, history) {
  const box = byId(`${chart.id}-chart`);
  const size = { width: Math.max(200, box.clientWidth), height: HEIGHT };
  const plot = new uPlot({ ...size, ...chartOptions(chart, history) }, dataOf(chart, history), box);
  return { ...chart, box, plot };
}

function chartOptions(chart, history) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: color("quiet"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: {
      x: { time: true, range: windowRange },
      y: { range: (_plot, _low, high) => [0, Math.max(chart.least, (high ?? 0) * 1.15)] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 70,
        values: (_plot, ticks) => ticks.map((tick) => formatClock(tick * 1000)),
      },
      { ...axis, size: 52, space: 32, incrs: chart.steps, values: (_plot, ticks) => ticks.map(chart.tick) },
    ],
    series: [{}, {
      stroke: color(`chart-${chart.id}`),
      fill: color(`chart-${chart.id}-fill`),
      width: 1.5,
      points: { show: false },
      spanGaps: false,
    }],
    hooks: { setCursor: [(plot) => showReadout(chart, history, plot.cursor.idx)] },
  };
}

/** The time since the page was opened: a minute at least, 5 at the most. */
function windowRange(_plot, low, high) {
  const end = high ?? Date.now() / 1000;
  return [Math.max(end - WINDOW_MS / 1000, Math.min(low ?? end, end - LEAST_SECONDS)), end];
}

function drawChart(chart, history) {
  chart.plot.setData(dataOf(chart, history));
  showReadout(chart, history, chart.plot.cursor.idx);
  const values = history[chart.series].filter((value) => value !== null);
  const highest = values.length === 0 ? "no figures yet" : `highest ${chart.words(Math.max(...values))}`;
  const now = values.length === 0 ? "" : `now ${chart.words(values.at(-1))}, `;
  setAttribute(chart.box, "aria-label", `${chart.title}, the last minutes: ${now}${highest}`);
  setAttribute(chart.box, "data-points", String(values.length));
}

/** The value under the pointer, or the newest. */
function showReadout(chart, history, pointed) {
  const index = pointed ?? history.times.length - 1;
  const value = history[chart.series][index] ?? null;
  const extra = chart.id === "rate" && value !== null ? `, ${formatBytes(history.byteRates[index])}/s` : "";
  const when = pointed === null || pointed === undefined ? "now" : formatClock(history.times[index] * 1000);
  setText(
    byId(`${chart.id}-readout`),
    `${when}: ${value === null ? "not known" : chart.words(value) + extra}`,
  );
}

function dataOf(chart, history) {
  return [history.times, history[chart.series]];
}

function fitChart({ box, plot }) {
  if (box.clientWidth > 0 && box.clientWidth !== plot.width) {
    plot.setSize({ width: box.clientWidth, height: HEIGHT });
  }
}

function ageTick(seconds) {
  if (seconds < 2 * 60) return `${seconds} s`;
  return seconds < 2 * 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;
}

function ageWords(seconds) {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatSpan(seconds * 1000);
}

function rateWords(rate) {
  return `${rate < 10 && rate > 0 ? rate.toFixed(1) : formatShort(rate)} events/s`;
}
