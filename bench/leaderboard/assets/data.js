// What the page carries: columns of numbers and positions in a list of words.

const { h, render, Component, createRef } = preact;
const html = htm.bind(h);
const page = JSON.parse(document.getElementById("data").textContent);
const word = (index) => page.words[index];

const tasks = page.tasks.map((task, index) => ({
  index,
  name: word(task.name),
  title: word(task.title),
  kind: word(task.kind),
  primary: word(task.primary),
  lower: task.lower,
}));

// A column whose values are all equal is written as that value.
const at = (column, index) => (Array.isArray(column) ? column[index] : column);

function number(column, index) {
  const whole = at(column.value, index);
  if (whole === null || whole === undefined) return null;
  const scale = 10 ** column.digits;
  const below = at(column.below, index);
  const above = at(column.above, index);
  return {
    value: whole / scale,
    low: below === null ? null : (whole - below) / scale,
    high: above === null ? null : (whole + above) / scale,
    samples: at(column.samples, index),
    digits: column.digits,
  };
}

// Days since 0001-01-01, as Python counts them, to a date in ISO form.
function isoDate(ordinal) {
  return new Date((ordinal - 719163) * 864e5).toISOString().slice(0, 10);
}

const boards = page.boards.map((columns, index) => {
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
    reported: columns.track === "official" && columns.current
      ? page.reported.filter((row) => row.task === columns.task)
      : [],
  };
});

function runName(board, index) {
  const run = at(board.columns.run, index);
  return run.startsWith(".")
    ? `${board.task.name}.${word(at(board.columns.entry, index))}.${board.track}${run}`
    : run;
}

// The lines of a board: ranked and unranked runs, then published numbers of the primary metric.
function rowsOf(board) {
  if (board.rows) return board.rows;
  const { columns } = board;
  const digits = Math.max(0, columns.score.digits - 1);
  const rows = Array.from({ length: columns.rows }, (_, index) => {
    const ranked = index < board.ranked;
    const place = {};
    if (ranked) for (const name in columns.places) place[name] = columns.places[name][index];
    return {
      index,
      board,
      status: ranked ? "ranked" : "partial",
      key: at(columns.run, index),
      run: runName(board, index),
      entry: word(at(columns.entry, index)),
      inputs: word(at(columns.inputs, index)),
      division: word(at(columns.division, index)),
      trust: word(at(columns.trust, index)),
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
      score: row.value === null ? null : { value: row.value, low: null, high: null, digits },
      digits,
      source: row,
    }));
  board.rows = rows.concat(published);
  return board.rows;
}

// Everything else is compressed and opened on demand.
const details = { ready: false, failed: "" };

async function openDetails() {
  try {
    const text = document.getElementById("details").textContent;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const opened = await new Response(stream).json();
    details.words = opened.words;
    details.boards = opened.boards;
    details.ready = true;
  } catch (error) {
    details.failed = `Details can't be opened in this browser (${error}).`;
  }
}

function scoresOf(board) {
  if (!details.ready) return [];
  if (!board.scores) {
    board.scores = details.boards[board.index].scores.map((column, index) => ({
      id: `m${index}`,
      slice: details.words[column.slice],
      metric: details.words[column.metric],
      average: details.words[column.average],
      label: details.words[column.label],
      column,
    }));
  }
  return board.scores;
}

function factsOf(row) {
  if (!details.ready || row.status === "reported") return null;
  const { facts, others } = details.boards[row.board.index];
  const found = {};
  for (const name in facts) found[name] = at(facts[name], row.index);
  const text = (name) => details.words[found[name]];
  return { ...found, text, others: others[row.index] };
}
