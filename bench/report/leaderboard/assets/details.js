// What stands behind a number, and the way back to it: a run, or a publication.

class Opened extends Component {
  constructor() {
    super();
    this.dialog = createRef();
  }

  componentDidMount() {
    this.dialog.current.showModal();
  }

  render({ row, board }) {
    const close = () => go({ run: "", on: "", picture: "" });
    return html`<dialog ref=${this.dialog} onClose=${close} aria-labelledby="opened"
        onClick=${(event) => event.target === this.dialog.current && close()}>
      <div class="sheet">
        <header><h3 id="opened"><bdi>${row.entry}</bdi></h3>
          <button type="button" onClick=${close}>Close</button></header>
        ${row.status === "reported"
          ? html`<${Publication} row=${row} board=${board} />`
          : html`<${RunSheet} row=${row} board=${board} />`}
      </div>
    </dialog>`;
  }
}

const reportedValue = ({ value, spread }) => `${value}${spread === null ? "" : ` ± ${spread}`}`;

function Publication({ row, board }) {
  const { source } = row;
  const lines = [
    ["Source", html`<${External} url=${word(source.url)}>${word(source.source)}<//>`],
    ["Where", word(source.place)],
    ["Setting", word(source.setting)],
    ["Inputs", row.inputs],
    ["Split", word(source.split)],
    ["What differs", word(source.differs) || "nothing that is known"],
    ["In doubt", word(source.doubt)],
    ["Parameters", row.parameters && short(row.parameters)],
    ["Not shown of its source", word(source.missing)],
  ];
  return html`
    <p class="lead"><b>${reportedValue(source)}</b>${" "}
      <span class="quiet">${board.task.label}, trust level ${row.trust}${source.spread === null
        ? ", no interval" : ", ± standard deviation over seeds"}</span></p>
    <p>A publication's number: nobody ran or scored it here, so it is never ranked.</p>
    <dl class="facts">${lines.filter(([, value]) => value).map(([name, value]) => html`<div key=${name}>
      <dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

const WHY = {
  partial: "A partial run: it was scored on a part of the split and is never ranked.",
  altered: "Its folder isn't as it was when the run was scored, so it isn't ranked.",
  "label subset": "It learnt from a part of the training samples, so it isn't ranked: the label curves of its task show it.",
  degraded: "Its images were degraded on purpose, so it is never ranked.",
  "no score": "Its primary metric is undefined, so it isn't ranked.",
};

function placeText(row, board) {
  if (row.status !== "ranked") return WHY[row.why.split(":")[0]];
  const open = row.best === row.worst
    ? "its interval leaves no other rank open"
    : `its interval leaves ranks ${row.best} to ${row.worst} open`;
  return `Rank ${row.rank} of ${board.ranked}, tier ${row.tier}; ${open}.`;
}

function Facts({ row, board, facts }) {
  const lines = [
    ["Run", html`<code>${row.run}</code>`],
    ["Manifest", html`<code>results/runs/${row.run}/run.json</code>, observations beside it`],
    ["Title", facts.title],
    ["Authors", facts.authors],
    ["Address", facts.url && html`<${External} url=${facts.url}>${facts.url}<//>`],
    ["Fetched from", facts.source && html`<${External} url=${facts.pinned}>${facts.source}<//>`],
    ["Licence", facts.licence],
    ["Note", facts.note],
    ["Architecture", facts.architecture],
    ["Entry digest, weights", html`<code>${facts.entryDigest}</code>, <code>${facts.weights || "–"}</code>`],
    ...learntLines(row, board, facts),
    ["Inputs", row.inputs],
    ["Parameters, MACs", `${whole(row.parameters)}, ${short(row.macs)}`],
    ["Speed", `${short(row.speed)} samples/s, ${short(facts.latency)} ms for one`],
    ["Peak memory", facts.memory === null ? "–" : `${short(facts.memory)}B`],
    ["Embedding", facts.embedding],
    ["Device, precision", `${facts.device}, ${facts.precision}`],
    ["Machine", [facts.processor, facts.accelerator].filter(Boolean).join("; ")],
    ["Harness, torch", `${facts.harness}, ${facts.torch || "–"}`],
    ["Seed", row.seed],
    ["Started, took", `${row.date} (UTC), ${short(facts.seconds)} s`],
    ["Task digest", html`<code>${board.digest}</code>, version ${board.version}`],
    ["Split checked by", facts.checked],
    ["Samples, data", html`<code>${facts.ids}</code>, <code>${facts.data}</code> (${facts.layout || "layout unknown"})`],
    [row.status === "subset" ? "Other draws of this size" : "Other runs of it", facts.others.length > 0 && html`<ul class="plain">${facts.others.map(([run, seed]) =>
      html`<li><code>${run}</code> (seed ${seed})</li>`)}</ul>
      ${row.status !== "subset" && html`<span class="quiet">Of several trainings the median run stands on the board; of one model, the newest.</span>`}`],
  ];
  return html`<dl class="facts">${lines
    .filter(([, value]) => value || value === 0)
    .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

// Of an encoder under a method: its weights, what it is fed, and what its head learnt from.
function learntLines({ encoder, method, saw }, board, facts) {
  const known = facts.searched.map(([, value]) => value).filter((value) => value !== null);
  const best = board.task.lower ? d3.min(known) : d3.max(known);
  const learnt = facts.learnt ? `${plural(facts.learnt, "sample")} (${facts.labels.replace("%", " %").replace("-draw", ", draw ") || "all"})` : "";
  return [
    ["Encoder", encoder && html`${encoder.name}${!encoder.sha256 && html` <span class="badge">random weights</span>`}`],
    ["Its weights", encoder?.sha256 && html`${encoder.source}, SHA-256 <code>${encoder.sha256}</code>`],
    ["Pretrained on", encoder && html`${encoder.pretraining.join("; ") || (encoder.sha256 ? "not declared" : "nothing")}
      ${saw && html` <span class="badge doubt wraps">includes the scored split</span>`}`],
    ["Normalised by", encoder && `the ${NORMALISED[encoder.normalisation]}`],
    ["Fed with", encoder && fedText(encoder)],
    ["Channels", encoder && (encoder.channels.length
      ? encoder.channels.map(([channel, band]) => `${channel} → ${band}`).join(", ")
      : "one for each band, in that order")],
    ["Bands not seen", encoder && (encoder.unseen.join(" ") || "none")],
    ["Method", method],
    ["Settings tried", facts.searched.length > 0 && html`<ul class="plain">${facts.searched.map(([setting, value]) => html`<li>
      ${setting}: ${value !== null && value === best ? html`<b>${value}</b>` : value ?? "–"}</li>`)}</ul>
      <span class="quiet">${board.task.label} on the validation split, the best in bold</span>`],
    ["Learnt from", learnt && html`${learnt}, fingerprint <code>${facts.learntIds}</code>`],
    ["Training data", method && facts.learntData && html`fingerprint of training and validation samples <code>${facts.learntData}</code>`],
  ];
}

function AllScores({ row, board }) {
  const scores = scoresOf(board)
    .map((score) => ({ ...score, found: number(score.column, row.index) }))
    .filter((score) => score.found && !score.slice && !score.label);
  if (!scores.length) {
    const { depth } = board.columns;
    return depth > row.index ? null : html`<p class="quiet">This page carries further scores of the
      first ${depth} rows only; <code>bench results --json</code> has them all.</p>`;
  }
  return html`<table class="plain-table"><caption>Other metrics, with 95 % intervals</caption><tbody>
    ${scores.map((score) => html`<tr key=${score.id}><th scope="row">${score.title}</th>
      <td class="numeric"><b>${fixed(score.found.value, score.digits)}</b></td>
      <td class="quiet">${intervalText(score.found, score.digits)}</td></tr>`)}
  </tbody></table>`;
}

const signed = (value, digits) => (value > 0 ? "+" : "") + fixed(value, digits);
