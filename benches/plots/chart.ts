/** Draws charts as SVG by Observable Plot: lines by a quantity, and dots by a category, with labels at the data. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** One contender's values. */
export interface Series {
  readonly name: string;
  readonly title: string;
  readonly values: readonly (readonly [x: number | string, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly xFormat: (x: never) => string;
  readonly yFormat: (y: number) => string;
  /** Axes are logarithmic by default. */
  readonly linear?: boolean;
  readonly width: number;
  readonly height: number;
}

const OURS = '#d55e00';
/** Colours for colour-blind readers (Okabe and Ito). Related contenders have similar colours. */
const COLOURS: Record<string, string> = {
  shareable: OURS,
  'in-place': OURS,
  cpython: '#0072b2',
  'cpython-pipe': '#0072b2',
  c: '#444444',
  allocating: '#777777',
  array: '#009e73',
  private: '#009e73',
  advanced: '#009e73',
  json: '#009e73',
  worker: '#cc79a7',
  file: '#b07d00',
  'file-json': '#b07d00',
};
const PEER = '#8a8a8a';
const INK = '#222';
const SOFT = '#555';
const FAINT = '#666';
const GRID = '#000';
const RULE = '#ddd';
const PAPER = 'white';
/** What replaces each colour on a dark page. A viewer that ignores style sheets shows the colours for light pages. */
const DARK: Record<string, string> = {
  [OURS]: '#ff8f45',
  '#0072b2': '#56b4e9',
  '#444444': '#dcdcdc',
  '#777777': '#a8a8a8',
  '#009e73': '#2fc796',
  '#cc79a7': '#e79cc6',
  '#b07d00': '#dfb03a',
  [PEER]: '#8f8f96',
  [SOFT]: '#b4b4bb',
  [FAINT]: '#a0a0a8',
  [GRID]: '#fff',
  [RULE]: '#3c3f44',
  [PAPER]: '#1b1b1f',
};
const DARK_INK = '#dfdfd6';
const DASHED = new Set(['in-place', 'cpython-pipe', 'c', 'allocating', 'json', 'file-json', 'nothing']);

const colourOf = (name: string): string => COLOURS[name] ?? PEER;
const isOurs = (name: string): boolean => colourOf(name) === OURS;

const LABEL_GAP = 14;
const MARGIN = { top: 54, bottom: 44, left: 62 };
const FONT = 12;
const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** Returns ticks at multiples of a power of two, from 0 on. */
function stepsTo(high: number, most = 8): number[] {
  const step = 2 ** Math.ceil(Math.log2(high / most));
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
}

/** Returns ticks at powers of ten. */
function ticksOf(low: number, high: number, most = 9): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const step = Math.ceil((last - first + 1) / most);
  const ticks: number[] = [];
  for (let power = first; power <= last; power += step) ticks.push(10 ** power);
  return ticks;
}

/** Places labels near `wanted`, in pixels, so that they do not overlap. */
function spread(wanted: number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).toSorted((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const places = [...wanted];
  let above = top - LABEL_GAP;
  for (const i of order) {
    places[i] = Math.max(places[i] ?? 0, above + LABEL_GAP);
    above = places[i];
  }
  let below = bottom + LABEL_GAP;
  for (const i of order.toReversed()) {
    places[i] = Math.min(places[i] ?? 0, below - LABEL_GAP);
    below = places[i];
  }
  return places;
}

function svgOf(options: Plot.PlotOptions): string {
  const plot = Plot.plot({
    document: document as never,
    style: { fontSize: `${FONT}px`, fontFamily: 'Helvetica, Arial, sans-serif' },
    ...options,
  });
  return plot.outerHTML.replaceAll('&nbsp;', '\u00a0');
}

/** Draws text above the frame, as part of the picture. Plot's own titles are HTML. */
const heading = (text: string, dy: number, style: object = { fill: SOFT }): Plot.Markish =>
  Plot.text([text], { frameAnchor: 'top-left', dx: -MARGIN.left + 8, dy, textAnchor: 'start', ...style });
const titleMark = (title: string, dy = -38): Plot.Markish =>
  heading(title, dy, { fontWeight: 'bold', fontSize: FONT + 2 });

/** Draws lines with the name of each at its end. */
export function lines(chart: Chart): string {
  const { series, width, height, linear = false } = chart;
  const all = series.flatMap((one) => one.values.map(([, y]) => y));
  const xs = [...new Set(series.flatMap((one) => one.values.map(([x]) => Number(x))))].toSorted((a, b) => a - b);
  const low = linear ? 0 : 10 ** Math.floor(Math.log10(Math.min(...all)));
  const high = linear ? Math.max(...all) * 1.05 : 10 ** Math.ceil(Math.log10(Math.max(...all)));
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const toPixels = (y: number): number => {
    const share = linear ? y / high : Math.log(y / low) / Math.log(high / low);
    return bottom - share * (bottom - top);
  };
  const ends = series.map((one) => one.values.at(-1) as readonly [number, number]);
  const places = spread(
    ends.map(([, y]) => toPixels(y)),
    top,
    bottom,
  );
  const lastX = xs.at(-1) ?? 1;
  const ticks = linear ? stepsTo(high) : ticksOf(low, high);
  const marks = series
    .toSorted((a, b) => Number(isOurs(a.name)) - Number(isOurs(b.name)))
    .flatMap((one) => {
      const style = { stroke: colourOf(one.name), strokeWidth: isOurs(one.name) ? 3.2 : 1.7 };
      const points = one.values as [number, number][];
      const dash = DASHED.has(one.name) ? { strokeDasharray: '5 4' } : {};
      return [
        Plot.lineY(points, { ...style, ...dash, x: '0', y: '1' }),
        Plot.dot(points, { x: '0', y: '1', r: isOurs(one.name) ? 3.4 : 2.2, fill: colourOf(one.name) }),
      ];
    });
  const names = series.map((one, i) => {
    const [end] = ends[i] ?? [lastX];
    return end === lastX ? one.title : `${one.title} (to ${chart.xFormat(end as never)})`;
  });
  const longest = Math.max(...names.map((name) => name.length));
  const labels = series.map((one, i) =>
    Plot.text([ends[i] as [number, number]], {
      x: () => lastX,
      y: '1',
      text: () => names[i] ?? '',
      dx: 10,
      dy: (places[i] ?? 0) - toPixels((ends[i] as [number, number])[1]),
      textAnchor: 'start',
      fill: colourOf(one.name),
      fontWeight: isOurs(one.name) ? 'bold' : 'normal',
    }),
  );
  return svgOf({
    width,
    height,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginRight: longest * 6.6 + 20,
    x: { type: linear ? 'linear' : 'log', axis: null, ...(linear ? { domain: [0, lastX] } : {}) },
    y: { type: linear ? 'linear' : 'log', domain: [low, high], axis: null },
    marks: [
      Plot.gridY(ticks, { stroke: GRID, strokeOpacity: 0.12 }),
      Plot.axisY(ticks, { label: null, tickFormat: chart.yFormat, tickSize: 0 }),
      // Not an axis, because a logarithmic one omits labels of ticks that are not powers of ten.
      Plot.text(xs, {
        x: (x: number) => x,
        frameAnchor: 'bottom',
        dy: 18,
        text: (x: number) => chart.xFormat(x as never),
      }),
      Plot.text([chart.xLabel], { frameAnchor: 'bottom', dy: 38, fill: SOFT }),
      titleMark(chart.title),
      heading(chart.yLabel, -19),
      ...marks,
      ...labels,
    ],
  });
}

/** Draws a row for each category and a dot for each contender, with its value beside it. */
export function dots(chart: Chart): string {
  const all = chart.series.flatMap((one) =>
    one.values.map(([x, y]) => ({ category: String(x), value: y, name: one.name, title: one.title })),
  );
  const values = all.map((one) => one.value);
  const [low, high] = [Math.min(...values) / 1.6, Math.max(...values) * 3];
  const categories = [...new Set(all.map((one) => one.category))];
  const legend = chart.series.map((one, i) => ({ ...one, i }));
  return svgOf({
    width: chart.width,
    height: chart.height,
    marginTop: 64,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginRight: 24,
    x: {
      type: 'log',
      domain: [low, high],
      label: chart.yLabel,
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
      ticks: ticksOf(low, high).filter((tick) => tick >= low && tick <= high),
      tickFormat: (y: number) => chart.yFormat(y).replace(/\.0+(?= )/, ''),
    },
    y: { type: 'point', domain: categories, label: null, padding: 0.7 },
    marks: [
      titleMark(chart.title, -52),
      ...legend.flatMap((one) => [
        Plot.dot([one], { frameAnchor: 'top-left', dx: one.i * 112 + 6, dy: -26, r: 5, fill: colourOf(one.name) }),
        Plot.text([one.title], {
          frameAnchor: 'top-left',
          dx: one.i * 112 + 16,
          dy: -31,
          textAnchor: 'start',
          fill: colourOf(one.name),
          fontWeight: isOurs(one.name) ? 'bold' : 'normal',
        }),
      ]),
      Plot.ruleY(categories, { stroke: RULE }),
      Plot.dot(all, {
        x: 'value',
        y: 'category',
        r: (one: { name: string }) => (isOurs(one.name) ? 7 : 5),
        fill: (one: { name: string }) => colourOf(one.name),
      }),
      // If two dots are close together, one value is below its dot.
      ...[true, false].map((isAbove) =>
        Plot.text(
          all.filter((one) => isAbove !== (one.name === 'c')),
          {
            x: 'value',
            y: 'category',
            dy: isAbove ? -14 : 15,
            fontSize: FONT - 1,
            fill: (one: { name: string }) => colourOf(one.name),
            text: (one: { value: number }) => chart.yFormat(one.value),
          },
        ),
      ),
    ],
    r: { type: 'identity' },
    color: { type: 'identity' },
  });
}

/** Returns the style sheet that gives the picture its colours on a dark page, where the browser says that it is one. */
function darkStyle(picture: string): string {
  const used = [...picture.matchAll(/ (fill|stroke)="(?!none|currentColor)([^"]+)"/g)];
  const rules = [...new Set(used.map(([, attribute = '', colour = '']) => `${attribute} ${colour}`))].map((pair) => {
    const [attribute = '', colour = ''] = pair.split(' ');
    const dark = DARK[colour];
    if (dark === undefined) throw new Error(`the plots have no ${attribute} ${colour} for dark pages`);
    return `[${attribute}="${colour}"] { ${attribute}: ${dark}; }`;
  });
  return `<style>@media (prefers-color-scheme: dark) {\nsvg { color: ${DARK_INK}; }\n${rules.toSorted().join('\n')}\n}</style>`;
}

/** Lays out charts of one size in rows, with a line that names their source. */
export function sheet(charts: readonly string[], columns: number, width: number, height: number, note: string): string {
  const rows = Math.ceil(charts.length / columns);
  const inner = charts.map((svg, i) => {
    const at = `x="${(i % columns) * width}" y="${Math.floor(i / columns) * height}"`;
    return svg.replace('<svg ', `<svg ${at} `);
  });
  const [fullWidth, fullHeight] = [columns * width, rows * height + 24];
  const picture = [
    `<rect width="100%" height="100%" fill="${PAPER}"/>`,
    ...inner,
    `<text x="8" y="${fullHeight - 9}" font-size="11" font-family="Helvetica, Arial, sans-serif" fill="${FAINT}">${note}</text>`,
  ].join('\n');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${fullWidth}" height="${fullHeight}" viewBox="0 0 ${fullWidth} ${fullHeight}" color="${INK}">`,
    darkStyle(picture),
    picture,
    '</svg>\n',
  ].join('\n');
}
