// Encoders on all tasks of a track, under one method at a time.

const TRACKS = ["official", "unverified", "sample"];
const matrices = {};

const encodersHave = (track) => matrixOf(track).lines.length > 0;

// The encoders of a track, and by task their lines on its board, best first.
function matrixOf(track) {
  if (matrices[track]) return matrices[track];
  const found = { columns: [], lines: [], methods: [] };
  const lines = new Map();
  const counts = new Map();
  for (const task of tasks) {
    const having = boards.find((board) => board.task === task && board.track === track && board.current
      && rowsOf(board).some((row) => row.encoder && row.method));
    if (!having) continue;
    found.columns.push(having);
    for (const row of rowsOf(having)) {
      if (!row.encoder || !row.method) continue;
      const { name, normalisation, sha256 } = row.encoder;
      const key = JSON.stringify([name, normalisation, sha256]);
      if (!lines.has(key)) lines.set(key, { key, name, normalisation, random: !sha256, encoder: row.encoder, rows: [] });
      lines.get(key).rows.push(row);
      if (row.status === "ranked") counts.set(row.method, (counts.get(row.method) ?? 0) + 1);
    }
  }
  found.lines = [...lines.values()].sort((a, b) => a.name.localeCompare(b.name) || a.normalisation.localeCompare(b.normalisation));
  found.methods = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)).map(([method]) => method);
  matrices[track] = found;
  return found;
}

function cellOf(line, board, method) {
  const rows = line.rows.filter((row) => row.board === board && row.method === method);
  const ranked = rows.filter((row) => row.status === "ranked");
  return { row: ranked[0], further: ranked.length - 1, why: ranked.length ? "" : whyEmpty(rows) };
}

function whyEmpty(rows) {
  if (!rows.length) return "not run";
  const why = rows[0].why;
  return { "label subset": "part of labels only", partial: "partial run", altered: "altered", "no score": "no score" }[why] ?? "not ranked";
}

// The bands that an encoder is fed, by sensor.
function fedText({ bands }) {
  const sensors = new Map();
  for (const [band, sensor] of bands) sensors.set(sensor, [...(sensors.get(sensor) ?? []), band]);
  return [...sensors].map(([sensor, names]) => `${names.join(" ")}${sensor ? ` (${sensor})` : ""}`).join(", ");
}

const NORMALISED = { checkpoint: "checkpoint's statistics", task: "task's statistics" };

function againstFloor(row) {
  const floor = bestFloor(row.board);
  if (row.floor === "floor") return "a floor";
  if (row.floor === "tied") return `not told apart from ${floor.entry}`;
  if (row.floor === "worse") return `worse than ${floor.entry}`;
  return row.floor === "better" ? `better than ${floor.entry}` : "no floor is recorded";
}

// What is said of a score when it is pointed at, and what a screen reader says.
function cellSays(row, further = 0) {
  const { encoder, board } = row;
  const lines = [
    `${encoder ? `${encoder.name}, ${row.method}` : row.entry} on ${board.task.name}`,
    `${fixed(row.score.value, row.digits)} ${board.task.primary}, 95 % interval ${intervalText(row.score, row.digits)}, n ${whole(row.samples)}`,
    `rank ${row.rank} of ${board.ranked}, tier ${row.tier}`,
    againstFloor(row),
  ];
  if (row.saw) lines.push("its declared pretraining saw the scored split");
  if (encoder) {
    lines.push(`fed ${fedText(encoder)}`);
    if (encoder.unseen.length) lines.push(`bands not seen: ${encoder.unseen.join(" ")}`);
    if (!encoder.sha256) lines.push("random weights");
  }
  if (further > 0) lines.push(`the best of ${further + 1} such entries, by input or trust`);
  return lines;
}

const openedIn = (row) => ({
  href: address({ ...view, on: row.board.task.name, run: row.key }),
  onClick(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go({ on: row.board.task.name, run: row.key }, true);
  },
});

// A text beside what is pointed at or has the focus; Escape removes it.
class Tip extends Component {
  constructor() {
    super();
    this.state = { lines: null };
    this.place = createRef();
    this.show = (event) => {
      const cell = event.target.closest?.("[data-tip]");
      if (cell !== this.cell) {
        this.cell = cell;
        this.setState({ lines: cell ? cell.dataset.tip.split("\n") : null });
      }
    };
    this.hide = (event) => event.key === "Escape" && this.setState({ lines: null });
    this.move = () => (document.activeElement === this.cell ? this.forceUpdate() : this.leave());
    this.leave = () => { this.cell = null; this.setState({ lines: null }); };
  }

  componentDidMount() {
    for (const name of ["mouseover", "focusin"]) document.addEventListener(name, this.show);
    document.addEventListener("keydown", this.hide);
    document.addEventListener("scroll", this.move, true);
  }

  componentWillUnmount() {
    for (const name of ["mouseover", "focusin"]) document.removeEventListener(name, this.show);
    document.removeEventListener("keydown", this.hide);
    document.removeEventListener("scroll", this.move, true);
  }

  componentDidUpdate() {
    const place = this.place.current;
    if (!place || !this.cell) return;
    const cell = this.cell.getBoundingClientRect();
    const own = place.getBoundingClientRect();
    const below = cell.bottom + 6 + own.height < innerHeight;
    place.style.left = `${Math.max(6, Math.min(cell.left, document.documentElement.clientWidth - own.width - 6))}px`;
    place.style.top = `${below ? cell.bottom + 6 : Math.max(6, cell.top - own.height - 6)}px`;
  }

  render(_, { lines }) {
    return lines && html`<div class="tip" ref=${this.place} aria-hidden="true" data-tip=${lines.join("\n")}><b>${lines[0]}</b>
      ${lines.slice(1).map((line) => html`<span class="under always">${line}</span>`)}</div>`;
  }
}

function MatrixCell({ row, further, why }) {
  if (!row) return html`<td class="numeric quiet empty">${why}</td>`;
  const lines = cellSays(row, further);
  const marks = [
    row.floor === "tied" && "≈", row.floor === "worse" && "↓", row.saw && "†", row.encoder?.unseen.length > 0 && "◐",
  ].filter(Boolean).join("");
  return html`<td class="numeric"><a class="placed tier${Math.min(row.tier, 4)}" data-tip=${lines.join("\n")}
    aria-label=${lines.join("; ")} ...${openedIn(row)}>${fixed(row.score.value, row.digits)}<span class="marks">${marks}</span></a></td>`;
}

function spanText(values, text) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return "–";
  const [low, high] = d3.extent(known).map(text);
  return low === high ? low : `${low}–${high}`;
}

// A long name may be broken behind its marks.
const breakable = (name) => name.split(/(?<=[:@_/-])/).map((part) => html`${part}<wbr />`);

const distinct = (values) => [...new Set(values)];

function Several({ texts, none, most = 2 }) {
  if (!texts.length) return html`<span class="quiet">${none}</span>`;
  return html`${texts.slice(0, most).map((text) => html`<span class="line-text"><bdi>${text}</bdi></span>`)}
    ${texts.length > most && html`<details class="plain-details"><summary>${texts.length - most} more</summary>
      ${texts.slice(most).map((text) => html`<span class="line-text"><bdi>${text}</bdi></span>`)}</details>`}`;
}

function MatrixLine({ line, columns, method }) {
  const cells = columns.map((board) => cellOf(line, board, method));
  const rows = cells.map((cell) => cell.row).filter(Boolean);
  const seen = rows.filter((row) => row.saw).map((row) => row.board.task.name);
  const unseen = new Map();
  for (const row of rows.filter((each) => each.encoder.unseen.length)) {
    const text = row.encoder.unseen.join(" ");
    unseen.set(text, [...(unseen.get(text) ?? []), row.board.task.name]);
  }
  return html`<tr><th scope="row"><b><bdi>${breakable(line.name)}</bdi></b>
      <span class="under always">${NORMALISED[line.normalisation]}${line.random && html` <span class="badge">random weights</span>`}</span></th>
    ${cells.map((cell, index) => html`<${MatrixCell} key=${columns[index].index} ...${cell} />`)}
    <td class="numeric">${spanText(rows.map((row) => row.parameters), short)}</td>
    <td class="numeric">${spanText(rows.map((row) => row.macs), short)}</td>
    <td class="c-learnt"><${Several} texts=${line.encoder.pretraining} none=${line.random ? "nothing" : "not declared"} />
      ${seen.length > 0 && html`<span class="badge doubt wraps">saw test data of ${seen.join(", ")}</span>`}</td>
    <td class="c-fed"><${Several} texts=${distinct(rows.map((row) => fedText(row.encoder)))} none="–" most=${1} />
      ${unseen.size > 0 && html`<${Several} texts=${[...unseen].map(([bands, names]) => `not seen on ${names.join(", ")}: ${bands}`)} most=${1} />`}</td></tr>`;
}

function matrixRecords(track, method, lines, columns) {
  const floors = columns.map((board) => ({ line: null, board, row: bestFloor(board) }));
  const cells = lines.flatMap((line) => columns.map((board) => ({ line, board, ...cellOf(line, board, method) })));
  return [...floors, ...cells].map(({ line, board, row, why }) => ({
    track,
    task: board.task.name,
    version: board.version,
    digest: board.digest,
    metric: board.task.primary,
    encoder: line?.name ?? "",
    normalisation: line?.normalisation ?? "",
    method: line ? method : "",
    status: row ? "ranked" : why || "no floor is recorded",
    entry: row?.entry ?? "",
    value: row?.score.value ?? null,
    low: row?.score.low ?? null,
    high: row?.score.high ?? null,
    samples: row?.samples ?? null,
    rank: row?.rank ?? null,
    tier: row?.tier ?? null,
    against_floor: row?.floor || null,
    parameters: row?.parameters ?? null,
    macs: row?.macs ?? null,
    bands: row?.encoder ? fedText(row.encoder) : "",
    bands_not_seen: row?.encoder?.unseen.join(" ") ?? "",
    random_weights: line ? line.random : null,
    pretraining: line?.encoder.pretraining.join("; ") ?? "",
    pretraining_saw_test_data: row?.encoder ? Boolean(row.saw) : null,
    weights: line?.encoder.source ?? "",
    weights_sha256: line?.encoder.sha256 ?? "",
    run: row?.run ?? "",
  }));
}

function sortedLines(lines, method, columns) {
  const [{ id, desc }] = sortingOf("order", [{ id: "name", desc: false }]);
  const board = columns.find((each) => each.task.name === id);
  const of = board ? (line) => cellOf(line, board, method).row?.score.value
    : ["parameters", "macs"].includes(id)
      ? (line) => d3.min(line.rows.filter((row) => row.method === method && row.status === "ranked"), (row) => row[id])
      : null;
  if (!of) return desc ? [...lines].reverse() : lines;
  const worth = new Map(lines.map((line) => [line, of(line) ?? null]));
  return [...lines].sort((a, b) => (worth.get(a) === null) - (worth.get(b) === null)
    || (desc ? -1 : 1) * (worth.get(a) - worth.get(b)));
}

function Matrix({ track }) {
  const { columns, lines, methods } = matrixOf(track);
  const method = methods.includes(view.method) ? view.method : methods[0];
  const shownLines = lines.filter((line) => line.rows.some((row) => row.method === method));
  const others = lines.filter((line) => !shownLines.includes(line));
  const wanted = (view.search ?? "").toLowerCase();
  const ordered = sortedLines(shownLines, method, columns).filter((line) => line.name.toLowerCase().includes(wanted));
  const sorting = sortingOf("order", [{ id: "name", desc: false }]);
  const heads = [
    { id: "name", label: "Encoder" },
    ...columns.map((board) => ({ id: board.task.name, label: board.task.name, numeric: true, falling: !board.task.lower, board })),
    { id: "parameters", label: "Params", numeric: true, about: "Of encoder and head" },
    { id: "macs", label: "MACs", numeric: true, about: "Multiply-accumulates for one sample" },
    { id: "learnt", label: "Pretrained on", sortable: false, plain: true },
    { id: "fed", label: "Fed with", sortable: false, plain: true },
  ].map(({ id, board, ...meta }) => ({ id, board, columnDef: { meta } }));
  const onSort = (column) => {
    const same = sorting[0]?.id === column.id;
    const desc = same ? !sorting[0].desc : Boolean(column.columnDef.meta.falling);
    go({ order: `${desc ? "-" : ""}${column.id}` });
  };
  const savedAs = (form) => {
    const records = matrixRecords(track, method, ordered, columns);
    const name = `encoders-${track}-${method}.${form}`.replace(/[^\w.-]+/g, "_");
    if (form === "csv") save(name, "text/csv;charset=utf-8", csv(records));
    else save(name, "application/json", `${JSON.stringify(records, null, 1)}\n`);
  };
  const saw = shownLines.some((line) => line.rows.some((row) => row.method === method && row.saw));
  return html`
    <div class="controls">
      <label>Method <select value=${method} onChange=${(event) => go({ method: event.target.value })}>
        ${methods.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select></label>
      <label class="search"><span class="unseen">Search encoders</span><input type="search" placeholder="Search encoders"
        value=${view.search ?? ""} onInput=${(event) => go({ search: event.target.value })} /></label>
      <span class="push"></span>
      <button type="button" onClick=${() => savedAs("csv")}>CSV</button>
      <button type="button" onClick=${() => savedAs("json")}>JSON</button>
      <button type="button" onClick=${copyLink}>Copy link</button>
      <p class="count" role="status" aria-live="polite">${plural(ordered.length, "encoder")}, ${plural(columns.length, "task")}</p>
    </div>
    <div class="scroll" role="region" tabindex="0" aria-label="Encoders under ${method}, ${track} track">
    <table class="matrix"><caption class="unseen">Scores of encoders under ${method} on the tasks of the ${track} track</caption>
    <thead><tr>${heads.map((column) => html`<${HeaderCell} key=${column.id} column=${column} sorting=${sorting} onSort=${onSort}>
      ${column.board && html`<span class="under always"><a aria-label=${`${column.board.task.label}: board of ${column.board.task.name}`}
        ...${follow({ task: column.board.task.name, board: column.board.key })}>${column.board.task.label}</a>${column.board.task.lower && html`<br />lower is better`}</span>`}<//>`)}</tr></thead>
    <tbody><tr class="floor"><th scope="row"><i>Best floor of the task</i></th>
      ${columns.map((board) => {
        const row = bestFloor(board);
        return row ? html`<${MatrixCell} key=${board.index} row=${row} />` : html`<td class="numeric quiet empty">none recorded</td>`;
      })}<td></td><td></td><td></td><td></td></tr>
      ${firstOf(ordered).map((line) => html`<${MatrixLine} key=${line.key} line=${line} columns=${columns} method=${method} />`)}</tbody></table></div>
    <${MoreRows} count=${ordered.length} />
    <${Tip} />
    <p class="note key-marks"><span class="placed tier1">tier 1</span> <span class="placed tier2">2</span> <span class="placed tier3">3</span>
      <span> ≈ not told apart from the best floor of its task</span><span> ↓ worse than it</span>
      <span> † its declared pretraining saw the scored split</span><span> ◐ bands of the task's input that it isn't fed</span></p>
    <p class="quiet note">Tiers are those of the task's board, among all its ranked entries, whatever their method. Point at a score,
      or reach it with Tab, for its interval; it opens the run. An empty cell wasn't run, or says why it isn't ranked: it is no zero.
      ${saw ? " Pretraining is compared as it is declared, DATASET or DATASET/SPLIT; what is only described in words can't be."
        : " No declared pretraining includes a scored split; what is only described in words can't be compared."}</p>
    ${others.length > 0 && html`<p class="quiet note">No run under ${method}: <bdi>${distinct(others.map((line) => line.name)).join(", ")}</bdi>.</p>`}`;
}

function EncodersView() {
  const having = TRACKS.filter(encodersHave);
  const track = having.includes(view.track) ? view.track : having[0];
  const board = track && matrixOf(track).columns.find((each) => each.task.name === view.on);
  const opened = view.run && (board ? rowsOf(board).find((row) => row.key === view.run) : null);
  return html`<h2>Encoders</h2>
    ${!track && html`<p class="banner">No entry made of an encoder and a method is recorded yet. The first one:
      <code> bench run --task TASK --model timm:resnet18 --method ridge</code></p>`}
    ${track && html`<p class="about">One encoder a line, under one method on all tasks: how much its features are worth where the
        same head is learnt on them.</p>
      <nav class="tabs" aria-label="Tracks">${having.map((each) => html`<a key=${each} ...${follow({ view: "encoders", track: each })}
        aria-current=${each === track ? "page" : undefined}>${each}</a>`)}</nav>
      ${track === "sample" && html`<p class="banner sample"><b>Sample track: simulated data.</b> These numbers show that encoders run,
        not which is best.</p>`}
      ${track === "unverified" && html`<p class="banner"><b>Unverified splits</b>: never ranked with verified results.</p>`}
      ${matrixOf(track).methods.length ? html`<${Matrix} track=${track} />`
        : html`<p class="banner">No run is ranked here yet: label subsets and partial runs are not.</p>`}`}
    ${opened && html`<${Opened} key=${opened.board.key + opened.key} row=${opened} board=${opened.board} />`}`;
}
