// Curves of degraded images and of trainings.

// Lines of points [x, value, low, high] on axes of their own. What has no value is a gap.
function LineChart({ lines, xLabel, yLabel, says, xText = String, floor, integers }) {
  const { width, height, left, right, top, bottom } = FRAME;
  const all = lines.flatMap((line) => line.points).filter((point) => point[1] !== null);
  const domain = d3.extent(all, ([at]) => at);
  const extent = extentOf([...all.map(([, value, low = null, high = null]) => ({ value, low, high })), floor]);
  const x = linear(domain, left + 10, width - right - 10);
  const y = linear(extent, height - bottom, top + 8);
  const digits = tickDigits(extent, 6);
  const ticks = integers ? d3.ticks(...domain, 6).filter(Number.isInteger) : distinct(all.map(([at]) => at)).sort((a, b) => a - b);
  const kept = ticks.filter((tick, index) => index === 0 || x(tick) - x(ticks[index - 1]) > 24);
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label=${says}>
    <${Axes} xTicks=${kept} yTicks=${d3.ticks(...extent, 6)} x=${x} y=${y} xText=${xText}
      yText=${(tick) => fixed(tick, digits)} xLabel=${xLabel} yLabel=${yLabel} />
    ${floor && html`<g class="floor-line"><line x1=${left} x2=${width - right} y1=${y(floor.value)} y2=${y(floor.value)} />
      <text x=${width - right} y=${y(floor.value) - 5} text-anchor="end">best floor, clean</text></g>`}
    ${lines.map(({ name, points, tone, dashed }) => {
      const there = points.filter((point) => point[1] !== null);
      return html`<g key=${name} class="line pick${tone}">
        <path class="stroke" stroke-dasharray=${dashed ? "5 3" : undefined} d=${there.map(([at, value], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("")} />
        ${there.map(([at, value, low = null, high = null]) => html`<g><title>${name}: ${fixed(value, digits + 2)} at ${xText(at)}</title>
          ${low !== null && html`<line class="range" x1=${x(at)} x2=${x(at)} y1=${y(low)} y2=${y(high)} />`}
          <circle class="dot" cx=${x(at).toFixed(1)} cy=${y(value).toFixed(1)} r=${there.length > 30 ? 2 : 3.8} /></g>`)}</g>`;
    })}</svg>`;
}

const DEGRADED = { cloud: "clouds", noise: "noise", gsd: "coarser pixels" };

// Scores on degraded images: of the chosen entries, or of the best that were tried.
function RobustnessCurves({ board, picked }) {
  const rows = rowsOf(board);
  return board.columns.robustness.map((found) => {
    const kind = word(found.kind);
    const unit = word(found.unit);
    const wanted = found.lines.filter(([row]) => !picked.length || picked.includes(rows[row]));
    const lines = wanted.slice(0, LINES).map(([row, points], index) => {
      const { value, low, high } = rows[row].score;
      return { name: rows[row].entry, tone: index, points: [[0, value, low, high], ...points] };
    });
    if (!lines.length) return null;
    const floor = bestFloor(board)?.score;
    const { digits } = rows[0];
    const text = (at) => (at === 0 ? "clean" : String(at));
    const says = lines.map((line) => `${line.name} ${line.points.map(([at, value]) => `${fixed(value, digits)} at ${text(at)}`).join(", ")}`).join("; ");
    return html`<section class="panel" key=${kind}><h3>Robustness to ${DEGRADED[kind] ?? kind}</h3>
      <figure><${LineChart} lines=${lines} xLabel=${`${DEGRADED[kind] ?? kind}: ${unit}`} yLabel=${board.task.label} xText=${text} floor=${floor}
        says=${`${board.task.label} against ${kind}: ${says}`} />
      <figcaption class="quiet"><${LineKey} lines=${lines} />vertical lines are 95 % intervals. Such runs are never ranked.
        ${" "}<${ChartTools} name=${`${board.task.name}-${kind}`} /></figcaption></figure></section>`;
  });
}

const LineKey = ({ lines }) => lines.map((line) => html`<span key=${line.name}><span class="key pick${line.tone}" aria-hidden="true"></span><bdi>${line.name}</bdi>; </span>`);

// What the best epoch was chosen by.
const chosenBy = (board, learnt) => (word(learnt.by) === "loss" ? "validation loss" : `${board.task.label} on the validation split`);

// How the chosen entries, or the best ones, learnt.
function LearningCurves({ board, picked }) {
  const { learning } = board.columns;
  const rows = (picked.length ? picked : rowsOf(board).slice(0, board.ranked)).filter((row) => learning[row.index]).slice(0, LINES);
  const groups = new Map();
  for (const row of rows) {
    const by = chosenBy(board, learning[row.index]);
    const points = learning[row.index].points.map(([epoch, value]) => [epoch, value]);
    if (points.filter(([, value]) => value !== null).length < 2) continue;
    groups.set(by, [...(groups.get(by) ?? []), { name: row.entry, tone: groups.get(by)?.length ?? 0, points }]);
  }
  return [...groups].map(([by, lines]) => html`<section class="panel" key=${by}><h3>Learning curves</h3>
    <figure><${LineChart} lines=${lines} integers=${true} xLabel="Epoch" yLabel=${by}
      says=${`${by} after each epoch: ${lines.map((line) => `${line.name} from ${line.points[0][1]} to ${line.points.at(-1)[1]}`).join("; ")}`} />
    <figcaption class="quiet"><${LineKey} lines=${lines} />${by}, after each epoch; the best epoch was kept.
      ${" "}<${ChartTools} name=${`${board.task.name}-learning`} /></figcaption></figure></section>`);
}

// That of one run, with its training loss.
function LearningCurve({ row, board }) {
  const learnt = board.columns.learning[row.index];
  if (!learnt) return null;
  const by = chosenBy(board, learnt);
  const charts = [[by, learnt.points.map(([epoch, value]) => [epoch, value])], ["training loss", learnt.points.map(([epoch, , loss]) => [epoch, loss])]]
    .filter(([, points]) => points.filter(([, value]) => value !== null).length > 1);
  if (!charts.length) return null;
  return html`<h4>Training</h4><div class="two">${charts.map(([name, points], index) => html`<figure key=${name}>
    <${LineChart} lines=${[{ name, tone: index, points }]} integers=${true} xLabel="Epoch" yLabel=${name}
      says=${`${name} after each epoch: ${points.map(([epoch, value]) => `${value} at ${epoch}`).join(", ")}`} />
    <figcaption class="quiet"><${ChartTools} name=${`${row.entry}-${name}`} /></figcaption></figure>`)}</div>`;
}
