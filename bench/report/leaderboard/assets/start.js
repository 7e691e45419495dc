// What ties the views to the page and to the address.

const sections = new Map(
  [...document.querySelectorAll("main > section.task")].map((section) => [section.dataset.task, section]),
);
const home = document.getElementById("overview");
const views = {
  encoders: { home: document.getElementById("encoders"), title: "Encoders", draw: () => html`<${EncodersView} />` },
  across: { home: document.getElementById("across"), title: "Across tasks", draw: () => html`<${AcrossView} />` },
};
let mounted = null;

update = () => {
  chooseTheme();
  const task = tasks.find((each) => each.name === view.task);
  const section = task && sections.get(task.name);
  const chosen = !section && Object.hasOwn(views, view.view) ? views[view.view] : null;
  const active = section ?? chosen?.home ?? home;
  const target = section ? section.querySelector(".mount") : active;
  if (mounted && mounted !== target) render(null, mounted);
  mounted = target;
  for (const other of [home, ...Object.values(views).map((each) => each.home), ...sections.values()]) {
    other.classList.toggle("active", other === active);
  }
  document.documentElement.classList.toggle("elsewhere", active !== home);
  document.getElementById("to-encoders").hidden = !page.encoders.length;
  document.getElementById("to-across").hidden = !page.across.official.length && !page.across.sample.length;
  const at = section || view.view === "submit" ? "" : chosen ? view.view : "tasks";
  for (const link of document.querySelectorAll("header.top nav a")) {
    if (link.dataset.view === at) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = section ? `${task.title} – rs-bench` : chosen ? `${chosen.title} – rs-bench` : "rs-bench leaderboard";
  render(section ? html`<${TaskView} key=${task.name} task=${task} />` : chosen ? chosen.draw() : html`<${Overview} />`, target);
};

// A link to the lines that submit a model: they are on the first screen.
function showSubmit() {
  const place = document.getElementById("submit");
  place.scrollIntoView({ block: "nearest" });
  place.focus({ preventScroll: true });
}

const copy = document.getElementById("copy-submit");
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
  copy.textContent = "Copied";
});

for (const event of ["hashchange", "popstate"]) {
  window.addEventListener(event, () => { readAddress(); update(); });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", chooseTheme);
document.getElementById("theme").addEventListener("click", () => go({ theme: chooseTheme() ? "light" : "dark" }));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
for (const link of document.querySelectorAll("header.top [data-view]")) {
  const wanted = link.dataset.view === "tasks" ? {} : { view: link.dataset.view };
  link.addEventListener("click", (event) => {
    follow(wanted).onClick(event);
    if (event.defaultPrevented && wanted.view === "submit") showSubmit();
  });
}

readAddress();
openData().then(() => { update(); if (view.view === "submit") showSubmit(); }, (error) => {
  home.classList.add("active");
  home.textContent = `This browser can't open the results (${error}); bench results prints them in a terminal.`;
});
