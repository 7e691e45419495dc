// What ties the views to the page and to the address.

const sections = new Map(
  [...document.querySelectorAll("main > section.task")].map((section) => [section.dataset.task, section]),
);
const home = document.getElementById("overview");
const encodersHome = document.getElementById("encoders");
let mounted = null;

update = () => {
  chooseTheme();
  const task = tasks.find((each) => each.name === view.task);
  const section = task && sections.get(task.name);
  const matrix = !section && view.view === "encoders";
  const active = section ?? (matrix ? encodersHome : home);
  const target = section ? section.querySelector(".mount") : active;
  if (mounted && mounted !== target) render(null, mounted);
  mounted = target;
  for (const other of [home, encodersHome, ...sections.values()]) other.classList.toggle("active", other === active);
  document.getElementById("all").hidden = active === home;
  const link = document.getElementById("to-encoders");
  link.hidden = !page.encoders.length;
  if (matrix) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  document.title = section ? `${task.title} – rs-bench` : matrix ? "Encoders – rs-bench" : "rs-bench leaderboard";
  render(section ? html`<${TaskView} key=${task.name} task=${task} />`
    : matrix ? html`<${EncodersView} />` : html`<${Overview} />`, target);
};

for (const event of ["hashchange", "popstate"]) {
  window.addEventListener(event, () => { readAddress(); update(); });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", chooseTheme);
document.getElementById("theme").addEventListener("click", () => go({ theme: chooseTheme() ? "light" : "dark" }));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
document.getElementById("to-encoders").addEventListener("click", (event) => follow({ view: "encoders" }).onClick(event));
for (const link of document.querySelectorAll("a[data-home]")) {
  link.addEventListener("click", (event) => follow({}).onClick(event));
}

readAddress();
openData().then(update, (error) => {
  home.classList.add("active");
  home.textContent = `This browser can't open the results (${error}); bench results prints them in a terminal.`;
});
