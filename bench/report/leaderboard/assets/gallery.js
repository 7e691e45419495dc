// The first screen: a card for each task, and what narrows them down.

const CARD_DOTS = 30;
const NO_RUNS = { published: "published only", none: "no results yet" };
const MARKS = { official: "official", sample: "simulated", unverified: "unverified split", ...NO_RUNS };
const GROUPS = ["kind", "sensor", "data", "track"];

// Digits after the point, so that an interval is some tens of its last digit wide.
function cardDigits(score) {
  const width = score.low === null ? Math.abs(score.value) / 100 : score.high - score.low;
  return width > 0 ? Math.min(4, Math.max(0, Math.ceil(Math.log10(10 / width)))) : 3;
}

// What a card shows of a task; folds after the first stand on the card of the first.
let cards = null;
function allCards() {
  if (cards) return cards;
  const reported = new Map();
  for (const row of page.reported) {
    if (word(row.metric) !== tasks[row.task].primary || word(row.label) || row.value === null) continue;
    reported.set(row.task, [...(reported.get(row.task) ?? []), row]);
  }
  cards = tasks.filter((task) => task.foldOf === null).map((task) => {
    const folds = tasks.filter((other) => other.foldOf === task.index);
    const having = TRACKS.map((track) => usualBoard(task, track)).filter(Boolean);
    const board = having[0];
    const published = reported.get(task.index) ?? [];
    const tracks = having.map((each) => each.track);
    if (!tracks.length) tracks.push(published.length ? "published" : "none");
    const found = { task, folds, board, published, tracks, mark: tracks[0], best: null, floor: null };
    found.bestPublished = published.reduce((best, row) =>
      best && (task.lower ? best.value <= row.value : best.value >= row.value) ? best : row, null);
    found.leftOut = published.filter((row) => !row.best).map((row) => word(row.missing))[0] ?? "";
    if (board) {
      found.rows = rowsOf(board).slice(0, board.ranked);
      found.floor = bestFloor(board);
      found.best = found.rows.find((row) => row.floor !== "floor") ?? found.rows[0];
    }
    found.text = [task.title, task.name, task.kind, task.question, task.data, task.dataset, task.label,
      ...task.sensors.flat()].join("\n").toLowerCase();
    return found;
  }).sort((a, b) => cardOrder(a) - cardOrder(b));
  return cards;
}

// Official results first, then simulated ones, then published numbers alone.
const cardOrder = (card) => ["official", "unverified", "sample", "published", "none"].indexOf(card.mark);

// The models of a card, those published for it too: searched in, not shown.
function modelsOf(card) {
  if (!card.models) {
    const having = boards.filter((board) => board.task === card.task || card.folds.includes(board.task));
    card.models = distinct([
      ...having.flatMap((board) => rowsOf(board).slice(0, board.columns.rows).map((row) => row.entry)),
      ...page.reported.filter((row) => row.task === card.task.index).map((row) => word(row.entry)),
    ]);
  }
  return card.models;
}

const valuesOf = {
  kind: (card) => [[card.task.kind, card.task.kind]],
  sensor: (card) => card.task.sensors,
  data: (card) => (card.task.dataset ? [[card.task.dataset, card.task.data]] : []),
  track: (card) => card.tracks.map((track) => [track, MARKS[track]]),
};

// Every value of a group, with how many cards have it.
const choices = {};
function choicesOf(group) {
  if (choices[group]) return choices[group];
  const found = new Map();
  for (const card of allCards()) {
    for (const [key, name] of valuesOf[group](card)) {
      found.set(key, { key, name, count: (found.get(key)?.count ?? 0) + 1 });
    }
  }
  choices[group] = [...found.values()];
  if (group !== "track") choices[group].sort((a, b) => a.name.localeCompare(b.name));
  return choices[group];
}

function fits(card) {
  for (const group of GROUPS) {
    const wanted = list(group);
    if (wanted.length && !valuesOf[group](card).some(([key]) => wanted.includes(key))) return null;
  }
  const words = (view.search ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const rest = words.filter((each) => !card.text.includes(each));
  if (!rest.length) return [];
  const found = modelsOf(card).filter((name) => rest.every((each) => name.toLowerCase().includes(each)));
  return found.length ? found : null;
}

// Interval and value of the best entry, all others as dots, floor dashed, best published number.
function CardStrip({ card }) {
  const { rows = [], best, floor, bestPublished } = card;
  const scores = rows.slice(0, CARD_DOTS).map((row) => row.score.value);
  const extent = extentOf([best?.score, floor?.score && { value: floor.score.value },
    bestPublished && { value: bestPublished.value }, ...scores.map((value) => ({ value }))]
    .map((score) => score && { low: null, high: null, ...score }));
  const turned = card.task.lower ? [extent[1], extent[0]] : extent;
  const x = (value) => linear(turned, 6, 294)(value).toFixed(1);
  return html`<svg class="forest" viewBox="0 0 300 22" aria-hidden="true">
    <line class="rail" x1="0" x2="300" y1="11" y2="11" />
    ${floor?.score && html`<line class="floor" x1=${x(floor.score.value)} x2=${x(floor.score.value)} y1="0" y2="22" />`}
    <path class="rest" d=${scores.map((value) => `M${x(value)} 11h0`).join("")} />
    ${bestPublished && html`<path class="published" d="M${x(bestPublished.value)} 5l6 6l-6 6l-6 -6z" />`}
    ${best && best.score.low !== null && html`<line class="range" x1=${x(best.score.low)} x2=${x(best.score.high)} y1="11" y2="11" />`}
    ${best && html`<circle class="dot" cx=${x(best.score.value)} cy="11" r="4.5" />`}
  </svg>`;
}

function CardPicture({ card }) {
  const kept = Object.hasOwn(page.pictures, card.task.name) ? page.pictures[card.task.name] : null;
  const picture = kept ?? (Object.hasOwn(page.samples, card.task.dataset) ? page.samples[card.task.dataset] : null);
  return html`<div class="card-picture">
    ${picture ? h("img", { src: `data:image/webp;base64,${picture.image}`, alt: picture.says, width: picture.width, height: picture.height, decoding: "async" })
      : html`<svg class="card-blank" viewBox="0 0 8 4" preserveAspectRatio="xMidYMid slice" aria-hidden="true">${
        [...card.task.name].slice(0, 32).map((letter, index) => html`<rect x=${index % 8} y=${Math.floor(index / 8)}
          width="1" height="1" class="blank${letter.charCodeAt(0) % 4}" />`)}</svg>`}
    ${picture && !kept && html`<span class="card-simulated">simulated picture</span>`}
    <span class="card-mark ${card.mark}">${MARKS[card.mark]}</span></div>`;
}

function withUnit(text, task) {
  return task.unit ? `${text} ${task.unit}` : text;
}

function CardNumbers({ card }) {
  const { task, best, floor, bestPublished } = card;
  const digits = best ? cardDigits(best.score) : 3;
  const value = (number) => withUnit(fixed(number, digits), task);
  return html`<dl class="card-numbers">
    ${best && html`<div class="card-best"><dt>${best.floor === "floor" ? "Only floors so far" : "Best entry"}</dt>
      <dd><b>${value(best.score.value)}</b> <span class="quiet">${intervalText(best.score, digits)}</span> <bdi>${best.entry}</bdi>
        ${best.floor === "tied" && html` <span class="badge doubt">not told apart from the floor</span>`}</dd></div>`}
    ${floor?.score && floor !== best && html`<div><dt>Floor</dt><dd>${value(floor.score.value)} <bdi class="quiet">${floor.entry}</bdi></dd></div>`}
    ${bestPublished && html`<div><dt>Published</dt><dd>${value(bestPublished.value)}
      <span class="quiet"> <bdi>${word(bestPublished.entry)}</bdi>, ${word(bestPublished.cite)}</span>${card.leftOut
        && html` <span class="quiet" title=${`Not shown: ${card.leftOut}`}>(best of those shown)</span>`}</dd></div>`}
    ${!best && !bestPublished && html`<div><dt>First result</dt><dd><code>bench run --task ${task.name} --model NAME</code></dd></div>`}
  </dl>`;
}

function Card({ card, found }) {
  const { task, folds } = card;
  const sensors = task.sensors.map(([, name]) => name).join(", ");
  return html`<article class="card" aria-labelledby=${`card-${task.index}`}>
    <${CardPicture} card=${card} />
    <div class="card-text">
      <h3 id=${`card-${task.index}`}><a class="card-link" ...${follow({ task: task.name })}><bdi>${task.title}</bdi></a></h3>
      <p class="card-kind">${task.kind}${sensors && ` · ${sensors}`}</p>
      <p class="card-question">${task.question}</p>
      ${card.best && html`<${CardStrip} card=${card} />`}
      <p class="card-metric">${task.label}${task.lower ? ", lower is better" : ""}</p>
      <${CardNumbers} card=${card} />
      ${folds.length > 0 && html`<p class="card-folds">Folds ${[task, ...folds].map((fold, index) => html` <a ...${follow({ task: fold.name })}
        aria-label=${`${task.title}, fold ${index + 1}`}>${index + 1}</a>`)}</p>`}
      ${found.length > 0 && html`<p class="card-found">Has <bdi>${found.slice(0, 3).join(", ")}</bdi>${found.length > 3 && ` and ${found.length - 3} more`}</p>`}
    </div></article>`;
}

function toggleChoice(group, key) {
  const keys = list(group);
  go({ [group]: (keys.includes(key) ? keys.filter((each) => each !== key) : [...keys, key]).join(",") }, true);
}

function Chips({ group, label }) {
  const wanted = list(group);
  return html`<div class="chips" role="group" aria-label=${label}><span class="chips-label" aria-hidden="true">${label}</span>
    ${choicesOf(group).map(({ key, name, count }) => html`<button type="button" class="chip" key=${key}
      aria-pressed=${String(wanted.includes(key))} onClick=${() => toggleChoice(group, key)}>${name}
      <span class="chip-count"> ${count}</span></button>`)}</div>`;
}

function GalleryControls({ shown }) {
  const chosen = GROUPS.some((group) => view[group]) || view.search;
  const cleared = Object.fromEntries([...GROUPS, "search"].map((group) => [group, ""]));
  return html`<div class="filters" role="search" aria-label="Tasks">
    <div class="filters-first"><label class="search"><span class="unseen">Search tasks, models and data sets</span>
      <input type="search" placeholder="Search tasks, models, data sets" value=${view.search ?? ""}
        onInput=${(event) => go({ search: event.target.value })} /></label>
      <label class="data-filter">Data set <select value=${view.data ?? ""}
        onChange=${(event) => go({ data: event.target.value }, true)}><option value="">all</option>
        ${choicesOf("data").map(({ key, name }) => html`<option key=${key} value=${key}>${name}</option>`)}</select></label>
      <p class="count" role="status" aria-live="polite">${shown} of ${plural(allCards().length, "task")}</p>
      <button type="button" disabled=${!chosen} onClick=${() => go(cleared, true)}>Show all</button></div>
    <${Chips} group="kind" label="Kind" />
    <${Chips} group="sensor" label="Sensor" />
    <${Chips} group="track" label="Results" />
  </div>`;
}

// Cards that are drawn at once; the others follow when those are on the screen.
const FIRST_CARDS = 18;

function Gallery() {
  const shown = allCards().map((card) => ({ card, found: fits(card) })).filter(({ found }) => found);
  const drawn = ({ card, found }) => html`<${Still} key=${card.task.name} of=${[found.join()]}
    draw=${() => html`<${Card} card=${card} found=${found} />`} />`;
  return html`<section class="gallery" aria-labelledby="gallery-title"><h2 id="gallery-title">Tasks</h2>
    <${GalleryControls} shown=${shown.length} />
    <p class="card-key quiet"><span><svg viewBox="0 0 24 12" aria-hidden="true"><line class="range" x1="2" x2="22" y1="6" y2="6" /><circle class="dot" cx="12" cy="6" r="4" /></svg>best entry with 95 % interval</span>
      <span><svg viewBox="0 0 24 12" aria-hidden="true"><line class="floor" x1="12" x2="12" y1="0" y2="12" /></svg>floor: what is reached without looking properly</span>
      <span><svg viewBox="0 0 24 12" aria-hidden="true"><path class="published" d="M12 1l5 5l-5 5l-5 -5z" /></svg>best published number, of another protocol or data: never ranked</span>
      <span><b class="card-mark sample">simulated</b> data that shows that entries run, not which is best</span></p>
    <div class="cards">${shown.slice(0, FIRST_CARDS).map(drawn)}${shown.length > FIRST_CARDS
      && html`<${Later} draw=${() => shown.slice(FIRST_CARDS).map(drawn)} />`}</div>
    ${!shown.length && html`<p class="banner">No task, model or data set fits. Take a filter away, or search for something else.</p>`}</section>`;
}
