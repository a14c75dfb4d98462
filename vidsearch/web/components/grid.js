// A grid of moments. The picture is the button; pointing at it, or Space on it, plays the moment's frames.

const FRAME_MILLISECONDS = 450;
const PATIENCE_MILLISECONDS = 180;

/** Plays a card's frames over its picture, with a line that shows how far into the moment they are. */
class Strip {
  constructor(card, image, line, time) {
    Object.assign(this, { card, image, line, time, timer: null, shown: -1 });
  }

  get isPlaying() { return this.timer !== null; }

  start(delay) {
    const frames = this.card.frames || [];
    if (this.isPlaying || frames.length < 2) return;
    for (const frame of frames) new Image().src = frame.picture;
    this.timer = setTimeout(() => this.next(), delay);
  }

  next() {
    const frames = this.card.frames;
    this.shown = (this.shown + 1) % frames.length;
    this.image.src = frames[this.shown].picture;
    this.time.textContent = frames[this.shown].time;
    this.line.style.width = `${(100 * (this.shown + 1)) / frames.length}%`;
    this.timer = setTimeout(() => this.next(), FRAME_MILLISECONDS);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.shown < 0) return;
    this.shown = -1;
    this.image.src = this.card.picture;
    this.time.textContent = this.card.time;
    this.line.style.width = "0";
  }
}

function cardElement(card, isOpen, open) {
  const image = element("img", { src: card.picture, alt: "", loading: "lazy", decoding: "async" });
  const line = element("span", { className: "vs-line", "aria-hidden": "true" });
  const time = element("span", { className: "vs-time" }, card.time);
  const strip = new Strip(card, image, line, time);
  const button = element(
    "button",
    {
      type: "button", className: "vs-picture", "aria-label": card.label,
      "aria-pressed": isOpen ? "true" : null,
      onclick: () => { strip.stop(); open(card.id); },
      onmouseenter: () => movesLittle() || strip.start(PATIENCE_MILLISECONDS),
      onmouseleave: () => strip.stop(),
      onfocus: () => button.matches(":focus-visible") && !movesLittle() && strip.start(PATIENCE_MILLISECONDS),
      onblur: () => strip.stop(),
    },
    image, line,
    element("span", { className: "vs-badge", "aria-hidden": "true" },
      time, card.length && element("span", { className: "vs-length" }, card.length)),
    card.mark && element("span", { className: "vs-mark", "aria-hidden": "true" }, card.mark),
  );
  // Space plays; a button would take it for a click.
  button.onkeydown = (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    if (strip.isPlaying) strip.stop(); else strip.start(0);
  };
  button.onkeyup = (event) => event.key === " " && event.preventDefault();
  const steps = (card.steps || []).map((step) => element(
    "button",
    { type: "button", className: "vs-step", "aria-label": step.label, onclick: () => open(step.id) },
    element("img", { src: step.picture, alt: "", loading: "lazy" }),
    element("span", { "aria-hidden": "true" }, step.time),
  ));
  return element(
    "li", { className: `vs-card${isOpen ? " vs-open" : ""}` },
    button,
    steps.length ? element("div", { className: "vs-steps" }, ...steps) : null,
    element("p", { className: "vs-head" },
      element("span", { className: "vs-name", title: card.name }, card.name),
      card.sure && element("span", { className: "vs-sure", title: "How sure this answer is" }, card.sure)),
    card.text && element("p", { className: "vs-text", title: card.text }, card.text),
    card.note && element("p", { className: "vs-note" }, card.note),
  );
}

/** Of the next row of buttons above (-1) or below (1) one, the nearest; rows may be of any length. */
function inNextRow(buttons, from, direction) {
  const here = from.getBoundingClientRect();
  const beyond = buttons.map((button) => ({ button, box: button.getBoundingClientRect() }))
    .filter(({ box }) => direction * (box.top - here.top) > 1);
  const next = Math.min(...beyond.map(({ box }) => direction * box.top));
  const row = beyond.filter(({ box }) => direction * box.top < next + 1);
  row.sort((one, other) => Math.abs(one.box.left - here.left) - Math.abs(other.box.left - here.left));
  return row[0]?.button;
}

/** Move the focus between cards by arrow keys, as they lie on the screen. */
function move(list, event) {
  const buttons = [...list.querySelectorAll(".vs-picture")];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = {
    ArrowLeft: () => buttons[at - 1], ArrowRight: () => buttons[at + 1],
    ArrowUp: () => inNextRow(buttons, buttons[at], -1), ArrowDown: () => inNextRow(buttons, buttons[at], 1),
    Home: () => buttons[0], End: () => buttons.at(-1),
  }[event.key]?.();
  if (!next || next === buttons[at]) return;
  event.preventDefault();
  next.focus();
  next.closest("li").scrollIntoView({ block: "nearest" });
}

// --- teaching: cards are picked for a name, or against it, instead of opened ---

const PICK_WORDS = { 1: "shows it", "-1": "is not it" };

/** What was picked in a grid, and the bar that names it. */
class Picking {
  constructor(parent) {
    this.picks = new Map();
    this.name = element("input", { type: "text", maxLength: 80, placeholder: "Its name",
      "aria-label": "What it is called" });
    this.names = element("datalist", { id: "vs-known-names" });
    this.name.setAttribute("list", "vs-known-names");
    this.count = element("span", { role: "status" });
    this.name.onkeydown = (event) => { if (event.key === "Enter") this.teach(); };
    this.bar = element("div", { className: "vs-pick-bar", role: "group", "aria-label": "Teach a name" },
      this.count, this.name, this.names,
      element("button", { type: "button", className: "vs-main", onclick: () => this.teach() }, "Teach"),
      element("button", { type: "button", onclick: () => this.send("cancel", true) }, "Cancel"));
    parent.prepend(this.bar);
  }

  show(given, send) {
    this.send = send;
    this.bar.hidden = !given;
    if (!given) { this.picks.clear(); this.name.value = ""; return; }
    this.names.replaceChildren(...given.names.map((name) => element("option", { value: name })));
    this.tell();
  }

  ids(kind) { return [...this.picks].filter(([, one]) => one === kind).map(([id]) => id); }

  /** Nothing, shows it, only looks like it, and again. */
  turn(id) {
    const next = { 0: 1, 1: -1, "-1": 0 }[this.picks.get(id) || 0];
    if (next) this.picks.set(id, next); else this.picks.delete(id);
    this.tell();
  }

  tell(problem = "") {
    const [shown, against] = [this.ids(1).length, this.ids(-1).length];
    const both = [`${shown} ${shown === 1 ? "shows" : "show"} it`,
      against && `${against} ${against === 1 ? "is" : "are"} not it`].filter(Boolean);
    this.count.textContent = problem || (shown || against ? both.join(", ")
      : "Click what shows it; click twice what only looks like it.");
  }

  teach() {
    if (!this.picks.size) { this.tell("Click at least one picture first."); return; }
    if (!this.name.value.trim()) { this.tell("Say what it is called."); this.name.focus(); return; }
    this.send("teach", { name: this.name.value, shown: this.ids(1), against: this.ids(-1) });
  }

  /** Show on a card what it is picked for. */
  mark(item, card) {
    const kind = this.picks.get(card.id) || 0;
    const button = item.querySelector(".vs-picture");
    item.classList.toggle("vs-shows", kind === 1);
    item.classList.toggle("vs-against", kind === -1);
    button.setAttribute("aria-pressed", String(kind !== 0));
    button.setAttribute("aria-label", `${card.label.replace(/^Open /, "Pick ")}${kind ? `: ${PICK_WORDS[kind]}` : ""}`);
    item.querySelector(".vs-picked")?.remove();
    if (kind) {
      button.append(element("span", { className: "vs-picked", "aria-hidden": "true" },
        kind === 1 ? "✓ shows it" : "✕ not it"));
    }
  }
}

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const before = parentElement.vidsearch || { open: null, list: null, picking: new Picking(parentElement) };
  const { picking } = before;
  const send = (name, value) => setTriggerValue(name, value);
  picking.show(data.teach, send);
  const choose = (card) => (id) => {
    if (!data.teach) { send("open", id); return; }
    picking.turn(card.id);
    picking.mark(items.get(card.id), card);
  };
  const focused = before.list && before.list.contains(document.activeElement)
    ? [...before.list.querySelectorAll(".vs-picture")].indexOf(document.activeElement) : -1;
  const list = element("ul", { className: `vs-grid vs-${data.size || "medium"}`, role: "list",
    "aria-label": data.label });
  const items = new Map(data.cards.map((card) => [card.id, cardElement(card, card.id === data.open, choose(card))]));
  for (const card of data.cards) {
    if (card.heading) list.append(element("li", { className: "vs-heading" }, element("h2", {}, card.heading)));
    list.append(items.get(card.id));
  }
  if (data.teach) data.cards.forEach((card) => picking.mark(items.get(card.id), card));
  list.onkeydown = (event) => move(list, event);
  if (before.list) before.list.replaceWith(list); else parentElement.append(list);
  parentElement.vidsearch = { open: data.open, list, picking };
  const buttons = [...list.querySelectorAll(".vs-picture")];
  const closed = before.open && !data.open && data.cards.findIndex((card) => card.id === before.open);
  if (closed !== null && closed !== false && closed >= 0) buttons[closed].focus();
  else if (focused >= 0 && !data.open) buttons[Math.min(focused, buttons.length - 1)]?.focus();
}
