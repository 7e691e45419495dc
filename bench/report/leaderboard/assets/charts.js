// Charts, as SVG: crisp in print, coloured by the style sheet, with a text for those who hear.

const COSTS = {
  parameters: { label: "Parameters", better: "less" },
  macs: { label: "Multiply-accumulates per sample", better: "less" },
  speed: { label: "Samples per second", better: "more" },
};

const FRAME = { width: 520, height: 300, left: 52, right: 18, top: 22, bottom: 44 };

// The entries that no other beats in score and cost at once, from cheap to costly.
function paretoFront(points, better, lower) {
  const cheapFirst = [...points].sort(
    (a, b) => (better === "less" ? a.x - b.x : b.x - a.x) || (lower ? a.y - b.y : b.y - a.y),
  );
  let best = lower ? Infinity : -Infinity;
  return cheapFirst.filter((point) => {
    const ahead = lower ? point.y < best : point.y > best;
    if (ahead) best = point.y;
    return ahead;
  });
}

function logTicks([from, to]) {
  const decades = Math.log10(to / from);
  const steps = decades > 4 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
  const ticks = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    for (const step of steps) ticks.push(step * 10 ** power);
  }
  return ticks.filter((tick) => tick >= from && tick <= to);
}

function Axes({ xTicks, yTicks, x, y, xText, yText, xLabel, yLabel }) {
  const { width, height, left, right, top, bottom } = FRAME;
  return html`<g class="axes">
    ${yTicks.map((tick) => html`<g key=${tick}>
      <line class="grid" x1=${left} x2=${width - right} y1=${y(tick)} y2=${y(tick)} />
      <text x=${left - 8} y=${y(tick) + 4} text-anchor="end">${yText(tick)}</text>
    </g>`)}
    ${xTicks.map((tick) => html`<g key=${tick}>
      <line class="tick" x1=${x(tick)} x2=${x(tick)} y1=${height - bottom} y2=${height - bottom + 5} />
      <text x=${x(tick)} y=${height - bottom + 18} text-anchor="middle">${xText(tick)}</text>
    </g>`)}
    <line class="tick" x1=${left} x2=${width - right} y1=${height - bottom} y2=${height - bottom} />
    <text class="title" x=${width - right} y=${height - 8} text-anchor="end">${xLabel}</text>
    <text class="title" x=${left} y=${top - 4} text-anchor="start">${yLabel}</text>
  </g>`;
}

function CostChart({ board, cost, picks }) {
  const { width, height, left, right, top, bottom } = FRAME;
  const points = rowsOf(board)
    .filter((row) => row.status === "ranked" && row[cost] > 0)
    .map((row) => ({ row, x: row[cost], y: row.score.value, score: row.score }));
  const { label, better } = COSTS[cost];
  const front = paretoFront(points, better, board.task.lower);
  const onFront = new Set(front);
  const [low, high] = d3.extent(points, (point) => point.x);
  const domain = [low / 1.25, high * 1.25];
  const logs = domain.map(Math.log10);
  const scaleX = linear(logs, left, width - right);
  const x = (value) => scaleX(Math.log10(value));
  const extent = withoutTails(points.map((point) => point.score));
  const scaleY = linear(extent, height - bottom, top + 8);
  const y = (value) => Math.min(height - bottom, Math.max(top, scaleY(value)));
  const yTicks = d3.ticks(...extent, 6);
  const digits = Math.max(0, -Math.floor(Math.log10(d3.tickStep(...extent, 6)) + 1e-9));
  const steps = front.map((point, index) =>
    index ? `H${x(point.x).toFixed(1)}V${y(point.y).toFixed(1)}` :
      `M${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`);
  const says = front.map((point) =>
    `${point.row.entry}: ${fixed(point.y, point.row.digits)} at ${short(point.x)}`);
  const placed = [];
  const order = [...points].sort((a, b) => onFront.has(a) - onFront.has(b));
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img"
      aria-label=${`${board.task.label} against ${label}. Pareto front: ${says.join("; ")}.`}>
    <${Axes} xTicks=${logTicks(domain)} yTicks=${yTicks} x=${x} y=${y} xText=${short}
      yText=${(tick) => fixed(tick, digits)} yLabel=${board.task.label}
      xLabel=${`${label} (log; ${better} is cheaper)`} />
    <path class="front" d=${steps.join("")} />
    ${order.map((point) => {
      const pick = picks.indexOf(point.row.key);
      const tone = pick >= 0 ? `pick${pick}` : onFront.has(point) ? "top" : "rest";
      const px = x(point.x).toFixed(1);
      return html`<g key=${point.row.key} class="point ${tone}"
          onClick=${() => go({ run: point.row.key }, true)}>
        <title>${point.row.entry}: ${fixed(point.y, point.row.digits)} ${intervalText(point.score, point.row.digits)}, ${short(point.x)}</title>
        ${point.score.low !== null && html`<line class="range" x1=${px} x2=${px}
          y1=${y(point.score.low).toFixed(1)} y2=${y(point.score.high).toFixed(1)} />`}
        ${point.row.division === "open"
          ? html`<rect class="dot" x=${px - 4} y=${y(point.y) - 4} width="8" height="8" />`
          : html`<circle class="dot" cx=${px} cy=${y(point.y).toFixed(1)} r="4.5" />`}
      </g>`;
    })}
    ${front.slice().reverse().map((point) => {
      const px = x(point.x);
      const py = y(point.y) - 10;
      const end = px > width * 0.7;
      const text = point.row.entry.length > 26 ? `${point.row.entry.slice(0, 25)}…` : point.row.entry;
      const from = end ? px - 7.4 * text.length : px;
      const box = [from, py - 12, from + 7.4 * text.length, py];
      const clash = placed.some((o) => o[0] < box[2] && o[2] > box[0] && o[1] < box[3] && o[3] > box[1]);
      if (clash || placed.length >= 10) return null;
      placed.push(box);
      return html`<text key=${point.row.key} class="name" x=${px} y=${py}
        text-anchor=${end ? "end" : "start"}>${text}</text>`;
    })}
  </svg>`;
}

// Bars with intervals for up to three entries: one line for each class or slice. All numbers have the
// digits that the intervals of most lines need.
function BarTable({ caption, lines, rows, heading }) {
  const all = lines.flatMap((line) => line.scores);
  const known = all.filter((score) => score && score.low !== null);
  const digits = known.length ? Math.floor(d3.median(known, (score) => score.digits)) : rows[0].digits;
  const extent = extentOf(all);
  const from = Math.min(0, extent[0]);
  const to = extent[1] > 0.5 && extent[1] <= 1.1 && from === 0 ? 1 : Math.max(0, extent[1]);
  const scale = linear([from, to], 0, 100);
  const x = (value) => `${scale(value).toFixed(2)}%`;
  const thick = rows.length > 1 ? 8 : 12;
  const tall = rows.length * (thick + 3) + 3;
  const classes = lines.some((line) => line.classes > 0);
  const counts = lines.some((line) => (line.count ?? null) !== null);
  return html`<div class="scroll" role="region" tabindex="0" aria-label=${caption}>
    <table class="bars">
    <caption class="unseen">${caption}</caption>
    <thead><tr><th scope="col">${heading}</th><th scope="col" class="c-bars"><span class="unseen">Bars</span></th>
      ${rows.map((row, index) => html`<th scope="col" class="numeric"><span
        class="key pick${index}" aria-hidden="true"></span>${rows.length > 1 ? row.entry : "value"}</th>`)}
      ${classes && html`<th scope="col" class="numeric" title="Classes that occur in these samples">classes</th>`}
      ${counts && html`<th scope="col" class="numeric">n</th>`}</tr></thead>
    <tbody>${lines.map((line) => html`<tr key=${line.name}>
      <th scope="row"><bdi>${line.name}</bdi></th>
      <td class="c-bars"><svg width="100%" height=${tall} aria-hidden="true">
        <line class="tick" x1=${x(0)} x2=${x(0)} y1="0" y2=${tall} />
        ${line.scores.map((score, index) => {
          if (!score) return null;
          const top = 3 + index * (thick + 3);
          const [left, right] = [Math.min(0, score.value), Math.max(0, score.value)].map(scale);
          return html`<g class="pick${index}">
            <rect class="fill" x="${left.toFixed(2)}%" y=${top} height=${thick} width="${(right - left).toFixed(2)}%" />
            ${score.low !== null && html`<line class="whisker" x1=${x(score.low)}
              x2=${x(score.high)} y1=${top + thick / 2} y2=${top + thick / 2} />`}
          </g>`;
        })}
      </svg></td>
      ${line.scores.map((score) => html`<td class="numeric">${score
        ? html`<b>${fixed(score.value, digits)}</b>${" "}
          <span class="quiet">${intervalText(score, digits)}</span>`
        : "–"}</td>`)}
      ${classes && html`<td class="numeric quiet">${line.classes || "–"}</td>`}
      ${counts && html`<td class="numeric quiet">${whole(line.count)}</td>`}
    </tr>`)}</tbody>
  </table></div>`;
}

// Scores whose label is a rate, such as bpppc=2.06, are points of a curve.
const RATE = /^([A-Za-z][\w .-]*)=([0-9.]+(?:e-?\d+)?)$/;

// What a rate is called on an axis; any other by its own name.
const RATES = { bpppc: "bits per pixel and channel" };

function curvesOf(board) {
  const found = new Map();
  for (const score of scoresOf(board)) {
    const match = score.slice ? null : RATE.exec(score.label);
    if (!match) continue;
    const metric = score.title.replace(/ by .*/, "");
    const rateTitle = RATES[match[1]] ?? spaced(match[1]);
    const key = `${metric} against ${rateTitle}`;
    const called = score.unit ? `${metric}, ${score.unit}` : metric;
    if (!found.has(key)) found.set(key, { key, metric: called, rate: match[1], rateTitle, points: [] });
    found.get(key).points.push({ rate: Number(match[2]), column: score.column });
  }
  return [...found.values()];
}

function CurveChart({ curve, rows, board }) {
  const { width, height, left, right, top, bottom } = FRAME;
  const lines = rows.map((row) => ({
    row,
    points: curve.points
      .map((point) => ({ rate: point.rate, score: number(point.column, row.index) }))
      .filter((point) => point.score)
      .sort((a, b) => a.rate - b.rate),
  })).filter((line) => line.points.length);
  const all = lines.flatMap((line) => line.points);
  if (!all.length) return null;
  const domain = d3.extent(all, (point) => point.rate);
  const x = linear(domain, left + 8, width - right - 8);
  const extent = extentOf(all.map((point) => point.score));
  const y = linear(extent, height - bottom, top + 8);
  const digits = all[0].score.digits;
  return html`<figure><svg class="chart" viewBox="0 0 ${width} ${height}" role="img"
      aria-label=${`${curve.key}: ${lines.map((line) => `${line.row.entry} ${line.points.map((p) =>
        `${fixed(p.score.value, digits)} at ${p.rate}`).join(", ")}`).join("; ")}`}>
    <${Axes} xTicks=${d3.ticks(...domain, 6)} yTicks=${d3.ticks(...extent, 6)} x=${x} y=${y}
      xText=${String} yText=${(tick) => String(tick)} xLabel=${curve.rateTitle} yLabel=${curve.metric} />
    ${lines.map((line, index) => html`<g key=${line.row.key} class="line pick${index}">
      <path class="stroke" d=${line.points.map((p, i) =>
        `${i ? "L" : "M"}${x(p.rate).toFixed(1)} ${y(p.score.value).toFixed(1)}`).join("")} />
      ${line.points.map((p) => html`<g>
        <title>${line.row.entry}: ${fixed(p.score.value, digits)} ${intervalText(p.score, digits)} at ${p.rate} ${curve.rate}</title>
        ${p.score.low !== null && html`<line class="range" x1=${x(p.rate)} x2=${x(p.rate)}
          y1=${y(p.score.low)} y2=${y(p.score.high)} />`}
        <circle class="dot" cx=${x(p.rate)} cy=${y(p.score.value)} r="4" /></g>`)}
    </g>`)}
  </svg><figcaption class="quiet">${lines.map((line, index) => html`<span key=${line.row.key}><span
      class="key pick${index}" aria-hidden="true"></span><bdi>${line.row.entry}</bdi>; </span>`)}vertical lines are 95 % intervals.
      ${" "}<${ChartTools} name=${`${board.task.name}-${curve.key}`} /></figcaption></figure>`;
}

// A critical-difference diagram (Demsar 2006), one line for each entry: names keep their size on a
// phone. Bars join entries that can't be told apart.
function DifferenceChart({ found, id }) {
  const width = 400;
  const [left, right, axis, lane, step] = [180, 392, 46, 8, 18];
  const entries = found.entries.map(([name, rank]) => ({ name: word(name), rank }));
  const last = entries[entries.length - 1].rank;
  const domain = [1, Math.max(last, 1 + found.difference)];
  const x = linear(domain, left, right);
  const ends = [];
  const bars = found.groups.map(([first, end]) => {
    const [from, to] = [entries[first].rank, entries[end].rank];
    const free = ends.findIndex((reached) => x(reached) + 10 < x(from));
    const place = free < 0 ? ends.length : free;
    ends[place] = to;
    return { first, end, from: x(from) - 4, to: x(to) + 4, y: axis + lane * (place + 1) };
  });
  const top = axis + lane * (ends.length + 1) + 10;
  const height = top + step * (entries.length - 1) + 14;
  const says = entries.map(({ name, rank }) => `${name} ${fixed(rank, 2)}`).join(", ");
  const alike = bars.map(({ first, end }) => `${entries[first].name} to ${entries[end].name}`).join("; ");
  return html`<svg class="chart difference" viewBox="0 0 ${width} ${height}" role="img"
      aria-labelledby="${id}-title ${id}-about">
    <title id="${id}-title">Critical-difference diagram of ${found.compared} entries on ${found.tasks} tasks</title>
    <desc id="${id}-about">Mean ranks, best first: ${says}. ${alike ? `Not told apart: ${alike}.` : "All are told apart."}</desc>
    <g class="axes">
      <path class="tick" d="M${left} 10v8m0 -4H${x(1 + found.difference).toFixed(1)}m0 -4v8" />
      <text x=${left - 8} y="18" text-anchor="end">critical difference</text>
      <line class="tick" x1=${left} x2=${right} y1=${axis} y2=${axis} />
      ${[...new Set([1, ...d3.ticks(...domain, 6).filter(Number.isInteger)])].map((tick) => html`<g key=${tick}>
        <line class="tick" x1=${x(tick)} x2=${x(tick)} y1=${axis - 5} y2=${axis} />
        <text x=${x(tick)} y=${axis - 9} text-anchor="middle">${tick}</text></g>`)}
      <text x=${left - 8} y=${axis + 4} text-anchor="end">mean rank</text>
    </g>
    ${entries.map(({ name, rank }, index) => {
      const y = top + step * index;
      return html`<g class="entry"><title>${name}: mean rank ${fixed(rank, 2)}</title>
        <path class="leader" d="M${x(rank).toFixed(1)} ${axis}V${y}H${left - 4}" />
        <text class="name" x="0" y=${y + 4}>${name.length > 20 ? `${name.slice(0, 19)}…` : name}</text>
        <text x=${left - 8} y=${y + 4} text-anchor="end">${fixed(rank, 2)}</text></g>`;
    })}
    ${bars.map(({ from, to, y }) => html`<line class="alike" x1=${from.toFixed(1)} x2=${to.toFixed(1)}
      y1=${y} y2=${y} />`)}
  </svg>`;
}
