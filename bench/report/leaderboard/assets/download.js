// What can be taken away: tables, charts, citations.

function Downloads({ board, table }) {
  const entry = (text, onClick) => html`<li><button type="button" onClick=${onClick}>${text}</button></li>`;
  const name = fileName(board.task.name, board.key);
  return html`<details class="menu downloads"><summary>Download</summary><ul class="choices">
    ${entry("CSV", () => download(board, table, "csv"))}
    ${entry("JSON", () => download(board, table, "json"))}
    ${entry("LaTeX table", () => save(`${name}.tex`, "application/x-tex", latexOf(board, table)))}
    ${board.task.bibtex && entry("BibTeX of the data set", () => save(`${board.task.name}.bib`, "application/x-bibtex", `${board.task.bibtex}\n`))}
    ${entry("Intervals as SVG", () => saveForest(board, "svg"))}
    ${entry("Intervals as PNG", () => saveForest(board, "png"))}
  </ul></details>
  <button type="button" class="copy" onClick=${copyLink}>Copy link</button>`;
}

const fileName = (...parts) => parts.join("-").replace(/[^\w.-]+/g, "_");

async function copied(event, text) {
  const button = event.currentTarget;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
}

const copyLink = (event) => copied(event, location.href);

const CopyButton = ({ text, label = "Copy" }) => html`<button type="button" class="copy"
  onClick=${(event) => copied(event, text)}>${label}</button>`;

// Letters that LaTeX takes for commands.
const LATEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
const latexText = (text) => String(text).replace(/[\\~^&%$#_{}]/g, (letter) => LATEX[letter] ?? `\\${letter}`);

// The ranked rows as a table for booktabs, in the order that is shown.
function latexOf(board, table) {
  const { task } = board;
  const rows = table.getSortedRowModel().rows.map(({ original }) => original).filter((row) => row.status === "ranked");
  const number = (value, digits) => (value === null || value === undefined ? "--" : value.toFixed(digits).replace("-", "$-$"));
  const lines = rows.map((row) => [
    row.rank, latexText(row.entry), latexText(row.inputs), number(row.score.value, row.digits),
    row.score.low === null ? "--" : `[${number(row.score.low, row.digits)}, ${number(row.score.high, row.digits)}]`, row.tier,
  ].join(" & ") + " \\\\");
  const better = task.lower ? "lower is better" : "higher is better";
  return [
    "% needs \\usepackage{booktabs}",
    "\\begin{table}", "\\centering",
    `\\caption{${latexText(task.title)}, ${board.track} track: ${latexText(task.label)}${task.unit && ` in ${latexText(task.unit)}`} with 95\\,\\% interval, ${better}. Task ${latexText(task.name)}, version ${board.version}, digest ${board.digest}.}`,
    "\\begin{tabular}{rllrlr}", "\\toprule",
    `Rank & Entry & Inputs & ${latexText(task.label)} & 95\\,\\% interval & Tier \\\\`,
    "\\midrule", ...lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", "",
  ].join("\n");
}

// The style of an element of a chart, as attributes that stand without the page's style sheet.
const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity",
  "font-family", "font-size", "font-weight", "text-anchor", "paint-order", "display"];

// A chart as an SVG file of its own: styles are written out, and the paper is drawn.
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const all = [svg, ...svg.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  all.forEach((element, index) => {
    const style = getComputedStyle(element);
    for (const name of DRAWN) {
      const value = style.getPropertyValue(name);
      if (value) copies[index].setAttribute(name, value);
    }
    copies[index].removeAttribute("class");
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.removeAttribute("aria-labelledby");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  paper.setAttribute("width", width);
  paper.setAttribute("height", height);
  paper.setAttribute("fill", getComputedStyle(document.documentElement).backgroundColor);
  copy.prepend(paper);
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

const SHARP = 3;

function saveChart(svg, name, form) {
  const { text, width, height } = standalone(svg);
  if (form === "svg") {
    save(`${name}.svg`, "image/svg+xml", text);
    return;
  }
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    canvas.width = width * SHARP;
    canvas.height = height * SHARP;
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(`${name}.png`, "image/png", blob));
  });
  // The policy of the page lets images come from data addresses only.
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

// Two buttons below a chart.
function ChartTools({ name }) {
  const onClick = (form) => (event) => saveChart(event.currentTarget.closest("figure").querySelector("svg.chart"), fileName(name), form);
  return html`<span class="chart-tools"><button type="button" aria-label="Download the chart as SVG" onClick=${onClick("svg")}>SVG</button>
    <button type="button" aria-label="Download the chart as PNG" onClick=${onClick("png")}>PNG</button></span>`;
}

// The intervals of a board as a chart of their own; on the page they stand in the table.
function ForestChart({ board }) {
  const rows = rowsOf(board).slice(0, Math.min(board.ranked, 60));
  const width = 760;
  const [left, right, top, step] = [250, 610, 56, 22];
  const height = top + step * rows.length + 34;
  const floor = bestFloor(board);
  const extent = withoutTails([...rows.map((row) => row.score), floor?.score].filter(Boolean));
  const within = linear(extent, left, right);
  const x = (value) => Math.min(right, Math.max(left, within(value)));
  const ticks = d3.ticks(...extent, 6);
  const digits = tickDigits(extent, 6);
  const cut = (text) => (text.length > 38 ? `${text.slice(0, 37)}…` : text);
  return html`<svg class="chart forest" viewBox="0 0 ${width} ${height}">
    <text class="name" x="8" y="16">${board.task.title}</text>
    ${ticks.map((tick) => html`<g><line class="grid" x1=${x(tick)} x2=${x(tick)} y1=${top - 8} y2=${height - 32} />
      <text x=${x(tick)} y=${height - 18} text-anchor="middle">${fixed(tick, digits)}</text></g>`)}
    <text class="title" x=${right} y=${height - 4} text-anchor="end">${board.task.label}${board.task.unit && `, ${board.task.unit}`}, 95 % interval (${board.task.lower ? "lower" : "higher"} is better)</text>
    ${floor?.score && html`<g class="floor-line"><line x1=${x(floor.score.value)} x2=${x(floor.score.value)} y1=${top - 8} y2=${height - 32} />
      <text x=${x(floor.score.value)} y=${top - 12} text-anchor="middle">floor</text></g>`}
    ${rows.map((row, index) => {
      const y = top + step * index + 8;
      return html`<g class="point ${row.tier === 1 ? "top" : "lower"}"><text class="label" x="8" y=${y + 4}>${row.rank}  ${cut(row.entry)}</text>
        ${row.score.low !== null && html`<line class="range" x1=${x(row.score.low)} x2=${x(row.score.high)} y1=${y} y2=${y} />`}
        <circle class="dot" cx=${x(row.score.value)} cy=${y} r="4.5" />
        <text x=${right + 12} y=${y + 4}>${fixed(row.score.value, row.digits)} ${intervalText(row.score, row.digits)}</text></g>`;
    })}</svg>`;
}

// Drawn where nobody sees it: a style is known only of what is in the document.
function saveForest(board, form) {
  const stage = document.createElement("div");
  stage.className = "unseen";
  document.body.append(stage);
  render(html`<${ForestChart} board=${board} />`, stage);
  saveChart(stage.querySelector("svg"), fileName(board.task.name, board.key, "intervals"), form);
  render(null, stage);
  stage.remove();
}

function download(board, table, form) {
  const published = rowsOf(board).filter((row) => row.status === "reported");
  const records = table.getSortedRowModel().rows.map(({ original }) => original).concat(published).map((row) => ({
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

