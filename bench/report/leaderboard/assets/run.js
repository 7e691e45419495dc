// A run: its pictures, where it went wrong, how it learnt, and the way to make it again.

// A command to copy.
function Command({ label, text }) {
  return html`<div class="command"><span class="quiet">${label}</span><pre><code>${text}</code></pre><${CopyButton} text=${text} /></div>`;
}

const quoted = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// The command that makes a run of this entry again.
function reproduced(row, board, facts) {
  const track = board.track === "unverified" ? "official" : board.track;
  const words = ["bench run", "--task", quoted(board.task.name)];
  if (facts.source.startsWith("hf:")) words.push("--model", quoted(facts.source));
  else if (row.encoder && row.method) {
    words.push("--model", quoted(row.encoder.name), "--method", quoted(row.method));
    if (row.encoder.given) words.push("--input", quoted(row.encoder.given));
  } else words.push("--model", quoted(row.entry));
  words.push("--track", track, "--seed", String(row.seed));
  return words.join(" ");
}

function RunSheet({ row, board }) {
  const facts = factsOf(row);
  return html`
    <p class="lead"><b>${fixed(row.score?.value, row.digits)}</b>${" "}
      ${intervalText(row.score, row.digits)}${" "}
      <span class="quiet">${board.task.label}${board.task.unit && ` in ${board.task.unit}`}, 95 % interval, n = ${whole(row.samples)},
      ${" "}${board.track} track, ${row.division} division, ${row.trust}</span></p>
    <p>${placeText(row, board)}${facts.pinned && html` <${External} url=${facts.pinned}>On the Hugging Face Hub<//>`}</p>
    <${Pictures} pictures=${facts.pictures} row=${row} />
    ${row.trust === "rerun" && html`<${Command} label="Run it again" text=${reproduced(row, board, facts)} />`}
    <${Command} label="Score what it observed again" text=${`bench score ${row.run}`} />
    <${Worst} row=${row} board=${board} />
    <${LearningCurve} row=${row} board=${board} />
    <h4>Manifest</h4>
    <${Facts} row=${row} board=${board} facts=${facts} />
    <${AllScores} row=${row} board=${board} />`;
}

const pictureAddress = ([, type, image]) => `data:image/${type};base64,${image}`;
const saysPicture = ([title], row) => `${title}: what ${row.entry} predicted, beside the reference where there is one`;

// All pictures of a run; one opens large, and the address says which.
function Pictures({ pictures, row }) {
  if (!pictures.length) return null;
  const opened = view.picture === undefined ? null : pictures[Number(view.picture)];
  return html`<ul class="strip-of-pictures" aria-label="Pictures of this run">${pictures.map((picture, index) => html`<li key=${picture[0]}>
      <button type="button" onClick=${() => go({ picture: String(index) }, true)}>${h("img", { src: pictureAddress(picture), alt: saysPicture(picture, row) })}
      <span class="quiet">${picture[0]}</span></button></li>`)}</ul>
    ${opened && html`<${Lightbox} pictures=${pictures} index=${Number(view.picture)} row=${row} />`}`;
}

class Lightbox extends Component {
  constructor() {
    super();
    this.dialog = createRef();
  }

  componentDidMount() {
    // The dialog around it opens after this: what opens last lies on top.
    queueMicrotask(() => this.dialog.current?.showModal());
  }

  render({ pictures, index, row }) {
    const close = () => go({ picture: "" });
    const show = (step) => go({ picture: String((index + step + pictures.length) % pictures.length) });
    const onKey = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) show(step);
    };
    // Closing this one is no reason for the dialog around it to close.
    const onClose = (event) => { event.stopPropagation(); close(); };
    return html`<dialog ref=${this.dialog} class="lightbox" aria-label=${pictures[index][0]} onClose=${onClose} onKeyDown=${onKey}
        onClick=${(event) => { event.stopPropagation(); if (event.target === this.dialog.current) close(); }}>
      <figure>${h("img", { src: pictureAddress(pictures[index]), alt: saysPicture(pictures[index], row) })}
      <figcaption><span>${pictures[index][0]} <span class="quiet">${index + 1} of ${pictures.length}; panels of one picture share their scale</span></span>
        <span class="chart-tools"><button type="button" aria-label="Previous picture" onClick=${() => show(-1)}>←</button>
        <button type="button" aria-label="Next picture" onClick=${() => show(1)}>→</button>
        <button type="button" onClick=${close}>Close picture</button></span></figcaption></figure>
    </dialog>`;
  }
}

// The samples that it got most wrong.
function Worst({ row, board }) {
  const { worst, sample_score: about } = board.columns.observed;
  const found = worst?.[row.index];
  if (!found?.length) return null;
  return html`<h4>Samples it got most wrong</h4>
    <p class="quiet note">By the score of each sample: ${word(about)}; higher is better.</p>
    <ol class="worst">${found.map(([name, score]) => html`<li><bdi>${word(name)}</bdi> <b>${shortScore(score)}</b></li>`)}</ol>`;
}
