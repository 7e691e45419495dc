// Scores against the number of training samples: a chart, and a table with the same numbers.

const LINES = 6;
const MARKERS = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", "M-4 -4h8v8h-8z", "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
  "M0 -5.5l5 9h-10z", "M0 5.5l5 -9h-10z", "M-5 -2h3v-3h4v3h3v4h-3v3h-4v-3h-3z",
];

const scored = ([value, low, high]) => (value === null ? null : { value, low, high });

// The curves of a board, those with the best area first.
function labelCurvesOf(board) {
  if (board.labelCurves) return board.labelCurves;
  const sign = board.task.lower ? 1 : -1;
  const worth = (curve) => curve.area?.value ?? curve.points.findLast((point) => point.score)?.score.value ?? null;
  board.labelCurves = board.columns.curves.map((curve) => ({
    name: word(curve.entry),
    inputs: word(curve.inputs),
    trust: word(curve.trust),
    area: scored(curve.area),
    points: curve.points.map(([size, samples, draws, value, low, high, rows]) => ({
      size: word(size), samples, draws, rows, score: scored([value, low, high]),
    })),
  })).sort((a, b) => (worth(a) === null) - (worth(b) === null) || sign * (worth(a) - worth(b)));
  return board.labelCurves;
}

function drawnCurves(board) {
  const all = labelCurvesOf(board);
  if (!view.lines) return all.slice(0, LINES);
  const names = new Set(list("lines"));
  return all.filter((curve) => names.has(curve.name)).slice(0, LINES);
}

function LabelChart({ board, curves }) {
  const { width, height, left, right, top, bottom } = FRAME;
  const points = curves.flatMap((curve) => curve.points).filter((point) => point.score);
  if (!points.length) return html`<p class="quiet">Choose entries in the table to see their curves.</p>`;
  const floor = bestFloor(board);
  const [low, high] = d3.extent(points, (point) => point.samples);
  const scale = linear([low / 1.3, high * 1.3].map(Math.log10), left, width - right);
  const x = (samples) => scale(Math.log10(samples));
  const extent = extentOf([...points.map((point) => point.score), floor?.score && { value: floor.score.value }]);
  const y = linear(extent, height - bottom, top + 8);
  const yTicks = d3.ticks(...extent, 6);
  const digits = Math.max(0, -Math.floor(Math.log10(d3.tickStep(...extent, 6)) + 1e-9));
  const xTicks = [];
  for (const samples of [...new Set(points.map((point) => point.samples))].sort((a, b) => a - b)) {
    if (!xTicks.length || x(samples) - x(xTicks[xTicks.length - 1]) > 64) xTicks.push(samples);
  }
  const fine = digits + 1;
  const says = curves.map((curve) => `${curve.name} ${curve.points.map((point) =>
    `${fixed(point.score?.value, fine)} at ${whole(Math.round(point.samples))}`).join(", ")}`);
  return html`<svg class="chart labels" viewBox="0 0 ${width} ${height}" role="img"
      aria-label=${`${board.task.label} against the number of training samples: ${says.join("; ")}.${floor ? ` Best floor, ${floor.entry}: ${fixed(floor.score?.value, fine)}.` : ""} The table has the intervals.`}>
    <${Axes} xTicks=${xTicks} yTicks=${yTicks} x=${x} y=${y} xText=${(samples) => whole(Math.round(samples))}
      yText=${(tick) => fixed(tick, digits)} yLabel=${board.task.label}
      xLabel="Training samples (log)" />
    ${floor?.score && html`<g class="floor-line"><line x1=${left} x2=${width - right}
      y1=${y(floor.score.value).toFixed(1)} y2=${y(floor.score.value).toFixed(1)} />
      <text x=${width - right} y=${(y(floor.score.value) - 5).toFixed(1)} text-anchor="end">best floor</text></g>`}
    ${curves.map((curve, index) => {
      const shift = (index - (curves.length - 1) / 2) * 4;
      const there = curve.points.filter((point) => point.score);
      const at = (point) => [(x(point.samples) + shift).toFixed(1), y(point.score.value).toFixed(1)];
      return html`<g key=${curve.name + curve.inputs + curve.trust} class="line pick${index}">
        <path class="stroke" d=${there.map((point, i) => `${i ? "L" : "M"}${at(point).join(" ")}`).join("")} />
        ${there.map((point) => html`<g><title>${curve.name}: ${fixed(point.score.value, fine)} ${intervalText(point.score, fine)} with ${whole(Math.round(point.samples))} samples</title>
          ${point.score.low !== null && html`<line class="range" x1=${at(point)[0]} x2=${at(point)[0]}
            y1=${y(point.score.low).toFixed(1)} y2=${y(point.score.high).toFixed(1)} />`}
          <path class="dot" d=${MARKERS[index]} transform="translate(${at(point).join(" ")})" /></g>`)}
      </g>`;
    })}
  </svg>`;
}

function LabelTable({ board, curves }) {
  const all = labelCurvesOf(board);
  const sizes = new Map();
  for (const point of all.flatMap((curve) => curve.points)) {
    sizes.set(point.size, [...(sizes.get(point.size) ?? []), point.samples]);
  }
  const columns = [...sizes].map(([size, samples]) => ({ size, samples: d3.mean(samples) }))
    .sort((a, b) => a.samples - b.samples);
  const digits = Math.max(0, board.columns.score.digits - 1) || 3;
  const rows = rowsOf(board);
  const toggle = (name) => {
    const names = curves.map((curve) => curve.name);
    go({ lines: (names.includes(name) ? names.filter((each) => each !== name) : [...names, name]).join(",") || "none" });
  };
  return html`<div class="scroll tall" role="region" tabindex="0" aria-label="Scores by number of training samples">
    <table class="by-labels"><caption class="unseen">${board.task.label} of each entry by number of training samples</caption>
    <thead><tr><th scope="col"><span class="unseen">In the chart</span></th><th scope="col">Entry</th>
      ${columns.map(({ size, samples }) => html`<th scope="col" class="numeric">${size.replace("%", " %")}
        <span class="under always">n ${spanText(sizes.get(size), (each) => whole(Math.round(each)))}</span></th>`)}
      <th scope="col" class="numeric" title="Mean score over log10 of the number of samples">Area</th></tr></thead>
    <tbody>${firstOf(all).map((curve) => {
      const place = curves.indexOf(curve);
      return html`<tr class=${place >= 0 ? `pick${place}` : ""}>
        <td class="c-line"><input type="checkbox" checked=${place >= 0} aria-label=${`Draw ${curve.name}`}
          disabled=${place < 0 && curves.length >= LINES} onChange=${() => toggle(curve.name)} />
          ${place >= 0 && html`<svg class="marker" viewBox="-7 -7 14 14" width="14" height="14" aria-hidden="true"><path
            d=${MARKERS[place]} /></svg>`}</td>
        <th scope="row"><bdi>${curve.name}</bdi>
          <span class="under always">${curve.inputs} · ${curve.trust}</span></th>
        ${columns.map(({ size }) => {
          const point = curve.points.find((each) => each.size === size);
          if (!point) return html`<td class="numeric quiet">not run</td>`;
          const text = fixed(point.score?.value, digits);
          return html`<td class="numeric">${point.rows.length
            ? html`<a ...${opening(rows[point.rows[0]])}>${text}</a>` : html`<b>${text}</b>`}
            <span class="under always">${intervalText(point.score, digits)}${point.draws > 1 && html`<br />${point.draws} draws`}</span></td>`;
        })}
        <td class="numeric">${curve.area
          ? html`<b>${fixed(curve.area.value, digits)}</b><span class="under always">${intervalText(curve.area, digits)}</span>`
          : html`<span class="quiet">needs two sizes</span>`}</td></tr>`;
    })}</tbody></table></div>
    <${MoreRows} count=${all.length} />`;
}

function LabelCurves({ board }) {
  const all = labelCurvesOf(board);
  if (!all.length) return null;
  const curves = drawnCurves(board);
  return html`<section class="label-curves" aria-labelledby="label-curves"><h3 id="label-curves">Label curves</h3>
    <div class="beside"><figure><${LabelChart} board=${board} curves=${curves} />
      <figcaption class="quiet">Vertical lines are 95 % intervals over test samples and draws.${bestFloor(board) && html` The
        dashed line is the best floor, <bdi>${bestFloor(board).entry}</bdi>, which learnt from all samples.`} Entries are set a little apart so that none hides another.
        ${" "}<${ChartTools} name=${`${board.task.name}-labels`} /></figcaption></figure>
    <div><${LabelTable} board=${board} curves=${curves} />
    <p class="quiet note">A score is the mean over draws of so many training samples; it opens the first draw. Area: the mean
      score over the logarithm of the number of samples, with its interval; areas of the same sizes can be compared.
      Runs on a part of the labels have no rank.${all.length > LINES && ` Up to ${LINES} entries are drawn.`}</p></div></div>
  </section>`;
}
