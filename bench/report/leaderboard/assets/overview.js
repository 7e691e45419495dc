// All tasks: the cards of the first screen.

const Overview = () => html`<${Gallery} />`;
