// The results of one task: the table, and what can be drawn from it.

const PICKS = 3;
const USUAL = new Set(["pick", "rank", "entry", "tier", "score", "interval"]);

// Where the column of intervals has no room they stand below the names.
const narrowScreen = matchMedia("(max-width: 46rem)");
narrowScreen.addEventListener("change", () => update());

const last = (value) => value ?? undefined;

const plainColumns = [
  { id: "pick", label: "Compare", sortable: false },
  { id: "rank", label: "Rank", of: (row) => row.rank, about: "Rank, and the ranks its interval leaves open" },
  { id: "entry", label: "Entry", of: (row) => row.entry.toLowerCase() },
  { id: "tier", label: "Tier", of: (row) => row.tier, about: "Entries of one tier can't be told from its first one" },
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
      label: score.title,
      numeric: true,
      metric: score,
      of: (row) => number(score.column, row.index)?.value,
    })),
  );
  return board.columnDefs;
}

// The address is the state of the table; nothing is kept beside it.
function tableOf(board) {
  const hidden = new Set(["reported", "subset"]);
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
    return html`<input type="checkbox" aria-label=${`Compare ${row.entry}`} checked=${chosen >= 0}
      disabled=${chosen < 0 && full} onChange=${() => pick(row.key)} />`;
  },
  rank(row) {
    if (row.status !== "ranked") return html`<span class="quiet" title="not ranked">–</span>`;
    return html`<b>${row.rank}</b> ${row.best !== row.worst &&
      html`<span class="quiet range-text" title="ranks its interval leaves open">${row.best}–${row.worst}</span>`}`;
  },
  entry(row, about) {
    return html`<a ...${opening(row)}>${row.entry}</a>
      ${row.status === "partial" && html` <span class="badge">${row.why}</span>`}
      <${FloorMark} row=${row} />${row.saw && html` <span class="badge doubt" title="what its encoder declares to have learnt from includes the scored split">saw test data</span>`}
      <span class="under always">${[row.inputs, row.parameters && `${short(row.parameters)} ${row.parameters === 1 ? "parameter" : "parameters"}`, row.division, row.trust].filter(Boolean).join(" · ")}</span>
      <${Beside} row=${row} />
      ${about.narrow && html`<span class="phone-bar" aria-hidden="true">${cells.interval(row, about)}</span>`}`;
  },
  tier: (row) => row.status === "ranked" && html`<span class="tier-badge tier${Math.min(row.tier, 4)}">tier ${row.tier}</span>`,
  score: (row) => html`<b>${fixed(row.score?.value, row.digits)}</b>
    <span class="under always">${intervalText(row.score, row.digits)}</span>`,
  interval: (row, { extent }) => html`<${IntervalBar} score=${row.score} extent=${extent}
      floor=${bestFloor(row.board)?.score?.value}
      published=${row.status === "ranked" ? publishedOf(row.board).beside.get(row.key) : null}
      tone=${row.status === "ranked" && row.tier === 1 ? "top" : row.status} />`,
  trust: (row) => row.trust,
  samples: (row) => (row.samples === undefined ? "–" : whole(row.samples)),
  parameters: (row) => short(row.parameters),
  macs: (row) => short(row.macs),
  speed: (row) => short(row.speed),
  date: (row) => row.date ?? "–",
  seeds: (row) => html`${row.seeds ?? "–"}${row.seedError != null && html` <span class="under always">± ${fixed(row.seedError, row.digits)}</span>`}`,
  seed: (row) => row.seed ?? "–",
  run: (row) => row.run?.split(".").pop().slice(0, 12) ?? "–",
};

function cell(column, row, about) {
  const { metric } = column.columnDef.meta;
  if (metric) {
    const score = number(metric.column, row.index);
    return html`${fixed(score?.value, metric.digits)}
      <span class="under always">${score ? intervalText(score, metric.digits) : ""}</span>`;
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

function FloorNote({ board }) {
  const floor = bestFloor(board);
  if (!floor) {
    return html`<p class="quiet note">No floor is recorded here: no baseline whose name begins with
      <code> floor-</code>, which knows nothing of the task. What a score is worth can't be said without one.</p>`;
  }
  return html`<p class="note"><b>Best floor: <bdi>${floor.entry}</bdi>, ${fixed(floor.score?.value, floor.digits)}.</b>
    ${" "}The dashed line; an entry that isn't told apart from it (the paired test of${" "}
    <code>bench compare</code>), or is worse, is marked.</p>`;
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
      ${" "}${board.version}: ${board.task.label}</caption>
    <thead><tr>${columns.map((column) => html`<${HeaderCell} key=${column.id} column=${column}
      sorting=${sorting} onSort=${onSort}>
      ${column.id === "score" && html`<span class="under always">${board.task.label}${board.task.unit && `, ${board.task.unit}`}</span>`}
      ${column.id === "interval" && html`<${IntervalAxis} board=${board} extent=${extent} />`}
    <//>`)}</tr></thead>
    <tbody>${firstOf(table.getSortedRowModel().rows).map(({ original: row, id }) => {
      const begins = byScore && row.status === "ranked" && row.tier !== tier;
      if (row.status === "ranked") tier = row.tier;
      const chosen = picks.indexOf(id);
      return html`<${BoardRow} key=${id} row=${row} columns=${columns} extent=${extent}
        begins=${begins} chosen=${chosen} full=${picks.length >= PICKS} narrow=${narrowScreen.matches} />`;
    })}</tbody>
    <${PublishedRows} board=${board} columns=${columns} extent=${extent} open=${isUnfolded(board)} search=${view.search ?? ""} />
    </table></div>
    <${MoreRows} count=${table.getSortedRowModel().rows.length} />`;
}

// A line is drawn anew only when something about it has changed: sorting moves what is there.
class BoardRow extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((name) => next[name] !== this.props[name]);
  }

  render({ row, columns, extent, begins, chosen, full, narrow }) {
    const about = { chosen, full, extent, narrow };
    return html`<tr class="${row.status} ${row.floor === "floor" ? "floor" : ""} ${begins ? "tier" : ""} ${chosen >= 0 ? `chosen pick${chosen}` : ""}">
      ${columns.map((column) => column.id === "entry"
        ? html`<th scope="row" class="c-entry">${cells.entry(row, about)}</th>`
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
    ${count("partial") > 0 && html`<label><input type="checkbox" checked=${Boolean(view.partial)}
      onChange=${(event) => go({ partial: event.target.checked ? "1" : "" })} /> unranked runs (${count("partial")})</label>`}
    <span class="push"></span>
    <${Columns} columns=${columns.filter((column) => column.id !== "entry")} visible=${visible}
      onToggle=${(id) => toggled("columns", USUAL, visible, columns, id)} />
    <${Downloads} board=${board} table=${table} />
    <p class="count quiet" role="status" aria-live="polite">${rows === board.data.length
      ? plural(rows, "row") : `${whole(rows)} of ${plural(board.data.length, "row")}`}</p>
  </div>`;
}

