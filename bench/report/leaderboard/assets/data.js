// What the page carries: columns of numbers and positions in a list of words.

const { h, render, Component, createRef } = preact;
const html = htm.bind(h);
let page, tasks, boards;
const word = (index) => page.words[index];

async function openData() {
  const text = document.getElementById("data").textContent;
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = letters.charCodeAt(index);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  page = await new Response(stream).json();
  page.boards.push(...page.unrun);
  page.encoders = page.encoders.map(readEncoder);
  tasks = page.tasks.map(readTask);
  boards = page.boards.map(readBoard);
}

const readTask = (task, index) => ({
  index,
  name: word(task.name),
  title: word(task.title),
  kind: word(task.kind),
  primary: word(task.primary),
  label: word(task.label),
  unit: word(task.unit),
  bibtex: word(task.bibtex),
  lower: task.lower,
  foldOf: task.fold_of,
  question: word(task.question),
  sensors: task.sensors.map(([key, name]) => [word(key), word(name)]),
  dataset: word(task.dataset),
  data: word(task.data),
});

const readEncoder = (packed) => ({
  name: word(packed.name),
  given: word(packed.given),
  normalisation: word(packed.normalisation),
  source: word(packed.source),
  sha256: word(packed.sha256),
  pretraining: packed.pretraining.map(word),
  bands: packed.bands.map(([band, sensor]) => [word(band), word(sensor)]),
  channels: packed.channels.map(([channel, band]) => [word(channel), word(band)]),
  unseen: packed.unseen.map(word),
});

// A column whose values are all equal is written as that value.
const at = (column, index) => (Array.isArray(column) ? column[index] : column);

// A column of numbers is a list, or a text with a character for each: 35 more than the number.
function numberAt(column, index) {
  if (typeof column !== "string") return at(column, index);
  const code = column.charCodeAt(index);
  return code >= 35 ? code - 35 : null;
}

function number(column, index) {
  const whole = numberAt(column.value, index);
  if (whole === null || whole === undefined) return null;
  const scale = 10 ** column.digits;
  const below = numberAt(column.below, index);
  const above = numberAt(column.above, index);
  return {
    value: whole / scale,
    low: below === null ? null : (whole - below) / scale,
    high: above === null ? null : (whole + above) / scale,
    samples: at(column.samples, index),
    digits: column.digits,
  };
}

// Days since 0001-01-01, as Python counts them, to a date in ISO form.
const dates = new Map();
function isoDate(ordinal) {
  if (!dates.has(ordinal)) {
    dates.set(ordinal, new Date((ordinal - 719163) * 864e5).toISOString().slice(0, 10));
  }
  return dates.get(ordinal);
}

function readBoard(columns, index) {
  const task = tasks[columns.task];
  const own = page.boards.filter((other) => other.task === columns.task);
  const usual = own.find((other) => other.track === columns.track && other.current) === columns;
  const mark = [columns.digest.slice(0, 8), columns.data.slice(0, 8)].filter(Boolean).join(".");
  return {
    index,
    task,
    columns,
    track: columns.track,
    version: columns.version,
    digest: columns.digest,
    current: columns.current,
    key: usual ? columns.track : `${columns.track}.${mark}`,
    ranked: columns.places.rank.length,
    visible: columns.visible,
    reported: columns.track === "official" && columns.current
      ? page.reported.filter((row) => row.task === columns.task)
      : [],
    related: columns.track === "official" && columns.current
      ? page.related.filter((row) => row.tasks.includes(columns.task))
      : [],
    folds: columns.current
      ? page.folds.filter((row) => row.track === columns.track && row.of.includes(columns.task))
      : [],
  };
}

// Why a run that learnt from a part of the labels isn't ranked.
const SUBSET = "label subset";

function runName(board, index) {
  const run = at(board.columns.run, index);
  return run.startsWith(".")
    ? `${board.task.name}.${word(at(board.columns.entry, index))}.${board.track}${run}`
    : run;
}

// How many parameters the source of a published number prints for its model.
const publishedSize = (board, { source, entry }) => board.reported.find((row) =>
  row.source === source && row.entry === entry && word(row.metric).startsWith("parameters_"))?.value;

// The lines of a board: ranked and unranked runs, then published numbers of the primary metric.
function rowsOf(board) {
  if (board.rows) return board.rows;
  const { columns } = board;
  const digits = Math.max(0, columns.score.digits - 1);
  const rows = Array.from({ length: columns.rows }, (_, index) => {
    const ranked = index < board.ranked;
    const place = {};
    const why = ranked ? "" : columns.unranked[index - board.ranked];
    if (ranked) for (const name in columns.places) place[name] = columns.places[name][index];
    return {
      index,
      board,
      status: ranked ? "ranked" : why === SUBSET ? "subset" : "partial",
      why,
      key: at(columns.run, index),
      run: runName(board, index),
      entry: word(at(columns.entry, index)),
      inputs: word(at(columns.inputs, index)),
      division: word(at(columns.division, index)),
      trust: word(at(columns.trust, index)),
      floor: at(columns.floor.marks, index),
      encoder: page.encoders[at(columns.encoder, index)],
      method: word(at(columns.method, index)),
      saw: at(columns.saw, index) === 1,
      seeds: at(columns.seeds, index),
      seedError: at(columns.seedError, index),
      seed: at(columns.seed, index),
      samples: at(columns.samples, index),
      date: isoDate(at(columns.date, index)),
      parameters: at(columns.parameters, index),
      macs: at(columns.macs, index),
      speed: at(columns.speed, index),
      score: number(columns.score, index),
      digits,
      ...place,
    };
  });
  const published = board.reported
    .filter((row) => word(row.metric) === board.task.primary)
    .map((row, index) => ({
      index: columns.rows + index,
      board,
      status: "reported",
      key: `reported-${index}`,
      entry: word(row.entry),
      inputs: word(row.inputs),
      division: "",
      trust: word(row.trust),
      parameters: publishedSize(board, row),
      score: row.value === null ? null : { value: row.value, low: null, high: null, digits },
      digits,
      source: row,
    }));
  board.rows = rows.concat(published);
  return board.rows;
}

// Where no interval says how many digits mean something, three that count.
function shownDigits(column) {
  const values = Array.from({ length: column.value.length }, (_, index) => number(column, index)).filter(Boolean);
  if (!values.length || values.some((score) => score.low !== null)) return column.digits;
  const largest = d3.max(values, (score) => Math.abs(score.value)) || 1;
  return Math.min(column.digits, Math.max(0, 2 - Math.floor(Math.log10(largest))));
}

function scoresOf(board) {
  board.scores ??= board.columns.scores.map((column, index) => ({
    id: `m${index}`,
    slice: word(column.slice),
    metric: word(column.metric),
    average: word(column.average),
    label: word(column.label),
    title: word(column.title),
    unit: word(column.unit),
    classes: column.classes,
    digits: shownDigits(column),
    column,
  }));
  return board.scores;
}

// What is shown of a run when it is opened.
function factsOf(row) {
  const { others, pictures } = row.board.columns;
  const found = { others: others?.[row.index] ?? [], pictures: pictures[row.index] ?? [] };
  for (const name of ["latency", "memory", "seconds", "entryDigest", "weights"]) {
    found[name] = at(row.board.columns[name], row.index);
  }
  for (const name of ["labels", "learntIds", "learntData"]) found[name] = word(at(row.board.columns[name], row.index));
  found.learnt = at(row.board.columns.learnt, row.index);
  found.searched = row.board.columns.searched[row.index]?.map(([setting, value]) => [word(setting), value]) ?? [];
  const lines = word(at(row.board.columns.sheet, row.index)).split("\n");
  page.sheet.forEach((name, index) => { found[name] = lines[index]; });
  return found;
}
