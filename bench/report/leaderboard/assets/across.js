// How entries do across the tasks that they share.

const SHOWN_TASKS = 8;

function usualBoard(task, track) {
  return boards.find((board) => board.task === task && board.track === track && board.current && board.ranked);
}

// Entries across tasks, as a table of its own for each track.
const across = {};

// What sums up an entry; all but the win rate need two tasks and two entries.
const OVERALL = [
  { id: "rate", label: "Win rate", numeric: true, falling: true, digits: 2, of: (line) => line.rate,
    about: "Mean over opponents of the share of shared tasks won; a common tier counts half" },
  { id: "mean-rank", label: "Mean rank", numeric: true, digits: 2, of: (line) => line.rank,
    about: "By score, on the tasks that all compared entries share; 1 is best" },
  { id: "borda", label: "Borda", numeric: true, falling: true, digits: 2, of: (line) => line.borda,
    about: "Share of the other entries beaten by score, mean over the entry's tasks" },
  { id: "normalised", label: "Normalised", numeric: true, falling: true, digits: 2, of: (line) => line.normalised,
    about: "Score between the worst entry of a task, 0, and the best, 1, mean over the entry's tasks" },
];

const several = ({ data, boards }) => data.length > 1 && boards.length > 1;

function acrossTable(track) {
  const kept = (across[track] ??= {});
  kept.data ??= page.standings[track].map((standing) => ({
    entry: word(standing.entry),
    rate: standing.rate,
    rank: standing.rank,
    borda: standing.borda,
    normalised: standing.normalised,
    count: standing.rows.length,
    rows: new Map(standing.rows.map(([board, row]) => [boards[board], rowsOf(boards[board])[row]])),
  }));
  kept.boards ??= [...new Set(kept.data.flatMap((line) => [...line.rows.keys()]))]
    .sort((a, b) => a.index - b.index);
  kept.columns ??= [
    { id: "entry", label: "Entry", of: (line) => line.entry.toLowerCase() },
    ...(several(kept) ? OVERALL : OVERALL.slice(0, 1)),
    { id: "count", label: "Tasks", numeric: true, falling: true, of: (line) => line.count },
    ...kept.boards.map((board) => ({
      id: board.task.name, label: board.task.name, numeric: true, board,
      of: (line) => line.rows.get(board)?.rank,
    })),
  ].map(asColumn);
  kept.usual ??= new Set(kept.columns.slice(0, kept.columns.length - kept.boards.length + SHOWN_TASKS)
    .map((column) => column.id));
  const visible = view[`${track}-columns`] ? new Set(list(`${track}-columns`)) : kept.usual;
  const state = {
    sorting: sortingOf(`${track}-sort`, [{ id: "rate", desc: true }]),
    globalFilter: view.search ?? "",
    columnVisibility: Object.fromEntries(kept.columns.map((c) => [c.id, c.id === "entry" || visible.has(c.id)])),
  };
  const options = {
    data: kept.data,
    columns: kept.columns,
    state: { ...kept.table?.initialState, ...state },
    onStateChange() {},
    renderFallbackValue: null,
    getCoreRowModel: kept.core ??= TableCore.getCoreRowModel(),
    getFilteredRowModel: kept.filtered ??= TableCore.getFilteredRowModel(),
    getSortedRowModel: kept.sorted ??= TableCore.getSortedRowModel(),
    globalFilterFn: (row, _column, wanted) => row.original.entry.toLowerCase().includes(wanted.toLowerCase()),
    getColumnCanGlobalFilter: (column) => column.id === "entry",
    enableSortingRemoval: false,
  };
  if (!kept.table) {
    kept.table = TableCore.createTable(options);
    options.state = { ...kept.table.initialState, ...state };
  }
  kept.table.setOptions((before) => ({ ...before, ...options }));
  return kept;
}

function acrossCell(column, line) {
  const { board, digits } = column.columnDef.meta;
  if (column.id === "rate") return html`<b>${fixed(line.rate, digits)}</b>`;
  if (!board) return fixed(column.accessorFn(line), digits);
  const row = line.rows.get(board);
  if (!row) return html`<span class="quiet">–</span>`;
  const text = `${row.entry} on ${row.board.task.name}: ${fixed(row.score.value, row.digits)} ${intervalText(row.score, row.digits)}`;
  return html`<span class="placed tier${Math.min(row.tier, 4)}" title=${text}><b>${row.rank}</b>
    <span class="quiet"> t${row.tier}</span></span>`;
}

// Who differs from whom over all tasks, or why that can't be said.
function Difference({ track, kept }) {
  const found = page.differences[track];
  const head = html`<h4>Who can be told apart</h4>`;
  if (!found) {
    const why = several(kept) ? "here no two entries do"
      : `here ${plural(kept.data.length, "entry has", "entries have")} results on ${plural(kept.boards.length, "task")}`;
    return html`${head}<p class="quiet note">A critical-difference diagram needs two entries that share two tasks; ${why}.</p>`;
  }
  const { compared, tasks: count, entries } = found;
  const without = kept.data.length - compared;
  return html`${head}<figure><${DifferenceChart} found=${found} id=${`difference-${track}`} />
    <figcaption class="quiet">${plural(compared, "entry", "entries")} on the ${count} tasks that all of them share${
      compared > entries.length && `; the ${entries.length} best by mean rank are drawn`}${without > 0 &&
      `; ${plural(without, "entry", "entries")} without a result on one of these tasks left out`}.
      Friedman p ${found.p < 0.001 ? "< 0.001" : `= ${fixed(found.p, 3)}`}, critical difference
      ${" "}${fixed(found.difference, 2)} (Nemenyi, 5 %; Demšar 2006): mean ranks closer than that, joined by a bar, can't be told apart. The test
      treats the tasks as a sample of all possible ones and knows nothing of the intervals on each.</figcaption></figure>`;
}

function Across({ track }) {
  const kept = acrossTable(track);
  const { table, usual } = kept;
  const { sorting } = table.getState();
  const columns = table.getVisibleLeafColumns();
  const rows = table.getSortedRowModel().rows;
  const all = table.getAllLeafColumns();
  const onSort = (column) => {
    const same = sorting[0]?.id === column.id;
    const desc = same ? !sorting[0].desc : Boolean(column.columnDef.meta.falling);
    go({ [`${track}-sort`]: `${desc ? "-" : ""}${column.id}` });
  };
  return html`<section><h3>Entries across tasks</h3>
    <div class="controls">
      <label class="search"><span class="unseen">Search entries</span><input type="search"
        placeholder="Search entries" value=${view.search ?? ""}
        onInput=${(event) => go({ search: event.target.value })} /></label>
      <span class="push"></span>
      <${Columns} columns=${all.filter((column) => column.id !== "entry")}
        visible=${new Set(columns.map((column) => column.id))}
        onToggle=${(id) => toggled(`${track}-columns`, usual, columns.map((c) => c.id), all, id)} />
      <p class="count" role="status" aria-live="polite">${rows.length === table.getCoreRowModel().rows.length
        ? plural(rows.length, "entry", "entries") : `${rows.length} of ${plural(table.getCoreRowModel().rows.length, "entry", "entries")}`}</p>
    </div>
    <div class="scroll" role="region" tabindex="0" aria-label="Entries across tasks, ${track} track">
    <table class="across"><caption class="unseen">Entries across tasks, ${track} track</caption>
    <thead><tr>${columns.map((column) => html`<${HeaderCell} key=${column.id} column=${column}
      sorting=${sorting} onSort=${onSort} />`)}</tr></thead>
    <tbody>${firstOf(rows).map(({ original: line, id }) => html`<${Still} key=${id} of=${[columns]}
      draw=${() => html`<tr>${columns.map((column) => column.id === "entry"
        ? html`<th scope="row">${line.entry}</th>`
        : html`<td class="numeric">${acrossCell(column, line)}</td>`)}</tr>`} />`)}</tbody></table></div>
    <${MoreRows} count=${rows.length} />
    <p class="quiet note">Rank and tier (t) on each task. The win rate compares an entry with every other on
      the tasks they share, by tier: a task without a result counts neither for nor against it.${several(kept) && ` Mean
      rank, Borda (share of the others beaten) and normalised score (worst of a task 0, best 1) go by score.`}</p>
    <${Still} of=${[]} draw=${() => html`<${Difference} track=${track} kept=${kept} />`} /></section>`;
}

function AcrossView() {
  const having = ["official", "sample"].filter((track) => page.standings[track].length > 0);
  return html`<h2>Across tasks</h2>
    ${having.map((track) => html`<section key=${track} aria-label=${`${track} track`}><h3>${track === "sample" ? "Sample track: simulated data" : "Official track"}</h3>
      <${Across} track=${track} /></section>`)}
    ${!having.length && html`<p class="banner">No entry has results yet.</p>`}`;
}
