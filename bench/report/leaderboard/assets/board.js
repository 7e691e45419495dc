// The results of one task: the table, and what can be drawn from it.

const PICKS = 3;
const USUAL = new Set(["pick", "rank", "entry", "score", "interval", "inputs", "division", "trust",
  "samples", "seeds", "parameters", "macs", "speed", "date", "run"]);

const last = (value) => value ?? undefined;

const plainColumns = [
  { id: "pick", label: "Compare", sortable: false },
  { id: "rank", label: "Rank", of: (row) => row.rank, about: "Rank, and the ranks its interval leaves open" },
  { id: "entry", label: "Entry", of: (row) => row.entry.toLowerCase() },
  { id: "score", label: "Score", of: (row) => row.score?.value, numeric: true },
  { id: "interval", label: "95 % interval", of: (row) => row.score?.low, about: "Over test samples, or over tiles and scenes of them; with several trainings over seeds, too" },
  { id: "inputs", label: "Inputs", of: (row) => row.inputs },
  { id: "division", label: "Division", of: (row) => row.division, about: "closed: the task's own input and preprocessing; open: declared, but its own" },
  { id: "trust", label: "Trust", of: (row) => row.trust, about: "rerun: we ran the model; rescored: we scored its predictions; reported: a publication's number" },
  { id: "samples", label: "n", of: (row) => row.samples, numeric: true, about: "Samples behind the score" },
  { id: "parameters", label: "Params", of: (row) => row.parameters, numeric: true },
  { id: "macs", label: "MACs", of: (row) => row.macs, numeric: true, about: "Multiply-accumulates for one sample" },
  { id: "speed", label: "Samples/s", of: (row) => row.speed, numeric: true },
  { id: "seeds", label: "Seeds", of: (row) => row.seeds, numeric: true, about: "Trainings behind the score; with one, nothing is known of other seeds" },
  { id: "seed", label: "Seed", of: (row) => row.seed, numeric: true },
  { id: "date", label: "Date", of: (row) => row.date },
  { id: "run", label: "Run", of: (row) => row.run },
];

const asColumn = ({ id, of, ...meta }) => ({
  id,
  accessorFn: of ? (row) => last(of(row)) : undefined,
  enableSorting: meta.sortable !== false,
  sortUndefined: "last",
  sortingFn: "basic",
  filterFn: "equalsString",
  meta,
});

const FILTERS = ["inputs", "division", "trust"];

function columnsOf(board) {
  if (board.columnDefs) return board.columnDefs;
  const metrics = scoresOf(board).filter((score) => !score.slice && !score.label);
  board.columnDefs = plainColumns.map(asColumn).concat(
    metrics.map((score) => asColumn({
      id: score.id,
      label: `${score.metric} ${score.average}`,
      numeric: true,
      metric: score,
      of: (row) => (row.status === "reported" ? null : number(score.column, row.index)?.value),
    })),
  );
  return board.columnDefs;
}

// The address is the state of the table; nothing is kept beside it.
function tableOf(board) {
  const hidden = new Set(["reported", "partial"].filter((each) => list("hide").includes(each)));
  hidden.add("subset");
  if (!view.partial) hidden.add("partial");
  const wanted = `${[...hidden]}`;
  if (board.hidden !== wanted) {
    board.hidden = wanted;
    board.data = rowsOf(board).filter((row) => !hidden.has(row.status));
  }
  const columns = columnsOf(board);
  const visible = view.columns ? new Set(list("columns")) : USUAL;
  const state = {
    sorting: sortingOf("sort", [{ id: "score", desc: !board.task.lower }]),
    globalFilter: view.search ?? "",
    columnFilters: FILTERS.filter((id) => view[id]).map((id) => ({ id, value: view[id] })),
    columnVisibility: Object.fromEntries(columns.map((column) => [column.id, visible.has(column.id)])),
    rowSelection: Object.fromEntries(list("compare").map((key) => [key, true])),
  };
  const options = {
    data: board.data,
    columns,
    state: { ...board.table?.initialState, ...state },
    onStateChange() {},
    renderFallbackValue: null,
    getRowId: (row) => row.key,
    getCoreRowModel: board.core ??= TableCore.getCoreRowModel(),
    getFilteredRowModel: board.filtered ??= TableCore.getFilteredRowModel(),
    getSortedRowModel: board.sorted ??= TableCore.getSortedRowModel(),
    globalFilterFn: matches,
    getColumnCanGlobalFilter: (column) => column.id === "entry",
    enableSortingRemoval: false,
  };
  if (!board.table) {
    board.table = TableCore.createTable(options);
    options.state = { ...board.table.initialState, ...state };
  }
  board.table.setOptions((before) => ({ ...before, ...options }));
  return board.table;
}

function matches(row, _column, wanted) {
  const { entry, inputs, run, trust, source } = row.original;
  const text = [entry, inputs, run, trust, source && word(source.source)].join(" ").toLowerCase();
  return wanted.toLowerCase().split(/\s+/).every((part) => text.includes(part));
}

function pickedRows(board) {
  const rows = rowsOf(board);
  return list("compare")
    .map((key) => rows.find((row) => row.key === key && row.status !== "reported"))
    .filter(Boolean)
    .slice(0, PICKS);
}

function pick(key) {
  const keys = list("compare");
  go({ compare: (keys.includes(key) ? keys.filter((k) => k !== key) : [...keys, key]).join(",") });
}

const cells = {
  pick(row, { chosen, full }) {
    if (row.status === "reported") return null;
    return html`<input type="checkbox" aria-label=${`Compare ${row.entry}`} checked=${chosen >= 0}
      disabled=${chosen < 0 && full} onChange=${() => pick(row.key)} />`;
  },
  rank(row) {
    if (row.status !== "ranked") return html`<span class="quiet" title="not ranked">–</span>`;
    return html`<b>${row.rank}</b> ${row.best !== row.worst &&
      html`<span class="quiet range-text" title="ranks its interval leaves open">${row.best}–${row.worst}</span>`}`;
  },
  entry(row) {
    if (row.status === "reported") return html`<${Published} row=${row} />`;
    return html`<a ...${opening(row)}>${row.entry}</a>
      ${row.status === "partial" && html` <span class="badge">${row.why}</span>`}
      <${FloorMark} row=${row} />${row.saw && html` <span class="badge doubt" title="what its encoder declares to have learnt from includes the scored split">saw test data</span>`}
      <span class="under">${row.inputs} · ${row.division} · ${row.trust} · n ${whole(row.samples)}</span>`;
  },
  score: (row) => html`<b>${fixed(row.score?.value, row.digits)}</b>
    <span class="under always">${intervalText(row.score, row.digits)}</span>`,
  interval: (row, { extent }) => html`<${IntervalBar} score=${row.score} extent=${extent}
      floor=${bestFloor(row.board)?.score?.value}
      tone=${row.status === "ranked" && row.tier === 1 ? "top" : row.status} />`,
  trust: (row) => row.trust,
  samples: (row) => (row.samples === undefined ? "–" : whole(row.samples)),
  parameters: (row) => short(row.parameters),
  macs: (row) => short(row.macs),
  speed: (row) => short(row.speed),
  date: (row) => row.date ?? "–",
  seeds: (row) => html`${row.seeds ?? "–"}${row.seedError != null && html` <span class="under always">± ${fixed(row.seedError, 4)}</span>`}`,
  seed: (row) => row.seed ?? "–",
  run: (row) => row.run?.split(".").pop().slice(0, 12) ?? "–",
};

function cell(column, row, about) {
  const { metric } = column.columnDef.meta;
  if (metric) {
    const score = row.status === "reported" ? null : number(metric.column, row.index);
    return html`${fixed(score?.value, metric.column.digits)}
      <span class="under always">${score ? intervalText(score, metric.column.digits) : ""}</span>`;
  }
  return cells[column.id] ? cells[column.id](row, about) : row[column.id] || "–";
}

// The entry of the best floor of a board.
const bestFloor = (board) => {
  const { row } = board.columns.floor;
  return row === null ? null : rowsOf(board)[row];
};

// What an entry comes to beside the best floor of its task.
function FloorMark({ row }) {
  if (row.floor === "floor") {
    return html` <span class="badge floor" title="a baseline that looks at nothing properly">floor</span>`;
  }
  const floor = bestFloor(row.board);
  if (row.floor === "tied") return html` <span class="badge doubt">not told apart from <bdi>${floor.entry}</bdi></span>`;
  return row.floor === "worse" && html` <span class="badge doubt">worse than <bdi>${floor.entry}</bdi></span>`;
}

// Who published a number, and that something is the matter with it; the dialog says what.
function Published({ row }) {
  const { source } = row;
  const differs = word(source.differs);
  const doubt = word(source.doubt);
  return html`<a ...${opening(row)}>${row.entry}</a>
    ${differs && html` <span class="badge" title=${differs}>differs</span>`}
    ${doubt && html` <span class="badge doubt" title=${doubt}>in doubt</span>`}
    <span class="under always clip">reported: <${External} url=${word(source.url)}>${word(source.cite)}<//>
      ${word(source.place) && `, ${word(source.place)}`}</span>`;
}

function FloorNote({ board }) {
  const floor = bestFloor(board);
  if (!floor) {
    return html`<p class="quiet note">No floor is recorded here: no baseline whose name begins with
      <code> floor-</code>, which knows nothing of the task. What a score is worth can't be said without one.</p>`;
  }
  return html`<p class="note"><b>Best floor: <bdi>${floor.entry}</bdi>, ${fixed(floor.score?.value, floor.digits)}.</b>
    ${" "}A dashed line in every bar; an entry that isn't told apart from it (the paired test of
    <code> bench compare</code>), or is worse, is marked.</p>`;
}

function BoardTable({ board, table, picks, extent }) {
  const { sorting } = table.getState();
  const columns = table.getVisibleLeafColumns();
  const onSort = (column) => {
    const same = sorting[0]?.id === column.id;
    const desc = same ? !sorting[0].desc : Boolean(column.columnDef.meta.numeric);
    go({ sort: `${desc ? "-" : ""}${column.id}` });
  };
  const byScore = ["score", "rank"].includes(sorting[0]?.id);
  let tier = 0;
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Results of ${board.task.name}">
    <table class="board"><caption class="unseen">${board.task.title}, ${board.track} track, version
      ${" "}${board.version}: ${board.task.primary}</caption>
    <thead><tr>${columns.map((column) => html`<${HeaderCell} key=${column.id} column=${column}
      sorting=${sorting} onSort=${onSort}>
      ${column.id === "score" && html`<span class="under always">${board.task.primary}</span>`}
      ${column.id === "interval" && html`<span class="ends" aria-hidden="true"><span>${fixed(extent[0], 2)}</span><span>${fixed(extent[1], 2)}</span></span>`}
    <//>`)}</tr></thead>
    <tbody>${firstOf(table.getSortedRowModel().rows).map(({ original: row, id }) => {
      const begins = byScore && row.status === "ranked" && row.tier !== tier;
      if (row.status === "ranked") tier = row.tier;
      const chosen = picks.indexOf(id);
      return html`<${BoardRow} key=${id} row=${row} columns=${columns} extent=${extent}
        begins=${begins} chosen=${chosen} full=${picks.length >= PICKS} />`;
    })}</tbody></table></div>
    <${MoreRows} count=${table.getSortedRowModel().rows.length} />`;
}

// A line is drawn anew only when something about it has changed: sorting moves what is there.
class BoardRow extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((name) => next[name] !== this.props[name]);
  }

  render({ row, columns, extent, begins, chosen, full }) {
    const about = { chosen, full, extent };
    return html`<tr class="${row.status} ${row.floor === "floor" ? "floor" : ""} ${begins ? "tier" : ""} ${chosen >= 0 ? `chosen pick${chosen}` : ""}">
      ${columns.map((column) => column.id === "entry"
        ? html`<th scope="row" class="c-entry">${begins && html`<span class="tier-mark">tier ${row.tier}</span>`}${cells.entry(row)}</th>`
        : html`<td class="c-${column.id} ${column.columnDef.meta.numeric ? "numeric" : ""}">${cell(column, row, about)}</td>`)}
    </tr>`;
  }
}

function Controls({ board, table, columns, visible }) {
  const all = rowsOf(board);
  const count = (status) => all.filter((row) => row.status === status).length;
  const choices = (id) => [...new Set(board.data.map((row) => row[id]).filter(Boolean))].sort();
  const rows = table.getFilteredRowModel().rows.length;
  return html`<div class="controls">
    <label class="search"><span class="unseen">Search entries</span>
      <input type="search" placeholder="Search entries" value=${view.search ?? ""}
        onInput=${(event) => go({ search: event.target.value })} /></label>
    ${FILTERS.map((id) => choices(id).length > 1 && html`<label key=${id}>
      <span class="unseen">${id}</span>
      <select value=${view[id] ?? ""} onChange=${(event) => go({ [id]: event.target.value })}>
        <option value="">all ${{ inputs: "inputs", division: "divisions", trust: "trust levels" }[id]}</option>
        ${choices(id).map((value) => html`<option key=${value} value=${value}>${value}</option>`)}
      </select></label>`)}
    ${count("reported") > 0 && html`<label><input type="checkbox" checked=${!list("hide").includes("reported")}
      onChange=${(event) => go({ hide: event.target.checked ? "" : "reported" })} /> reported numbers</label>`}
    ${count("partial") > 0 && html`<label><input type="checkbox" checked=${Boolean(view.partial)}
      onChange=${(event) => go({ partial: event.target.checked ? "1" : "" })} /> unranked runs (${count("partial")})</label>`}
    <span class="push"></span>
    <${Columns} columns=${columns.filter((column) => column.id !== "entry")} visible=${visible}
      onToggle=${(id) => toggled("columns", USUAL, visible, columns, id)} />
    <button type="button" onClick=${() => download(board, table, "csv")}>CSV</button>
    <button type="button" onClick=${() => download(board, table, "json")}>JSON</button>
    <button type="button" onClick=${copyLink}>Copy link</button>
    <p class="count quiet" role="status" aria-live="polite">${rows === board.data.length
      ? plural(rows, "row") : `${whole(rows)} of ${plural(board.data.length, "row")}`}</p>
  </div>`;
}

async function copyLink(event) {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy the address bar";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
}

function download(board, table, form) {
  const records = table.getSortedRowModel().rows.map(({ original: row }) => ({
    task: board.task.name,
    version: board.version,
    digest: board.digest,
    track: board.track,
    status: row.status,
    rank: row.rank ?? null,
    rank_best: row.best ?? null,
    rank_worst: row.worst ?? null,
    tier: row.tier ?? null,
    against_floor: row.floor || null,
    entry: row.entry,
    metric: board.task.primary,
    value: row.score?.value ?? null,
    low: row.score?.low ?? null,
    high: row.score?.high ?? null,
    samples: row.samples ?? null,
    inputs: row.inputs,
    division: row.division || null,
    trust: row.trust,
    seeds: row.seeds ?? null,
    seed_error: row.seedError ?? null,
    seed: row.seed ?? null,
    parameters: row.parameters ?? null,
    macs: row.macs ?? null,
    samples_per_second: row.speed ?? null,
    date: row.date ?? null,
    run: row.run ?? null,
    source: row.source ? word(row.source.source) : null,
    url: row.source ? word(row.source.url) : null,
    differs: row.source ? word(row.source.differs) : null,
    doubt: row.source ? word(row.source.doubt) : null,
  }));
  const name = `${board.task.name}-${board.key}.${form}`.replace(/[^\w.-]+/g, "_");
  if (form === "csv") save(name, "text/csv;charset=utf-8", csv(records));
  else save(name, "application/json", `${JSON.stringify(records, null, 1)}\n`);
}

// Curves of the chosen entries, or of the three best.
function Curves({ board, picked }) {
  const rows = picked.length ? picked : rowsOf(board).slice(0, 3);
  return curvesOf(board)
    .filter((curve) => rows.some((row) => curve.points.some((point) => number(point.column, row.index))))
    .map((curve) => html`<section class="far" key=${curve.key}><h3>${curve.key}</h3>
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
  return html`<section class="far"><h3>Worst groups</h3>
    <div class="scroll" role="region" tabindex="0" aria-label="Worst groups"><table>
      <thead><tr><th scope="col">By</th><th scope="col">Entry</th><th scope="col">Worst</th>
        <th scope="col" class="numeric">Value</th><th scope="col" class="numeric">Less the rest</th>
        <th scope="col" class="numeric">n</th></tr></thead>
      <tbody>${lines.map((line) => html`<tr key=${line.attribute + line.row.key + line.group}>
        <th scope="row">${line.attribute}</th><td>${line.row.entry}</td><td><bdi>${line.group}</bdi></td>
        ${cell(line.score)}${cell(line.rest)}
        <td class="numeric quiet">${whole(line.score.samples)}</td></tr>`)}</tbody></table></div>
    <p class="quiet">The worst of many groups that are alike looks worse than it is; the difference is over the
      classes that occur in both parts.</p></section>`;
}

function Parts({ board, rows }) {
  const { primary } = board.task;
  const carried = scoresOf(board);
  const lines = (wanted, name) => carried.filter(wanted)
    .map((score) => ({ name: name(score), scores: rows.map((row) => number(score.column, row.index)) }))
    .filter((line) => line.scores.some(Boolean));
  const classes = lines((s) => !s.slice && s.label && !RATE.test(s.label), (s) => s.label);
  const groups = carried.filter((s) => s.slice && !WORST.test(s.slice));
  const slices = Map.groupBy
    ? Map.groupBy(groups, (s) => s.slice.split("=")[0])
    : groups.reduce((groups, s) => {
      const key = s.slice.split("=")[0];
      return groups.set(key, [...(groups.get(key) ?? []), s]);
    }, new Map());
  const whose = rows.length > 1 ? "the chosen entries" : rows[0]?.entry;
  const label = curvesOf(board).length ? "rate point" : "class";
  return html`
    ${classes.length > 0 && html`<section class="far"><h3>By ${label}</h3>
      <p class="quiet">${primary.split("_")[0]} of <bdi>${whose}</bdi>; whiskers are 95 % intervals. Choose up to
        three entries in the table to see them side by side.</p>
      <${BarTable} caption=${`Scores by ${label}`} heading=${label} lines=${classes} rows=${rows} /></section>`}
    ${[...slices].map(([attribute, scores]) => html`<section class="far" key=${attribute}><h3>By ${attribute}</h3>
      <p class="quiet">${primary} of <bdi>${whose}</bdi> on the samples of each ${attribute}.</p>
      <${BarTable} caption=${`Scores by ${attribute}`} heading=${attribute} rows=${rows}
        lines=${scores.map((score) => ({
          name: score.slice.slice(attribute.length + 1),
          scores: rows.map((row) => number(score.column, row.index)),
        })).filter((line) => line.scores.some(Boolean))} /></section>`)}
    <${WorstGroups} carried=${carried} rows=${rows} />`;
}

function Cost({ board, picks }) {
  const cost = COSTS[view.cost] ? view.cost : "macs";
  return html`<section class="cost far"><h3>Score against cost</h3>
    <label>Cost <select value=${cost} onChange=${(event) => go({ cost: event.target.value === "macs" ? "" : event.target.value })}>
      ${Object.entries(COSTS).map(([id, { label }]) => html`<option key=${id} value=${id}>${label}</option>`)}
    </select></label>
    <figure><${Still} of=${[board, cost, picks.join()]}
      draw=${() => html`<${CostChart} board=${board} cost=${cost} picks=${picks} />`} />
    <figcaption class="quiet">Vertical lines are 95 % intervals; the stepped line is the Pareto front
      (no entry is both better and cheaper). Circles: closed division; squares: open.</figcaption></figure>
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
      <td>${word(row.metric)} ${word(row.label)}</td><td class="numeric">${reportedValue(row)}</td>
      <td><span class="trust">${word(row.trust)}</span></td><td>${word(row.split) || "–"}</td>
      <td><${External} url=${word(row.url)}>${word(row.source)}<//>${word(row.place) && `, ${word(row.place)}`}</td>
      <td>${word(row.differs) || "–"}</td><td>${word(row.doubt) || "–"}</td></tr>`)}
    </tbody></table></div></details>`;
}

function Folds({ board }) {
  if (!board.folds.length) return null;
  const names = ["Entry", "Inputs", "Trust", "Mean", "Std", "Folds"];
  return html`<section class="folds"><h3>Over all folds</h3>
    <div class="scroll" role="region" tabindex="0" aria-label="Means over folds"><table>
    <thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${board.folds.map((row) => html`<tr><th scope="row"><bdi>${word(row.entry)}</bdi></th>
      <td>${word(row.inputs)}</td><td><span class="trust">${word(row.trust)}</span></td>
      <td class="numeric">${row.mean}</td><td class="numeric">${row.std}</td>
      <td class="numeric">${row.folds} of ${row.of.length}</td></tr>`)}</tbody></table></div>
    <p class="quiet note">Std is the standard deviation over folds, which share training samples: it is no
      interval for the mean.</p></section>`;
}

function TaskView({ task }) {
  const own = boards.filter((board) => board.task === task);
  if (!own.length) {
    return html`<p class="banner">No results yet. The first one: <code>bench run --task ${task.name} --model ENTRY</code></p>`;
  }
  const board = own.find((each) => each.key === view.board) ?? own[0];
  const table = tableOf(board);
  const columns = table.getAllLeafColumns();
  const visible = new Set(table.getVisibleLeafColumns().map((column) => column.id));
  const picked = pickedRows(board);
  const picks = picked.map((row) => row.key);
  if (board.measured !== board.data) {
    board.measured = board.data;
    board.extent = extentOf(board.data.map((row) => row.score));
  }
  const { extent } = board;
  const charted = picked.length ? picked : rowsOf(board).slice(0, 1);
  const opened = view.run && rowsOf(board).find((row) => row.key === view.run);
  return html`
    <nav class="tabs" aria-label="Tracks and versions">${own.map((each) => html`<a key=${each.key}
      ...${follow({ task: task.name, ...(each === own[0] ? {} : { board: each.key }) })}
      aria-current=${each === board ? "page" : undefined}>${each.track}${each.current ? "" : `, version ${each.version}`}
      ${each.key.includes(".") && html`<code> ${each.key.split(".").slice(1).join(" ")}</code>`}
      <span class="quiet"> ${each.ranked}</span></a>`)}</nav>
    ${board.track === "sample" && html`<p class="banner sample"><b>Sample track: simulated data.</b>
      These numbers show that entries run; they say nothing about real images and are never ranked
      with official ones.</p>`}
    ${board.track === "unverified" && html`<p class="banner"><b>Unverified split.</b> No fingerprint or count of
      the scored split is known, or its samples differ from the published ones: never ranked with verified results.</p>`}
    ${!board.current && html`<p class="banner"><b>An older meaning of the task</b>, digest
      <code> ${board.digest}</code>: not comparable with the present one.</p>`}
    <${Controls} board=${board} table=${table} columns=${columns} visible=${visible} />
    <${BoardTable} board=${board} table=${table} picks=${picks} extent=${extent} />
    <${FloorNote} board=${board} />
    <p class="quiet note">Ranks are of the whole board, whatever is filtered. Entries of a tier can't be
      told from its first one (the paired tests of <code>bench compare</code>, corrected for all pairs); the small
      numbers beside a rank are the ranks that stay open. Intervals are 95 % intervals over test samples, or over
      tiles and scenes of them; a score of one training says nothing of other seeds.
      ${board.visible != null && ` On this board differences below ${fixed(board.visible, 4)} can't be seen (power 0.8).`}
      ${board.reported.length ? " Reported numbers stand where their value would, without a rank." : ""}</p>
    <${Folds} board=${board} />
    <${LabelCurves} board=${board} />
    ${picked.length > 1 && html`<${Comparison} board=${board} rows=${picked} />`}
    <${Cost} board=${board} picks=${picks} />
    <${Still} of=${[board, picks.join()]} draw=${() => html`<${Curves} board=${board} picked=${picked} />`} />
    <${Still} of=${[board, picks.join()]} draw=${() => html`<${Parts} board=${board} rows=${charted} />`} />
    <${Reported} board=${board} />
    ${opened && html`<${Opened} key=${opened.key} row=${opened} board=${board} />`}`;
}
