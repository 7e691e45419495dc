// The whole view is in the address: what follows # is read, changed and written here only.

let view = {};
let update = () => {};

function readAddress() {
  view = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// Change parts of the view; an empty value removes a part. A step is one the back button undoes.
function go(changes, step = false) {
  view = Object.fromEntries(
    Object.entries({ ...view, ...changes }).filter(([, value]) => value !== "" && value !== null),
  );
  history[step ? "pushState" : "replaceState"](null, "", address(view));
  update();
}

function address(wanted) {
  const text = new URLSearchParams(wanted).toString();
  return text ? `#${text}` : "#";
}

// A link to a view that works as a link (copied, opened in a new tab) and without loading anew.
function follow(wanted) {
  const kept = view.theme ? { theme: view.theme, ...wanted } : wanted;
  return {
    href: address(kept),
    onClick(event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      view = {};
      go(kept, true);
      window.scrollTo(0, 0);
      document.getElementById("main").focus({ preventScroll: true });
    },
  };
}

// A link that opens one line of a table and leaves the rest of the view as it is.
function opening(row) {
  const { task, key } = row.board;
  return {
    href: address({ task: task.name, board: key, run: row.key }),
    onClick(event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go({ run: row.key }, true);
    },
  };
}

const list = (name) => (view[name] ? view[name].split(",") : []);

function sortingOf(name, usual) {
  const sort = view[name];
  if (!sort) return usual;
  return [sort.startsWith("-") ? { id: sort.slice(1), desc: true } : { id: sort, desc: false }];
}

function chooseTheme() {
  const root = document.documentElement;
  if (view.theme === "dark" || view.theme === "light") root.dataset.theme = view.theme;
  else delete root.dataset.theme;
  const dark = view.theme
    ? view.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.getElementById("theme");
  button.textContent = dark ? "Light" : "Dark";
  button.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  return dark;
}
