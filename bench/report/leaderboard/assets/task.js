// The page of one task: its board, and what can be drawn of it.

// Curves of the chosen entries, or of the three best.
function Curves({ board, picked }) {
  const rows = picked.length ? picked : rowsOf(board).slice(0, Math.min(3, board.columns.rows));
  return curvesOf(board)
    .filter((curve) => rows.some((row) => curve.points.filter((point) => number(point.column, row.index)).length > 1))
    .map((curve) => html`<section class="panel" key=${curve.key}><h3>${curve.key}</h3>
      <${CurveChart} curve=${curve} rows=${rows} board=${board} /></section>`);
}

const WORST = /^(.*): worst( less rest)?$/;

// Of each entry the worst group by each declared attribute, and how far it is from all others.
function WorstGroups({ carried, rows }) {
  const lines = carried.filter((s) => s.slice.endsWith(": worst")).flatMap((s) => rows
    .map((row) => ({ row, score: number(s.column, row.index) }))
    .filter((line) => line.score)
    .map(({ row, score }) => {
      const gap = carried.find((g) => g.slice === `${s.slice} less rest` && g.label === s.label
        && number(g.column, row.index));
      const rest = gap ? number(gap.column, row.index) : null;
      return { attribute: WORST.exec(s.slice)[1], group: s.label, row, score, rest };
    }));
  if (!lines.length) return null;
  const cell = (score) => html`<td class="numeric">${score
    ? html`<b>${fixed(score.value, score.digits)}</b> <span class="quiet">${intervalText(score, score.digits)}</span>`
    : "–"}</td>`;
  return html`<section class="panel"><h3>Worst groups</h3>
    <div class="scroll" role="region" tabindex="0" aria-label="Worst groups"><table>
      <thead><tr><th scope="col">By</th><th scope="col">Entry</th><th scope="col">Worst</th>
        <th scope="col" class="numeric">Value</th><th scope="col" class="numeric">Less the rest</th>
        <th scope="col" class="numeric">n</th></tr></thead>
      <tbody>${lines.map((line) => html`<tr key=${line.attribute + line.row.key + line.group}>
        <th scope="row">${spaced(line.attribute)}</th><td>${line.row.entry}</td><td><bdi>${line.group}</bdi></td>
        ${cell(line.score)}${cell(line.rest)}
        <td class="numeric quiet">${whole(line.score.samples)}</td></tr>`)}</tbody></table></div>
    <p class="quiet">The worst of many groups that are alike looks worse than it is; the difference is over the
      classes that occur in both parts.</p></section>`;
}

// Names of ranges and of numbers keep their own order, classes go by the first entry's score.
function inOrder(lines, board) {
  if (lines.every((line) => /\d/.test(line.name))) return lines;
  const sign = board.task.lower ? 1 : -1;
  const worth = (line) => line.scores.find(Boolean)?.value ?? 0;
  return [...lines].sort((a, b) => sign * (worth(a) - worth(b)));
}

function scoreLines(board, rows, wanted, name) {
  return scoresOf(board).filter(wanted)
    .map((score) => ({ name: name(score), classes: score.classes, scores: rows.map((row) => number(score.column, row.index)) }))
    .filter((line) => line.scores.some(Boolean));
}

function classLines(board, rows) {
  const counts = new Map(Object.entries(board.columns.observed.positives ?? {}).map(([label, count]) => [word(label), count]));
  return scoreLines(board, rows, (s) => !s.slice && s.label && !RATE.test(s.label), (s) => s.label)
    .map((line) => ({ ...line, count: counts.get(line.name) ?? null }));
}

// The scores of groups of samples by attribute; one that repeats the classes is left out, but for
// its intervals where the classes have none.
function sliceLines(board, rows) {
  const found = new Map();
  for (const score of scoresOf(board)) {
    if (!score.slice || WORST.test(score.slice)) continue;
    const attribute = score.slice.split("=")[0];
    if (!found.has(attribute)) found.set(attribute, []);
    const line = {
      name: score.slice.slice(attribute.length + 1),
      classes: score.classes,
      scores: rows.map((row) => number(score.column, row.index)),
    };
    line.count = line.scores.find(Boolean)?.samples ?? null;
    if (line.scores.some(Boolean)) found.get(attribute).push(line);
  }
  return [...found].filter(([, lines]) => lines.length);
}

const hasIntervals = (lines) => lines.some((line) => line.scores.some((score) => score && score.low !== null));

const spaced = (name) => name.replaceAll("_", " ");

// What there is by class and by slice, each once.
function partsOf(board, rows) {
  let classes = classLines(board, rows);
  let slices = sliceLines(board, rows);
  for (const [attribute, lines] of slices) {
    const names = new Set(lines.map((line) => line.name));
    if (!classes.length || !classes.every((line) => names.has(line.name))) continue;
    if (hasIntervals(lines) || !hasIntervals(classes)) classes = [];
    else slices = slices.filter(([other]) => other !== attribute);
  }
  return { classes, slices };
}

function Parts({ board, rows }) {
  if (!rows.length) return null;
  const { classes, slices } = partsOf(board, rows);
  const whose = rows.length > 1 ? "the chosen entries" : rows[0]?.entry;
  const label = curvesOf(board).length ? "rate point" : "class";
  const title = scoresOf(board).find((s) => !s.slice && s.label && !RATE.test(s.label))?.title.replace(/ by .*/, "") ?? "";
  return html`
    ${classes.length > 0 && html`<section class="panel"><h3>By ${label}</h3>
      <p class="quiet note">${title} of <bdi>${whose}</bdi>; whiskers are 95 % intervals${
        classes.some((line) => line.count !== null) && `, n the samples in which the ${label} occurs`}. Choose up to
        three entries in the table to see them side by side.</p>
      <${BarTable} caption=${`Scores by ${label}`} heading=${label} lines=${inOrder(classes, board)} rows=${rows} /></section>`}
    ${slices.filter(([, lines]) => hasIntervals(lines)).map(([attribute, lines]) => html`<section class="panel" key=${attribute}><h3>By ${spaced(attribute)}</h3>
      <p class="quiet note">${board.task.label}${board.task.unit && ` in ${board.task.unit}`} of <bdi>${whose}</bdi> on the samples of each ${spaced(attribute)}.</p>
      <${BarTable} caption=${`Scores by ${spaced(attribute)}`} heading=${spaced(attribute)} rows=${rows} lines=${inOrder(lines, board)} /></section>`)}
    ${slices.filter(([, lines]) => !hasIntervals(lines)).map(([attribute, lines]) => html`<details class="panel" key=${attribute}>
      <summary>By ${spaced(attribute)}: ${plural(lines.length, "group")}, too small for intervals</summary>
      <${BarTable} caption=${`Scores by ${spaced(attribute)}`} heading=${spaced(attribute)} rows=${rows} lines=${inOrder(lines, board)} /></details>`)}
    <${WorstGroups} carried=${scoresOf(board)} rows=${rows} />`;
}

// The costs on which ranked entries differ by a twentieth at least: else a chart says nothing.
const costsOf = (board) => Object.keys(COSTS).filter((cost) => {
  const [low, high] = d3.extent(rowsOf(board).filter((row) => row.status === "ranked" && row[cost] > 0), (row) => row[cost]);
  return low !== undefined && high / low > 1.05;
});

function Cost({ board, picks }) {
  const there = costsOf(board);
  if (!there.length) return null;
  const cost = there.includes(view.cost) ? view.cost : there.includes("macs") ? "macs" : there[0];
  return html`<section class="panel cost"><h3>Score against cost</h3>
    <label>Cost <select value=${cost} onChange=${(event) => go({ cost: event.target.value === "macs" ? "" : event.target.value })}>
      ${there.map((id) => html`<option key=${id} value=${id}>${COSTS[id].label}</option>`)}
    </select></label>
    <figure><${Still} of=${[board, cost, picks.join()]}
      draw=${() => html`<${CostChart} board=${board} cost=${cost} picks=${picks} />`} />
    <figcaption class="quiet">Vertical lines are 95 % intervals; the stepped line is the Pareto front
      (no entry is both better and cheaper). Circles: closed division; squares: open.
      ${" "}<${ChartTools} name=${`${board.task.name}-cost`} /></figcaption></figure>
  </section>`;
}

function Reported({ board }) {
  if (!board.reported.length) return null;
  return html`<details class="reported-list" open=${view.all === "1"} onToggle=${(event) =>
    event.currentTarget.open !== (view.all === "1") && go({ all: event.currentTarget.open ? "1" : "" })}><summary>All reported numbers (${board.reported.length}),
      never ranked</summary>
    <div class="scroll" role="region" tabindex="0" aria-label="Reported numbers"><table>
    <thead><tr>${["Entry", "Metric", "Value", "Trust", "Split", "Source", "What differs", "In doubt"].map((name) =>
      html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${view.all === "1" && board.reported.map((row) => html`<tr>
      <th scope="row"><bdi>${word(row.entry)}</bdi> <span class="under always">${word(row.inputs)} ${word(row.setting)}</span></th>
      <td>${word(row.named)} ${word(row.label)}</td><td class="numeric">${reportedValue(row)}</td>
      <td><span class="trust">${word(row.trust)}</span></td><td>${word(row.split) || "–"}</td>
      <td><${External} url=${word(row.url)}>${word(row.source)}<//>${word(row.place) && `, ${word(row.place)}`}</td>
      <td>${word(row.differs) || "nothing that is known"}</td><td>${word(row.doubt) || "–"}</td></tr>`)}
    </tbody></table></div></details>`;
}

function Folds({ board }) {
  if (!board.folds.length) return null;
  const names = ["Entry", "Inputs", "Trust", "Mean", "Std", "Folds"];
  return html`<section class="folds panel"><h3>Over all folds</h3>
    <div class="scroll" role="region" tabindex="0" aria-label="Means over folds"><table>
    <thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${board.folds.map((row) => html`<tr><th scope="row"><bdi>${word(row.entry)}</bdi></th>
      <td>${word(row.inputs)}</td><td><span class="trust">${word(row.trust)}</span></td>
      <td class="numeric">${row.mean}</td><td class="numeric">${row.std}</td>
      <td class="numeric">${row.folds} of ${row.of.length}</td></tr>`)}</tbody></table></div>
    <p class="quiet note">Std is the standard deviation over folds, which share training samples: it is no
      interval for the mean.</p></section>`;
}

// The pictures of the best entries, or of the chosen ones.
function Sees({ board, picked }) {
  const { pictures } = board.columns;
  const rows = (picked.length ? picked : rowsOf(board).slice(0, board.ranked)).filter((row) => pictures[row.index])
    .sort((a, b) => (a.floor === "floor") - (b.floor === "floor")).slice(0, 3);
  if (!rows.length) return null;
  return html`<section class="panel"><h3>What it sees and says</h3>
    <div class="seen-all">${rows.map((row) => html`<figure key=${row.key} class="seen"><a ...${opening(row)}>${h("img", {
      src: pictureAddress(pictures[row.index][0]), alt: saysPicture(pictures[row.index][0], row) })}</a>
      <figcaption class="quiet"><bdi>${row.entry}</bdi>, ${pictures[row.index][0][0]}${pictures[row.index].length > 1 && `; ${pictures[row.index].length - 1} more in its run`}</figcaption></figure>`)}</div></section>`;
}

// What is ranked, in words, and what differences can be seen.
function Question({ board }) {
  const { task } = board;
  const rows = rowsOf(board);
  return html`<p class="question">Ranked by <b>${task.label}</b>${task.unit && ` in ${task.unit}`}; ${task.lower ? "lower" : "higher"} is better.
    ${board.visible !== null && ` Differences below ${fixed(board.visible, rows[0]?.digits ?? 3)}${task.unit && ` ${task.unit}`} can't be seen here (power 0.8).`}</p>`;
}

// The board that a task opens with: the first with ranked rows.
const usualOf = (own) => own.find((board) => board.ranked) ?? own[0];

// Whether a row could stand in the table: runs on a part of the labels have curves instead.
const hasTable = (board) => rowsOf(board).some((row) => row.status !== "subset");

const publishedCount = (board) => rowsOf(board).filter((row) => row.status === "reported").length;

// What stands on a board without ranks.
function besides(board) {
  const published = publishedCount(board);
  if (published) return `${published} published`;
  return board.related.length ? `${board.related.length} related` : "none ranked";
}

function Tabs({ own, board }) {
  return html`<nav class="tabs" aria-label="Tracks and versions">${own.map((each) => html`<a key=${each.key}
      ...${follow({ task: board.task.name, ...(each === usualOf(own) ? {} : { board: each.key }) })}
      aria-current=${each === board ? "page" : undefined}>${each.track}${each.current ? "" : `, version ${each.version}`}
      ${each.key.includes(".") && html`<code> ${each.key.split(".").slice(1).join(" ")}</code>`}
      <span class="quiet"> ${each.ranked || besides(each)}</span></a>`)}</nav>`;
}

function Banners({ board }) {
  return html`${!board.columns.rows && html`<p class="banner">No results on this track yet. The first one:${" "}
      <code>bench run --task ${board.task.name} --model ENTRY --track ${board.track}</code></p>`}
    ${board.columns.rows > 0 && !board.ranked && html`<p class="banner">No run of this board is ranked yet${
      labelCurvesOf(board).length > 0 && ": those there are learnt from parts of the labels"}.</p>`}
    ${board.track === "sample" && html`<p class="banner sample"><b>Sample track: simulated data.</b>${" "}
      These numbers show that entries run; they say nothing about real images and are never ranked
      with official ones.</p>`}
    ${board.track === "unverified" && html`<p class="banner"><b>Unverified split.</b>${" "}No fingerprint or count of
      the scored split is known, or its samples differ from the published ones: never ranked with verified results.</p>`}
    ${!board.current && html`<p class="banner"><b>An older meaning of the task</b>, digest${" "}
      <code>${board.digest}</code>: not comparable with the present one.</p>`}`;
}

// The scale of the intervals: all rows that are shown, the best floor, and what is unfolded.
function extentOfBoard(board) {
  const open = isUnfolded(board);
  if (board.measured !== board.data || board.unfolded !== open) {
    board.measured = board.data;
    board.unfolded = open;
    const { beside, sources } = publishedOf(board);
    const published = [...beside.values(), ...(open ? sources : [])].flat();
    board.extent = withoutTails([...board.data, ...published].map((row) => row.score).filter(Boolean));
  }
  return board.extent;
}

function TaskView({ task }) {
  const own = boards.filter((board) => board.task === task);
  if (!own.length) {
    return html`<p class="banner">No results yet. The first one: <code>bench run --task ${task.name} --model ENTRY</code></p>`;
  }
  const usual = usualOf(own);
  const board = own.find((each) => each.key === view.board) ?? usual;
  const table = tableOf(board);
  const columns = table.getAllLeafColumns();
  const visible = new Set(table.getVisibleLeafColumns().map((column) => column.id));
  const picked = pickedRows(board);
  const picks = picked.map((row) => row.key);
  const extent = extentOfBoard(board);
  const charted = picked.length ? picked : rowsOf(board).slice(0, Math.min(1, board.columns.rows));
  const opened = view.run && rowsOf(board).find((row) => row.key === view.run);
  return html`
    <${Question} board=${board} />
    <${Tabs} own=${own} board=${board} />
    <${Banners} board=${board} />
    ${hasTable(board) && html`<${Controls} board=${board} table=${table} columns=${columns} visible=${visible} />
    <${BoardTable} board=${board} table=${table} picks=${picks} extent=${extent} />`}
    ${board.ranked > 0 && html`<${FloorNote} board=${board} />
    <p class="quiet note">Ranks are of the whole board, whatever is filtered. Entries of a tier can't be
      told from its first one (the paired tests of <code>bench compare</code>, corrected for all pairs); the small
      numbers beside a rank are the ranks that stay open. Intervals are 95 % intervals over test samples, or over
      tiles and scenes of them; a score of one training says nothing of other seeds.</p>`}
    ${picked.length > 1 && html`<${Comparison} board=${board} rows=${picked} />`}
    <${Later} key=${board.key} draw=${() => html`
    <div class="panels">
      <${Sees} board=${board} picked=${picked} />
      <${Cost} board=${board} picks=${picks} />
      <${Still} of=${[board, picks.join()]} draw=${() => html`<${Curves} board=${board} picked=${picked} />`} />
      <${Still} of=${[board, picks.join()]} draw=${() => html`<${RobustnessCurves} board=${board} picked=${picked} />`} />
      <${Still} of=${[board, picks.join()]} draw=${() => html`<${LearningCurves} board=${board} picked=${picked} />`} />
      <${Still} of=${[board, picks.join()]} draw=${() => html`<${Parts} board=${board} rows=${charted} />`} />
      <${Folds} board=${board} />
    </div>
    <${LabelCurves} board=${board} />
    <${Reported} board=${board} />
    <${Related} board=${board} />`} />
    ${opened && html`<${Opened} key=${opened.key} row=${opened} board=${board} />`}`;
}
