// All tasks: how the entries of each are spread, and how entries do across tasks.

const SHOWN_TASKS = 8;

function usualBoard(task, track) {
  return boards.find((board) => board.task === task && board.track === track && board.current && board.ranked);
}

// All entries of a board on one line; those of the first tier stand out.
function Strip({ board }) {
  const rows = rowsOf(board).slice(0, board.ranked);
  const extent = extentOf(rows.map((row) => ({ value: row.score.value })));
  const x = linear(extent, 6, 234);
  const dots = (chosen) => chosen.map((row) => `M${x(row.score.value).toFixed(1)} 10h0`).join("");
  const { score } = rows[0];
  const floor = bestFloor(board);
  return html`<svg class="strip" viewBox="0 0 240 20" width="240" height="20" aria-hidden="true">
    <line class="rail" x1="0" x2="240" y1="10" y2="10" />
    ${floor && html`<line class="floor" x1=${x(floor.score.value).toFixed(1)} x2=${x(floor.score.value).toFixed(1)} y1="0" y2="20" />`}
    ${score.low !== null && html`<line class="range" y1="10" y2="10"
      x1=${Math.max(0, x(score.low)).toFixed(1)} x2=${Math.min(240, x(score.high)).toFixed(1)} />`}
    <path class="rest" d=${dots(rows.filter((row) => row.tier > 1))} />
    <path class="top" d=${dots(rows.filter((row) => row.tier === 1))} />
  </svg>`;
}

function TaskLine({ task, track }) {
  const board = usualBoard(task, track);
  const name = html`<th scope="row"><a ...${follow({ task: task.name, ...(board !== boards.find((b) => b.task === task) ? { board: board.key } : {}) })}><bdi>${task.title}</bdi></a>
    <span class="under always"><code>${task.name}</code> · ${task.kind}</span></th>`;
  const rows = rowsOf(board).slice(0, board.ranked);
  const first = rows.filter((row) => row.tier === 1);
  const names = first.slice(0, 2).map((row) => row.entry).join(", ");
  const newest = d3.max(rows, (row) => row.date);
  return html`<tr>${name}
    <td class="numeric count">${board.ranked}</td>
    <td><${Strip} board=${board} /></td>
    <td class="numeric"><b>${fixed(rows[0].score.value, rows[0].digits)}</b>
      <span class="under always">${intervalText(rows[0].score, rows[0].digits)}</span></td>
    <td class="first"><bdi>${names}</bdi>${first.length > 2 && html` <span class="quiet">and ${first.length - 2} more</span>`}
      <${FloorMark} row=${rows[0]} />
      <span class="under always">${task.primary} · ${rows[0].inputs} · ${rows[0].division} · ${rows[0].trust} · n ${whole(rows[0].samples)}</span></td>
    <td class="date">${newest}</td></tr>`;
}

function TaskList({ track }) {
  const having = tasks.filter((task) => usualBoard(task, track));
  return html`${having.length > 0 && html`<div class="scroll" role="region" tabindex="0" aria-label="Tasks, ${track} track">
    <table class="tasks"><caption class="unseen">Tasks, ${track} track</caption>
    <thead><tr><th scope="col">Task</th><th scope="col" class="numeric count">Entries</th>
      <th scope="col">All entries<span class="under always key-text"><span
        class="key top" aria-hidden="true"></span>first tier, best one's interval; dashed: best floor</span></th>
      <th scope="col" class="numeric">Best</th><th scope="col">First tier</th><th scope="col" class="date">Newest run</th></tr></thead>
    <tbody>${having.map((task) => html`<${TaskLine} key=${task.name} task=${task} track=${track} />`)}</tbody>
  </table></div>`}
  ${track === "official" && html`<${Waiting} waiting=${tasks.filter((task) => !having.includes(task))} />`}`;
}

// Tasks that nobody has an official result on yet, in as little room as they need.
function Waiting({ waiting }) {
  if (!waiting.length) return null;
  return html`<details class="waiting" open=${waiting.length <= SHOWN_TASKS}>
    <summary>${plural(waiting.length, "task has", "tasks have")} no official results yet</summary>
    <ul>${waiting.map((task) => html`<li key=${task.name}><a ...${follow({ task: task.name })}><bdi>${task.title}</bdi></a>
      <span class="quiet"> <code>${task.name}</code></span></li>`)}</ul></details>`;
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

function Overview() {
  const simulated = tasks.some((task) => usualBoard(task, "sample"));
  const unverified = tasks.some((task) => usualBoard(task, "unverified"));
  return html`
    <section aria-labelledby="official"><h2 id="official">Official track</h2>
      <${Still} of=${[]} draw=${() => html`<${TaskList} track="official" />`} />
      ${page.standings.official.length > 0 && html`<${Across} track="official" />`}</section>
    ${unverified && html`<section aria-labelledby="unverified"><h2 id="unverified">Unverified splits</h2>
      <p class="banner">Official data whose scored split could be held to nothing published: never ranked with
        verified results.</p>
      <${Still} of=${[]} draw=${() => html`<${TaskList} track="unverified" />`} /></section>`}
    ${simulated && html`<section aria-labelledby="sample"><h2 id="sample">Sample track</h2>
      <p class="banner sample"><b>Simulated data.</b> These numbers show that entries run; they say nothing about
        real images and are never ranked with official ones.</p>
      <${Still} of=${[]} draw=${() => html`<${TaskList} track="sample" />`} />
      <${Across} track="sample" /></section>`}`;
}
