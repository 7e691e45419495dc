// Published numbers: beside the entry that reruns the same model, else folded under their source.

const plainName = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "");

// The end of a name that says what the model is fed, such as -s1s2.
const FED = /[-_](s1s2|s1|s2|rgb|ms|aerial|spot)$/;

// The inputs of predictions that were made elsewhere.
const UNDECLARED = "not declared";

function isSameModel(published, row) {
  const name = plainName(published.entry);
  const same = [row.entry, row.entry.replace(FED, "")].some((each) => plainName(each) === name);
  return same && (!published.inputs || row.inputs === UNDECLARED || published.inputs === row.inputs);
}

// Of each ranked row the published numbers of the same model; the others by source.
function publishedOf(board) {
  if (board.published) return board.published;
  const rows = rowsOf(board);
  const beside = new Map();
  const sources = new Map();
  const ranked = rows.filter((row) => row.status === "ranked");
  for (const row of rows.filter((each) => each.status === "reported")) {
    const own = ranked.find((each) => isSameModel(row, each));
    if (own) beside.set(own.key, [...(beside.get(own.key) ?? []), row]);
    else {
      const source = word(row.source.source);
      sources.set(source, [...(sources.get(source) ?? []), row]);
    }
  }
  const better = (a, b) => (board.task.lower ? a.score.value - b.score.value : b.score.value - a.score.value);
  for (const group of sources.values()) group.sort(better);
  board.published = { beside, sources: [...sources.values()] };
  return board.published;
}

// A published number has no digits that its source doesn't have.
const publishedText = (row) => {
  const text = String(row.source.value);
  const given = text.includes(".") ? text.length - text.indexOf(".") - 1 : 0;
  return fixed(row.source.value, Math.min(given, row.digits));
};

// What is said of the published numbers beside the entry that reruns their model.
function Beside({ row }) {
  const found = publishedOf(row.board).beside.get(row.key);
  return found ? html`<span class="under always published">published ${found.map((each, index) => html`${index > 0 && ", "}<a
    ...${opening(each)}>${publishedText(each)}</a> <span class="quiet">${word(each.source.cite)}${word(each.source.differs)
      && html` <span title=${word(each.source.differs)}>(differs)</span>`}</span>`)}</span>` : null;
}

function PublishedLine({ row, columns, extent }) {
  const { source } = row;
  const differs = word(source.differs);
  const doubt = word(source.doubt);
  return html`<tr class="reported">${columns.map(({ id }) => {
    if (id === "entry") {
      return html`<th scope="row" class="c-entry"><a ...${opening(row)}>${row.entry}</a>
        ${differs && html` <span class="badge" title=${differs}>differs</span>`}
        ${doubt && html` <span class="badge doubt" title=${doubt}>in doubt</span>`}
        <span class="under always">${[row.inputs, word(source.setting), row.parameters && `${short(row.parameters)} parameters`,
          word(source.place)].filter(Boolean).join(" · ")}</span></th>`;
    }
    if (id === "score") return html`<td class="c-score numeric">${publishedText(row)}</td>`;
    if (id === "interval") return html`<td class="c-interval">${cells.interval(row, { extent })}</td>`;
    if (id === "parameters") return html`<td class="c-parameters numeric">${row.parameters ? short(row.parameters) : ""}</td>`;
    return html`<td class="c-${id}">${["inputs", "trust"].includes(id) ? row[id] : ""}</td>`;
  })}</tr>`;
}

function LeftOut({ source }) {
  const missing = word(source.missing);
  return missing ? html`<span class="under always quiet">Not shown: ${missing}</span>` : null;
}

// All that isn't beside an entry: one line that unfolds, then a heading for each source.
function PublishedRows({ board, columns, extent, open, search }) {
  const matching = (row) => !search || search.toLowerCase().split(/\s+/).every((part) =>
    [row.entry, row.inputs, word(row.source.source)].join(" ").toLowerCase().includes(part));
  const sources = publishedOf(board).sources.map((group) => group.filter(matching)).filter((group) => group.length);
  const count = d3.sum(sources, (group) => group.length);
  if (!count) return null;
  const whole = rowsOf(board).every((row) => row.status !== "reported" || row.source.best);
  const some = sources.flat().slice(0, 3).map((row) => `${row.entry} ${publishedText(row)}`).join(", ");
  return html`<tbody class="published-rows"><tr class="fold"><th colspan=${columns.length} scope="rowgroup">
      <button type="button" aria-expanded=${open ? "true" : "false"}
        onClick=${() => go({ published: open === !board.ranked ? (open ? "0" : "1") : "" })}><span aria-hidden="true">${open ? "▾" : "▸"}</span>
        ${" "}Published elsewhere (${count})</button>
      <span class="quiet"> ${!open && `${some}${count > 3 ? " … " : "; "}`}other protocols: never ranked${!whole && "; sources leave some out: the best is the best of those shown"}</span></th></tr>
    ${open && sources.map((group) => html`<tr class="source" key=${group[0].key}><th colspan=${columns.length} scope="colgroup"><span
      class="source-text"><${External} url=${word(group[0].source.url)}>${word(group[0].source.source)}<//></span>
      <${LeftOut} source=${group[0].source} /></th></tr>
      ${group.map((row) => html`<${PublishedLine} key=${row.key} row=${row} columns=${columns} extent=${extent} />`)}`)}
  </tbody>`;
}

// Where nothing is ranked, published numbers are all there is to see.
const isUnfolded = (board) => (view.published ? view.published === "1" : !board.ranked);

// So many related numbers stand open.
const FEW = 12;

// Numbers of experiments that are no task here, by source and experiment, each with why it is none.
function Related({ board }) {
  const count = board.related.length;
  if (!count) return null;
  const open = view.related ? view.related === "1" : count <= FEW;
  const groups = d3.groups(board.related, (row) => [row.source, row.experiment, row.why].join());
  return html`<details class="reported-list related" open=${open} onToggle=${(event) =>
    event.currentTarget.open !== open && go({ related: event.currentTarget.open ? "1" : "0" })}><summary>Related published
      numbers (${count}), of other experiments: never ranked, never the best published</summary>
    <div class="scroll" role="region" tabindex="0" aria-label="Related published numbers"><table>
    <thead><tr>${["Entry", "Metric", "Value", "Split", "Where", "In doubt"].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    ${open && groups.map(([key, rows]) => html`<tbody key=${key}><tr class="source"><th colspan="6" scope="rowgroup">
        <span class="source-text"><${External} url=${word(rows[0].url)}>${word(rows[0].source)}<//></span>
        <span class="under always">${word(rows[0].experiment)}: ${word(rows[0].why)}</span>
        <${LeftOut} source=${rows[0]} /></th></tr>
      ${rows.map((row) => html`<tr><th scope="row"><bdi>${word(row.entry)}</bdi> <span class="under always">${[word(row.inputs), word(row.setting)].filter(Boolean).join(" · ")}</span></th>
        <td>${word(row.named)} ${word(row.label)}</td><td class="numeric">${reportedValue(row)}</td><td>${word(row.split)}</td>
        <td>${word(row.place)}</td><td>${word(row.doubt) || "–"}</td></tr>`)}</tbody>`)}
    </table></div></details>`;
}
