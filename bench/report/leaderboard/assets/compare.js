// Two or three entries side by side: what the page's maker computed of every two, and all scores.

// A difference in either direction: right of 0 the first entry has the higher value.
function DifferenceBar({ value, low, high, extent, tone }) {
  const scale = linear(extent, 2, 98);
  const x = (number) => `${scale(number).toFixed(2)}%`;
  return html`<svg class="bar ${tone}" width="100%" height="18" aria-hidden="true">
    <line class="rail" x1="0" x2="100%" y1="9" y2="9" />
    <line class="zero" x1=${x(0)} x2=${x(0)} y1="0" y2="18" />
    ${low !== null && html`<line class="range" x1=${x(low)} x2=${x(high)} y1="9" y2="9" />`}
    <circle class="dot" cx=${x(value)} cy="9" r="4.5" />
  </svg>`;
}

function symmetric(numbers) {
  const reach = d3.max(numbers.filter((number) => number !== null), Math.abs) || 1;
  return [-reach * 1.05, reach * 1.05];
}

const pText = (p) => (p === null ? "" : p < 0.001 ? "p < 0.001" : `p = ${fixed(p, 3)}`);

// Of the chosen rows every two whose difference the page has, the better one first.
function pairsOf(board, rows) {
  const known = board.columns.observed.pairs ?? [];
  const chosen = new Map(rows.map((row) => [row.index, row]));
  return known.filter(([one, other]) => chosen.has(one) && chosen.has(other))
    .map(([one, other, value, low, high, p, paired]) => ({
      one: chosen.get(one), other: chosen.get(other), value, low, high, p, paired,
    }));
}

function saysPair({ p, value, one, other }, lower) {
  if (p === null || p >= 0.05) return "can't be told apart";
  return `${(lower ? value < 0 : value > 0) ? one.entry : other.entry} is better`;
}

function PairedDifferences({ board, rows }) {
  const pairs = pairsOf(board, rows);
  if (!pairs.length) {
    return html`<p class="quiet note">Differences are computed for the best ten of a board when the page is made; for others see the command below.</p>`;
  }
  const { digits } = rows[0];
  const extent = symmetric(pairs.flatMap(({ value, low, high }) => [value, low, high]));
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Paired differences"><table class="differences">
    <caption>Differences in ${board.task.label}${board.task.unit && `, ${board.task.unit}`}, with 95 % intervals${
      pairs.every((pair) => pair.paired) && ", paired over the same samples"}</caption>
    <thead><tr><th scope="col">First less second</th><th scope="col" class="c-bars"><span class="unseen">Interval</span></th>
      <th scope="col" class="numeric">Difference</th><th scope="col">p</th><th scope="col">So</th></tr></thead>
    <tbody>${pairs.map((pair) => html`<tr key=${pair.one.key + pair.other.key}>
      <th scope="row"><bdi>${pair.one.entry}</bdi> <span class="quiet">less</span> <bdi>${pair.other.entry}</bdi></th>
      <td class="c-bars"><${DifferenceBar} ...${pair} extent=${extent} tone=${pair.p < 0.05 ? "top" : ""} /></td>
      <td class="numeric"><b>${signed(pair.value, digits)}</b> <span class="quiet">${intervalText(pair, digits)}</span></td>
      <td class="quiet">${pText(pair.p)}</td><td>${saysPair(pair, board.task.lower)}</td></tr>`)}</tbody></table></div>`;
}

// What is known of the very best by class and sample, from their observations.
function closePairs(board, rows) {
  return (board.columns.observed.close ?? []).flatMap((pair) => {
    const [one, other] = pair.rows.map((index) => rows.find((row) => row.index === index));
    return one && other ? [{ ...pair, one, other, names: `${one.key} ${other.key}` }] : [];
  });
}

const SHOWN_CLASSES = 8;

function ClosePair({ pair, board }) {
  const { one, other } = pair;
  const [ahead, behind, even] = pair.ahead;
  const count = ahead + behind + even;
  const { digits } = one;
  const extent = symmetric(pair.classes.flatMap(([, ...numbers]) => numbers.slice(0, 3)));
  const told = pair.classes.filter((line) => line[4] !== "tied").length;
  const all = view.classes === "all";
  const half = SHOWN_CLASSES / 2;
  const shown = all || pair.classes.length <= SHOWN_CLASSES ? pair.classes
    : [...pair.classes.slice(0, half), ...pair.classes.slice(-half)];
  const samples = (list) => list.map(([name, a, b]) => html`<li><bdi>${word(name)}</bdi> <span class="quiet">${shortScore(a)} against ${shortScore(b)}</span></li>`);
  return html`<section class="close-pair"><h4><bdi>${one.entry}</bdi> beside <bdi>${other.entry}</bdi></h4>
    <p><bdi>${one.entry}</bdi> scores higher on <b>${whole(ahead)}</b> of ${whole(count)} samples, lower on <b>${whole(behind)}</b>${
      even > 0 && `, the same on ${whole(even)}`}. <span class="quiet">The score of a sample: ${word(board.columns.observed.sample_score)}.</span></p>
    ${pair.classes.length > 0 && html`<div class="scroll" role="region" tabindex="0" aria-label="Differences by class"><table class="differences">
      <caption>By class: ${told ? `${told} of ${pair.classes.length} can be told apart` : "none can be told apart"} (corrected for all classes)${
        shown.length < pair.classes.length && `; the ${shown.length} largest differences`}</caption>
      <tbody>${shown.map(([name, value, low, high, verdict]) => html`<tr key=${name} class=${verdict === "tied" ? "" : "told"}>
        <th scope="row"><bdi>${word(name)}</bdi></th>
        <td class="c-bars"><${DifferenceBar} value=${value} low=${low} high=${high} extent=${extent} tone=${verdict === "tied" ? "" : "top"} /></td>
        <td class="numeric"><b>${signed(value, digits)}</b> <span class="quiet">${intervalText({ low, high }, digits)}</span></td></tr>`)}</tbody></table></div>
      ${shown.length < pair.classes.length && html`<button type="button" onClick=${() => go({ classes: "all" })}>All ${pair.classes.length} classes</button>`}`}
    <div class="two"><div><h5>Furthest ahead</h5><ul class="plain">${samples(pair.gains)}</ul></div>
      <div><h5>Furthest behind</h5><ul class="plain">${samples(pair.losses)}</ul></div></div></section>`;
}

const shortScore = (value) => (value === null ? "–" : String(value).replace("-", "−"));

function Comparison({ board, rows }) {
  const metrics = [
    { name: board.task.label, of: (row) => row.score, digits: rows[0].digits },
    ...scoresOf(board).filter((score) => !score.slice && !score.label).map((score) => ({
      name: score.title,
      of: (row) => number(score.column, row.index),
      digits: score.digits,
    })),
  ];
  const facts = [
    ["Rank, tier", (row) => `${row.rank ?? "–"}, ${row.tier ?? "–"}`],
    ["Inputs", (row) => row.inputs],
    ["Division, trust", (row) => `${row.division}, ${row.trust}`],
    ["Samples", (row) => whole(row.samples)],
    ["Parameters", (row) => short(row.parameters)],
    ["MACs", (row) => short(row.macs)],
    ["Samples/s", (row) => short(row.speed)],
    ["Seed, date", (row) => `${row.seed}, ${row.date}`],
    ["Run", (row) => html`<code class="narrow">${row.run}</code>`],
  ];
  return html`<section class="comparison" aria-labelledby="comparison">
    <h3 id="comparison">Comparison</h3>
    <${PairedDifferences} board=${board} rows=${rows} />
    ${closePairs(board, rows).map((pair) => html`<${ClosePair} key=${pair.names} pair=${pair} board=${board} />`)}
    <div class="scroll" role="region" tabindex="0" aria-label="Comparison of chosen entries">
    <table class="compared"><thead><tr><th scope="col">Metric</th>${rows.map((row, index) => html`<th scope="col"
      class="numeric"><span class="key pick${index}" aria-hidden="true"></span>${row.entry}</th>`)}
      ${rows.slice(1).map((row, index) => html`<th scope="col" class="numeric">Difference
        ${` 1 − ${index + 2}`}</th>`)}</tr></thead>
    <tbody>${metrics.map((metric) => {
      const scores = rows.map(metric.of);
      if (!scores.some(Boolean)) return null;
      return html`<tr><th scope="row">${metric.name}</th>${scores.map((score) => html`<td
        class="numeric"><b>${fixed(score?.value, metric.digits)}</b>${" "}
        <span class="quiet">${score ? intervalText(score, metric.digits) : ""}</span></td>`)}
        ${scores.slice(1).map((score) => html`<td class="numeric">${score && scores[0]
          ? signed(scores[0].value - score.value, metric.digits) : "–"}</td>`)}</tr>`;
    })}
    ${facts.map(([name, of]) => html`<tr><th scope="row">${name}</th>${rows.map((row) => html`<td
      class="numeric">${of(row)}</td>`)}${rows.slice(1).map(() => html`<td></td>`)}</tr>`)}
    </tbody></table></div>
    <${Command} label="In a terminal, by class and sample" text=${`bench compare ${rows.map((row) => row.run).join(" ")} --task ${board.task.name}`} />
  </section>`;
}

