'use strict';
// Draws what the JSON above says. Texts become text nodes, never markup.
addEventListener('error', event => { document.documentElement.dataset.error = event.message; });

const SVG = 'http://www.w3.org/2000/svg';
const COLORS = 6;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function figure(x) {
  if (typeof x !== 'number') return String(x);
  const size = Math.abs(x);
  if (x === 0 || (Number.isInteger(x) && size < 1e6)) return String(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(2);
  return x.toFixed(size >= 100 ? 1 : 4);
}

// As short as an axis needs it.
function short(x) {
  const size = Math.abs(x);
  const text = size !== 0 && (size >= 1e6 || size < 1e-3) ? x.toExponential(2) : String(+x.toPrecision(3));
  return text.replace(/\.?0*e\+?/, 'e');
}

// Round numbers from low to high, about n of them; powers of ten where the scale is logarithmic.
function ticks(low, high, n, log) {
  if (log) {
    const first = Math.ceil(low - 1e-9), last = Math.floor(high + 1e-9), all = [];
    const step = Math.max(1, Math.ceil((last - first + 1) / n));
    for (let e = first; e <= last; e += step) all.push(e);
    if (all.length >= 2) return all;
    // Less than two powers: numbers between them.
    return ticks(10 ** low, 10 ** high, n, false).filter(x => x > 0).map(Math.log10);
  }
  const raw = (high - low) / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(s => s >= raw * 0.999) || raw;
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) all.push(+(i * step).toPrecision(12));
  return all;
}

// An exponential mean that forgets over about a thirtieth of the curve, as TensorBoard smooths.
function smoothed(points) {
  const keep = 1 - 1 / Math.max(1, points.length / 30);
  let mean = 0, weight = 0;
  return points.map(([x, y]) => {
    mean = keep * mean + (1 - keep) * y;
    weight = keep * weight + (1 - keep);
    return [x, mean / weight];
  });
}

function chart(spec) {
  const log = element('input', { type: 'checkbox' });
  const holder = element('div'), legend = element('div', { class: 'legend' });
  const card = element('section', { class: 'card' },
    element('div', { class: 'head' }, element('h2', {}, spec.title), element('label', {}, log, ' log')),
    holder, legend);
  for (const note of spec.notes || []) card.append(element('p', { class: 'note' }, note));
  const all = spec.series.flatMap(series => series.points.map(point => point[1]));
  const positive = all.length > 0 && all.every(y => y > 0);
  log.disabled = !positive;
  log.checked = positive && (spec.log_y ?? Math.max(...all) > 300 * Math.min(...all));
  const key = (series, i, value) => {
    const mark = element('i');
    mark.style.background = `var(--c${i % COLORS})`;
    return element('span', {}, mark, series.name + (value === undefined ? '' : ' ' + figure(value)));
  };

  function draw() {
    const width = Math.max(240, holder.clientWidth || 600), height = 230;
    const area = { left: 56, right: width - 22, top: 8, bottom: height - 34 };
    const ofX = x => spec.log_x ? Math.log10(x) : x, ofY = y => log.checked ? Math.log10(y) : y;
    const points = spec.series.flatMap(series => series.points);
    const range = values => {
      let low = Infinity, high = -Infinity;
      for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
      if (low > high) return [0, 1];
      const margin = high > low ? 0 : Math.abs(high) / 2 || 0.5;
      return [low - margin, high + margin];
    };
    const [x0, x1] = range(spec.log_x ? points.map(p => ofX(p[0])) : [0, ...points.map(p => p[0])]);
    let [y0, y1] = range(points.map(p => ofY(p[1])));
    [y0, y1] = [y0 - (y1 - y0) * 0.04, y1 + (y1 - y0) * 0.04];
    const px = x => area.left + (ofX(x) - x0) / (x1 - x0) * (area.right - area.left);
    const py = y => area.bottom - (ofY(y) - y0) / (y1 - y0) * (area.bottom - area.top);
    const svg = drawn('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img' });
    svg.append(drawn('title', {}, spec.title));
    for (const t of ticks(y0, y1, 5, log.checked)) {
      const value = log.checked ? 10 ** t : t, y = py(value);
      svg.append(drawn('line', { class: 'axis', x1: area.left, x2: area.right, y1: y, y2: y }));
      svg.append(drawn('text', { x: area.left - 6, y: y + 4, 'text-anchor': 'end' }, short(value)));
    }
    for (const t of ticks(x0, x1, Math.max(3, Math.floor(width / 90)), spec.log_x)) {
      const value = spec.log_x ? 10 ** t : t, x = px(value);
      svg.append(drawn('line', { class: 'axis', x1: x, x2: x, y1: area.bottom, y2: area.bottom + 4 }));
      svg.append(drawn('text', { x, y: area.bottom + 16, 'text-anchor': 'middle' }, short(value)));
    }
    svg.append(drawn('text', { x: area.right, y: height - 4, 'text-anchor': 'end' }, spec.x));
    const trace = points => points.map(([x, y], i) => (i ? 'L' : 'M') + px(x).toFixed(1) + ' ' + py(y).toFixed(1)).join('');
    spec.series.forEach((series, i) => {
      const color = `var(--c${i % COLORS})`;
      if (series.points.length === 0) return;
      const noisy = series.smooth && series.points.length > 60;
      if (noisy) svg.append(drawn('path', { class: 'faint', stroke: color, d: trace(series.points) }));
      svg.append(drawn('path', { stroke: color, d: trace(noisy ? smoothed(series.points) : series.points) }));
      if (series.points.length <= 60) {
        for (const [x, y] of series.points) svg.append(drawn('circle', { cx: px(x), cy: py(y), r: 2.5, fill: color }));
      }
    });
    for (const mark of spec.marks || []) {
      const x = px(mark.x);
      svg.append(drawn('line', { x1: x, x2: x, y1: area.top, y2: area.bottom, stroke: 'var(--wrong)', 'stroke-dasharray': '4 3' }));
      const left = x > width * 0.6;
      const label = drawn('text', { x: x + (left ? -5 : 5), y: area.top + 10, 'text-anchor': left ? 'end' : 'start' }, mark.name);
      svg.append(label);
    }
    const cursor = drawn('line', { class: 'axis', y1: area.top, y2: area.bottom, visibility: 'hidden' });
    svg.append(cursor);
    const last = () => {
      cursor.setAttribute('visibility', 'hidden');
      legend.replaceChildren(...spec.series.map((series, i) => key(series, i, (series.points.at(-1) || [])[1])));
    };
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * width / box.width;
      const near = series => series.points.reduce((best, p) => Math.abs(px(p[0]) - at) < Math.abs(px(best[0]) - at) ? p : best);
      cursor.setAttribute('x1', at);
      cursor.setAttribute('x2', at);
      cursor.setAttribute('visibility', 'visible');
      const shown = spec.series.map((series, i) => [series, i]).filter(([series]) => series.points.length);
      legend.replaceChildren(...shown.map(([series, i]) => {
        const point = near(series);
        const made = key(series, i, point[1]);
        made.append(` at ${figure(point[0])}`);
        return made;
      }));
    });
    svg.addEventListener('pointerleave', last);
    last();
    holder.replaceChildren(svg);
  }
  log.addEventListener('change', draw);
  return [card, draw];
}

function confusion({ title, names, counts }) {
  const row = i => counts[i].reduce((a, b) => a + b, 0), column = j => counts.reduce((a, r) => a + r[j], 0);
  const percent = (n, of) => of ? (100 * n / of).toFixed(1) + ' %' : '';
  const table = element('table');
  const head = element('tr', {}, element('th', {}, 'is ↓ read as →'));
  names.forEach(name => head.append(element('th', { title: name }, name)));
  head.append(element('th', { class: 'rate' }, 'recall'));
  table.append(head);
  counts.forEach((r, i) => {
    const line = element('tr', {}, element('th', { title: names[i] }, names[i]));
    r.forEach((n, j) => {
      const cell = element('td', { title: `${names[i]} read as ${names[j]}: ${n}` }, n ? String(n) : '');
      const share = Math.round(100 * Math.sqrt(n / Math.max(1, row(i))));
      if (n) cell.style.background = `color-mix(in srgb, var(${i === j ? '--c2' : '--wrong'}) ${Math.round(share * 0.55)}%, transparent)`;
      line.append(cell);
    });
    line.append(element('td', { class: 'rate' }, percent(r[i], row(i))));
    table.append(line);
  });
  const foot = element('tr', {}, element('th', { class: 'rate' }, 'precision'));
  names.forEach((_, j) => foot.append(element('td', { class: 'rate' }, percent(counts[j][j], column(j)))));
  table.append(foot);
  return element('section', { class: 'card' }, element('h2', {}, title), element('div', { class: 'scroll' }, table));
}

function samples({ title, note, items }) {
  const grid = element('div', { class: 'samples' });
  for (const item of items) {
    const caption = element('figcaption', {}, element('b', {}, item.found), ` ${(100 * item.confidence).toFixed(0)} %`);
    if (item.wrong) caption.append(element('br'), `is ${item.truth}`);
    const image = element('img', { src: item.image, alt: `${item.truth}, read as ${item.found}` });
    grid.append(element('figure', item.wrong ? { class: 'wrong' } : {}, image, caption));
  }
  const card = element('section', { class: 'card' }, element('h2', {}, title));
  if (note) card.append(element('p', { class: 'subtitle' }, note));
  card.append(grid);
  return card;
}

function rows({ title, rows }) {
  const table = element('table', { class: 'plain' });
  for (const [name, value] of rows) table.append(element('tr', {}, element('th', {}, name), element('td', {}, value)));
  return element('section', { class: 'card' }, element('h2', {}, title), table);
}

const data = JSON.parse(document.getElementById('data').textContent);
const main = document.querySelector('main'), draws = [];
main.append(element('h1', {}, data.title));
const started = data.started ? new Date(1000 * data.started).toLocaleString() + ' · ' : '';
main.append(element('p', { class: 'subtitle' }, started + (data.subtitle || '')));
if (data.tiles.length) {
  main.append(element('div', { class: 'tiles' }, ...data.tiles.map(([name, value]) =>
    element('div', { class: 'tile' }, element('b', {}, figure(value)), element('span', {}, name)))));
}
const curves = element('div', { class: 'grid' });
for (const spec of data.charts) {
  const [card, draw] = chart(spec);
  curves.append(card);
  draws.push(draw);
}
if (data.charts.length) main.append(curves);
for (const matrix of data.matrices) main.append(confusion(matrix));
for (const group of data.samples) main.append(samples(group));
for (const text of data.texts) {
  main.append(element('section', { class: 'card' }, element('h2', {}, text.title), element('pre', {}, text.text)));
}
for (const picture of data.pictures) {
  const image = element('img', { src: picture.url, alt: picture.title });
  main.append(element('section', { class: 'card' }, element('h2', {}, picture.title), element('div', { class: 'picture' }, image)));
}
const tables = element('div', { class: 'grid' }, ...data.tables.map(rows));
if (data.tables.length) main.append(tables);
const redraw = () => draws.forEach(draw => draw());
redraw();
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth !== width) { width = innerWidth; redraw(); }
});
document.documentElement.dataset.charts = document.querySelectorAll('svg.chart path').length;
