// How entries do across the tasks that they share: a matrix, and who can be told apart.

function usualBoard(task, track) {
  return boards.find((board) => board.task === task && board.track === track && board.current && board.ranked);
}

// The sets of tasks of a track; each has a name in the address.
const sets = {};
function setsOf(track) {
  sets[track] ??= (page.across[track] ?? []).map((packed, index) => {
    const having = packed.boards.map((board) => boards[board]);
    const lines = packed.lines.map((line) => ({
      ...line,
      entry: word(line.entry),
      rows: line.rows.map((row, place) => (row < 0 ? null : rowsOf(having[place])[row])),
    }));
    const title = word(packed.title)
      || `${plural(having.length, "task")}: ${having.slice(0, 3).map((board) => board.task.name).join(", ")}${having.length > 3 ? " …" : ""}`;
    return { key: String(index + 1), track, title, suite: Boolean(word(packed.title)), boards: having, lines,
      compared: lines.filter((line) => line.rate !== null).length, difference: packed.difference };
  });
  return sets[track];
}

const SUMS = [
  { id: "rate", label: "Win rate", falling: true, about: "Share of the tasks won against each other entry, mean over these; a common tier counts half" },
  { id: "rank", label: "Mean rank", about: "By score, on these tasks; 1 is best" },
  { id: "normalised", label: "Normalised", falling: true, about: "Score between the worst entry of a task, 0, and the best, 1, mean over these tasks" },
];

function acrossSays(row) {
  const floor = bestFloor(row.board);
  return [
    `${row.entry} on ${row.board.task.name}`,
    `${row.board.task.label} ${fixed(row.score.value, row.digits)}, 95 % interval ${intervalText(row.score, row.digits)}, n ${whole(row.samples)}`,
    `rank ${row.rank} of ${row.board.ranked}, tier ${row.tier}`,
    row.floor === "floor" ? "a floor" : floor ? `${row.floor === "better" ? "better than" : row.floor === "worse" ? "worse than" : "not told apart from"} ${floor.entry}` : "no floor is recorded",
    `fed ${row.inputs}`,
  ];
}

// Cells at first, so that a wide set is laid out without a pause; further rows are shown when asked for.
const FIRST_CELLS = 600;

// Rows that are drawn at once; the others follow when those are on the screen.
const FIRST_LINES = 6;

// A cell says the least; what is said when it is pointed at is put together then.
function AcrossCell({ row, place, base }) {
  if (!row) return html`<td class="cell none"><span class="quiet">–</span><span class="unseen"> not run</span></td>`;
  const low = row.floor === "tied" || row.floor === "worse";
  return html`<td class="cell"><a class="tier-cell t${Math.min(row.tier, 4)} ${low ? "low" : ""}" data-place=${place}
    href="${base}&on=${encodeURIComponent(row.board.task.name)}&run=${encodeURIComponent(row.key)}"
    >${fixed(row.score.value, cardDigits(row.score))}<span class="unseen">, tier ${row.tier}${low ? ", no better than the floor" : ""}</span></a></td>`;
}

// The row of a board behind the cell that an event comes from.
function rowAt(set, event) {
  const cell = event.target.closest?.("a.tier-cell");
  const line = cell && set.lines.find((each) => each.entry === cell.closest("tr").dataset.entry);
  return line ? { cell, row: line.rows[cell.dataset.place] } : null;
}

function tell(set, event) {
  const found = rowAt(set, event);
  if (found && !found.cell.dataset.tip) found.cell.dataset.tip = acrossSays(found.row).join("\n");
}

function openCell(set, event) {
  const found = rowAt(set, event);
  if (found) openedIn(found.row).onClick(event);
}

function sortedAcross(set) {
  const [{ id, desc }] = sortingOf("order", [{ id: "rate", desc: true }]);
  const place = set.boards.findIndex((board) => board.task.name === id);
  const of = place >= 0 ? (line) => line.rows[place]?.score.value ?? null
    : id === "entry" ? null : (line) => line[id] ?? null;
  const lines = [...set.lines];
  if (!of) return lines.sort((a, b) => (desc ? -1 : 1) * a.entry.localeCompare(b.entry));
  const missing = (line) => (of(line) === null ? 1 : 0);
  return lines.sort((a, b) => missing(a) - missing(b)
    || (missing(a) ? 0 : (desc ? -1 : 1) * (of(a) - of(b)) || (a.rank ?? 0) - (b.rank ?? 0)) || a.entry.localeCompare(b.entry));
}

function AcrossMatrix({ set }) {
  const sorting = sortingOf("order", [{ id: "rate", desc: true }]);
  const wanted = (view.search ?? "").toLowerCase();
  const lines = sortedAcross(set).filter((line) => line.entry.toLowerCase().includes(wanted));
  const heads = [
    { id: "entry", label: "Entry" },
    ...SUMS.map((sum) => ({ ...sum, numeric: true })),
    ...set.boards.map((board) => ({ id: board.task.name, label: board.task.name, numeric: true, falling: !board.task.lower, board })),
  ].map(({ id, board, ...meta }) => ({ id, board, columnDef: { meta } }));
  const onSort = (column) => {
    const same = sorting[0]?.id === column.id;
    const desc = same ? !sorting[0].desc : Boolean(column.columnDef.meta.falling);
    go({ order: `${desc ? "-" : ""}${column.id}` });
  };
  const about = `${set.title}, ${set.track} track`;
  const base = address({ view: "across", track: set.track, set: set.key });
  const most = view.rows === "all" ? lines.length : Math.max(12, Math.floor(FIRST_CELLS / set.boards.length));
  const tip = (event) => tell(set, event);
  const drawn = (line) => html`<${Still} key=${line.entry} of=${[set]} draw=${() => html`<tr class=${line.floor ? "floor" : ""} data-entry=${line.entry}>
      <th scope="row"><bdi>${breakable(line.entry)}</bdi>${line.floor && html` <span class="badge">floor</span>`}</th>
      ${SUMS.map((sum) => html`<td class="numeric">${line[sum.id] === null ? html`<span class="quiet">–</span>` : html`${sum.id === "rate"
        ? html`<b>${fixed(line.rate, 2)}</b>` : fixed(line[sum.id], 2)}`}</td>`)}
      ${line.rows.map((row, place) => html`<${AcrossCell} key=${place} row=${row} place=${place} base=${base} />`)}</tr>`} />`;
  return html`<div class="controls">
      <label class="search"><span class="unseen">Search entries</span><input type="search" placeholder="Search entries"
        value=${view.search ?? ""} onInput=${(event) => go({ search: event.target.value })} /></label>
      <span class="push"></span>
      <button type="button" onClick=${() => save(`across-${set.track}-${set.key}.csv`, "text/csv;charset=utf-8", csv(acrossRecords(set)))}>CSV</button>
      <p class="count" role="status" aria-live="polite">${lines.length === set.lines.length
        ? plural(lines.length, "entry", "entries") : `${lines.length} of ${plural(set.lines.length, "entry", "entries")}`}</p>
    </div>
    <div class="scroll" role="region" tabindex="0" aria-label=${`Entries on ${about}`}>
    <table class="across-matrix"><caption class="unseen">Entries on ${about}</caption>
    <thead><tr>${heads.map((column) => html`<${HeaderCell} key=${column.id} column=${column} sorting=${sorting} onSort=${onSort}>
      ${column.board && html`<span class="under always"><a aria-label=${`${column.board.task.label}: board of ${column.board.task.name}`}
        ...${follow({ task: column.board.task.name, board: column.board.key })}>${column.board.task.label}</a>${column.board.task.lower && html`<br />lower is better`}</span>`}<//>`)}</tr></thead>
    <tbody onMouseOver=${tip} onFocusIn=${tip} onClick=${(event) => openCell(set, event)}>${lines.slice(0, FIRST_LINES).map(drawn)}<${Later} as="tr" draw=${() => lines.slice(FIRST_LINES, most).map(drawn)} /></tbody></table></div>
    ${lines.length > most && html`<p><button type="button" onClick=${() => go({ rows: "all" })}>Show all ${lines.length} rows</button></p>`}`;
}

function acrossRecords(set) {
  return sortedAcross(set).flatMap((line) => set.boards.map((board, place) => {
    const row = line.rows[place];
    return { track: set.track, set: set.title, entry: line.entry, task: board.task.name, metric: board.task.primary,
      value: row?.score.value ?? null, low: row?.score.low ?? null, high: row?.score.high ?? null,
      rank: row?.rank ?? null, tier: row?.tier ?? null, entry_there: row?.entry ?? "", run: row?.run ?? "",
      win_rate: line.rate, mean_rank: line.rank, normalised: line.normalised };
  }));
}

// Who differs from whom over all tasks of a set, or why that can't be said.
function Difference({ set }) {
  const found = set.difference;
  const head = html`<h3>Who can be told apart over these tasks</h3>`;
  if (!found) return null;
  const fewest = found.tasks < 5 ? ` With ${found.tasks} tasks it can tell only large differences apart.` : "";
  return html`${head}<figure><${DifferenceChart} found=${found} id=${`difference-${set.track}-${set.key}`} />
    <figcaption class="quiet">${plural(found.compared, "entry", "entries")} on the ${found.tasks} tasks that all of them share${
      found.compared > found.entries.length && `; the ${found.entries.length} best by mean rank are drawn`}.
      Friedman p ${found.p < 0.001 ? "< 0.001" : `= ${fixed(found.p, 3)}`}, critical difference
      ${" "}${fixed(found.difference, 2)} (Nemenyi, 5 %; Demšar 2006): mean ranks closer than that, joined by a bar, can't be told apart.
      The test treats the tasks as a sample of all possible ones and knows nothing of the intervals on each; the tiers
      of the matrix, paired tests over the samples of each task, do.${fewest}</figcaption></figure>`;
}

function AcrossView() {
  const having = ["official", "sample"].filter((track) => setsOf(track).length > 0);
  const track = having.includes(view.track) ? view.track : having[0];
  const all = track ? setsOf(track) : [];
  const set = all.find((each) => each.key === view.set) ?? all[0];
  const board = set?.boards.find((each) => each.task.name === view.on);
  const opened = view.run && board ? rowsOf(board).find((row) => row.key === view.run) : null;
  if (!set) {
    return html`<h2>Across tasks</h2><p class="banner">No two entries have results on two common tasks yet, so that nothing
      can be said across tasks. A model is run on several by <code>bench run --suite SUITE --model MODEL</code>.</p>`;
  }
  const without = set.lines.length - set.compared;
  return html`<h2>Across tasks</h2>
    <p class="about">Only entries that have results on the same tasks stand together. A set is a suite, or tasks that two or more
      entries share; nothing is ranked across tasks that aren't shared.</p>
    <nav class="tabs" aria-label="Tracks">${having.map((each) => html`<a key=${each} ...${follow({ view: "across", track: each })}
      aria-current=${each === track ? "page" : undefined}>${each}</a>`)}</nav>
    ${track === "sample" && html`<p class="banner sample"><b>Sample track: simulated data.</b> These numbers show that entries run,
      not which is best.</p>`}
    ${all.length > 1 && html`<nav class="tabs sets" aria-label="Sets of tasks">${all.map((each) => html`<a key=${each.key}
      ...${follow({ view: "across", track, ...(each === all[0] ? {} : { set: each.key }) })} aria-current=${each === set ? "page" : undefined}>
      ${each.title} <span class="quiet">${each.compared} × ${each.boards.length}</span></a>`)}</nav>`}
    <p class="note">${set.suite && html`<b>${set.title}.</b> `}${plural(set.compared, "entry has", "entries have")} results on
      all ${set.boards.length} tasks and ${set.compared === 1 ? "is" : "are"} ranked across them${without > 0 &&
      `; ${plural(without, "other has", "others have")} some of them and ${without === 1 ? "stands" : "stand"} below, without a sum`}.</p>
    <${AcrossMatrix} key=${`${track}-${set.key}`} set=${set} />
    <${Tip} />
    <p class="note key-marks"><span>Tier on its task:</span><span class="tier-cell t1">1</span><span class="tier-cell t2">2</span>
      <span class="tier-cell t3">3</span><span class="tier-cell t4">4 and more</span><span><span class="tier-cell t3 low">0.5</span> not told apart from the floor, or worse</span></p>
    <p class="quiet note">Entries of one tier of a board can't be told from its first one (the paired tests of <code>bench compare</code>, corrected
      for all pairs). Scores of different tasks have different scales: compare within a column. An entry that was run with several
      inputs on a task stands with its best; a baseline's name is shown without its input. The win rate goes by tier, so that what
      can't be told apart counts as a tie; mean rank and normalised score go by score.</p>
    <${Later} key=${`difference-${track}-${set.key}`} draw=${() => html`<${Still} of=${[set]} draw=${() => html`<${Difference} set=${set} />`} />`} />
    ${opened && html`<${Opened} key=${opened.board.key + opened.key} row=${opened} board=${opened.board} />`}`;
}
