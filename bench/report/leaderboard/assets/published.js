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
        <span class="under always">${[row.inputs, word(source.setting), word(source.place)].filter(Boolean).join(" · ")}</span></th>`;
    }
    if (id === "score") return html`<td class="c-score numeric">${publishedText(row)}</td>`;
    if (id === "interval") return html`<td class="c-interval">${cells.interval(row, { extent })}</td>`;
    return html`<td class="c-${id}">${["inputs", "trust"].includes(id) ? row[id] : ""}</td>`;
  })}</tr>`;
}

// All that isn't beside an entry: one line that unfolds, then a heading for each source.
function PublishedRows({ board, columns, extent, open, search }) {
  const matching = (row) => !search || search.toLowerCase().split(/\s+/).every((part) =>
    [row.entry, row.inputs, word(row.source.source)].join(" ").toLowerCase().includes(part));
  const sources = publishedOf(board).sources.map((group) => group.filter(matching)).filter((group) => group.length);
  const count = d3.sum(sources, (group) => group.length);
  if (!count) return null;
  const some = sources.flat().slice(0, 3).map((row) => `${row.entry} ${publishedText(row)}`).join(", ");
  return html`<tbody class="published-rows"><tr class="fold"><th colspan=${columns.length} scope="rowgroup">
      <button type="button" aria-expanded=${open ? "true" : "false"}
        onClick=${() => go({ published: open === !board.ranked ? (open ? "0" : "1") : "" })}><span aria-hidden="true">${open ? "▾" : "▸"}</span>
        ${" "}Published elsewhere (${count})</button>
      <span class="quiet"> ${!open && `${some}${count > 3 ? " … " : "; "}`}other protocols: never ranked</span></th></tr>
    ${open && sources.map((group) => html`<tr class="source" key=${group[0].key}><th colspan=${columns.length} scope="colgroup"><span
      class="source-text"><${External} url=${word(group[0].source.url)}>${word(group[0].source.source)}<//></span></th></tr>
      ${group.map((row) => html`<${PublishedLine} key=${row.key} row=${row} columns=${columns} extent=${extent} />`)}`)}
  </tbody>`;
}

// Where nothing is ranked, published numbers are all there is to see.
const isUnfolded = (board) => (view.published ? view.published === "1" : !board.ranked);
