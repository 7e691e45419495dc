// Small parts that several views share.

const fixed = (value, digits) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");

function short(value) {
  if (value === null || value === undefined) return "–";
  const units = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = units.find(([limit]) => value >= limit) ?? [1, ""];
  const scaled = value / size;
  const digits = scaled >= 100 || (size === 1 && Number.isInteger(value)) ? 0 : 1;
  return unit ? `${scaled.toFixed(digits)} ${unit}` : scaled.toFixed(digits);
}

const grouped = new Intl.NumberFormat("en-GB");
const whole = (value) => (value ?? null) === null ? "–" : grouped.format(value);

const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

function intervalText(score, digits) {
  if (!score || score.low === null) return "no interval";
  return `[${fixed(score.low, digits)}, ${fixed(score.high, digits)}]`;
}

// Only http and https become links; the address was checked when the page was made, and is again.
function External({ url, children }) {
  if (!/^https?:\/\//i.test(url ?? "")) return children;
  return html`<a href=${url} rel="noopener noreferrer external">${children}</a>`;
}

function extentOf(scores) {
  const there = scores.filter(Boolean);
  const low = d3.min(there, (s) => s.low ?? s.value);
  const high = d3.max(there, (s) => s.high ?? s.value);
  if (low === undefined) return [0, 1];
  const margin = (high - low || Math.abs(high) || 1) * 0.04;
  return [low - margin, high + margin];
}

// A scale for values and typical intervals: one that is many times wider runs out of the picture, as
// that of two trainings may.
function withoutTails(scores) {
  const [low, high] = extentOf(scores);
  const known = scores.filter((score) => score.low !== null);
  if (known.length < 3) return [low, high];
  const [least, most] = d3.extent(scores, (score) => score.value);
  const typical = 3 * d3.median(known, (score) => score.high - score.low);
  return [Math.max(low, least - typical), Math.min(high, most + typical)];
}

const linear = ([from, to], left, right) => (value) =>
  left + ((value - from) / (to - from || 1)) * (right - left);

// A value with its interval on the scale that all rows share, over the whole width of its cell.
function IntervalBar({ score, extent, tone, floor, published }) {
  if (!score) return null;
  const scale = linear(extent, 1, 99);
  const x = (value) => `${Math.min(100, Math.max(0, scale(value))).toFixed(2)}%`;
  return html`<svg class="bar ${tone}" width="100%" height="18" aria-hidden="true">
    <line class="rail" x1="0" x2="100%" y1="9" y2="9" />
    ${floor !== undefined && html`<line class="floor" x1=${x(floor)} x2=${x(floor)} y1="-6" y2="24" />`}
    ${score.low !== null &&
    html`<line class="range" x1=${x(score.low)} x2=${x(score.high)} y1="9" y2="9" />`}
    ${published?.map((each) => html`<svg x=${x(each.score.value)} y="9" class="other"><path d="M0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z" /></svg>`)}
    ${tone === "reported"
      ? html`<svg x=${x(score.value)} y="9" class="other"><path d="M0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z" /></svg>`
      : html`<circle class="dot" cx=${x(score.value)} cy="9" r="4.5" />`}
  </svg>`;
}

// Enough digits for the ticks of an axis, and no more.
const tickDigits = (extent, count) => Math.max(0, -Math.floor(Math.log10(d3.tickStep(...extent, count)) + 1e-9));

// The scale of the bars below it, with the floor's name at its line.
function IntervalAxis({ board, extent }) {
  const scale = linear(extent, 1, 99);
  const ticks = d3.ticks(...extent, 5);
  const digits = tickDigits(extent, 5);
  const floor = bestFloor(board)?.score;
  return html`<svg class="axis" width="100%" height="30" aria-hidden="true">
    ${floor && html`<text class="floor-text" x="${scale(floor.value).toFixed(2)}%" y="9"
      text-anchor=${scale(floor.value) > 80 ? "end" : scale(floor.value) < 20 ? "start" : "middle"}>floor</text>`}
    ${ticks.map((tick) => html`<text x="${scale(tick).toFixed(2)}%" y="27"
      text-anchor=${scale(tick) < 4 ? "start" : scale(tick) > 96 ? "end" : "middle"}>${fixed(tick, digits)}</text>`)}
  </svg>`;
}

function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A text that a spreadsheet would take for a formula is prefixed.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv(records) {
  const names = Object.keys(records[0] ?? {});
  const lines = records.map((record) => names.map((name) => csvCell(record[name])).join(","));
  return [names.join(","), ...lines].join("\r\n") + "\r\n";
}

// A browser lays out fifty rows at once without a pause; further ones are shown when asked for.
const FIRST_ROWS = 50;
const firstOf = (rows) => (view.rows === "all" ? rows : rows.slice(0, FIRST_ROWS));

function MoreRows({ count }) {
  if (count <= FIRST_ROWS || view.rows === "all") return null;
  return html`<p><button type="button" onClick=${() => go({ rows: "all" })}>
    Show all ${count} rows</button></p>`;
}

// Draws its content anew only when what it depends on has changed.
class Still extends Component {
  shouldComponentUpdate(next) {
    return next.of.some((value, index) => value !== this.props.of[index]);
  }

  render({ draw }) {
    return draw();
  }
}

// What stands below the first screen of a view: drawn once the click that opened it was answered.
// Until then an empty element stands in its place.
class Later extends Component {
  componentDidMount() {
    this.timer = setTimeout(() => this.setState({ there: true }));
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  render({ draw, as = "div" }, { there }) {
    return there ? draw() : h(as, { class: "later" });
  }
}

function HeaderCell({ column, sorting, onSort, children }) {
  const sorted = sorting[0]?.id === column.id ? (sorting[0].desc ? "descending" : "ascending") : "none";
  const { sortable = true, label, numeric, about, plain } = column.columnDef.meta;
  return html`<th scope="col" class="c-${column.id.replace(/\d+$/, "")} ${numeric ? "numeric" : ""}"
      aria-sort=${sortable ? sorted : undefined} title=${about}>
    ${sortable
      ? html`<button type="button" onClick=${() => onSort(column)}>
          ${label}<span class="arrow" aria-hidden="true"
            >${{ ascending: "▲", descending: "▼", none: "" }[sorted]}</span>
        </button>`
      : html`<span class=${plain ? "" : "unseen"}>${label}</span>`}
    ${children}
  </th>`;
}

function Columns({ columns, visible, onToggle }) {
  return html`<details class="menu">
    <summary>Columns</summary>
    <fieldset><legend class="quiet">Shown columns</legend>
      ${columns.map(
        (column) => html`<label key=${column.id}>
          <input type="checkbox" checked=${visible.has(column.id)}
            onChange=${() => onToggle(column.id)} />${" "}${column.columnDef.meta.label}
        </label>`,
      )}
    </fieldset>
  </details>`;
}

// The address holds the choice only where it differs from the usual one.
function toggled(name, usual, visible, all, id) {
  const chosen = new Set(visible);
  if (!chosen.delete(id)) chosen.add(id);
  const ids = all.map((column) => column.id).filter((each) => chosen.has(each));
  const same = ids.length === usual.size && ids.every((each) => usual.has(each));
  go({ [name]: same ? "" : ids.join(",") || "none" });
}
