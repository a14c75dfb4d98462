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

/** Move the focus between cards by arrow keys, as they lie on the screen. */
function move(list, event) {
  const buttons = [...list.querySelectorAll(".vs-picture")];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) return;
  const top = buttons[at].offsetTop;
  const columns = Math.max(1, buttons.filter((one) => one.offsetTop === buttons[0].offsetTop).length);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    Home: -at, End: buttons.length - 1 - at }[event.key];
  if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = buttons[Math.min(buttons.length - 1, Math.max(0, at + step))];
  if (next === buttons[at] || (event.key === "ArrowUp" && next.offsetTop === top)) return;
  event.preventDefault();
  next.focus();
  next.closest("li").scrollIntoView({ block: "nearest" });
}

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const before = parentElement.vidsearch || { open: null, list: null };
  const open = (id) => setTriggerValue("open", id);
  const focused = before.list && before.list.contains(document.activeElement)
    ? [...before.list.querySelectorAll(".vs-picture")].indexOf(document.activeElement) : -1;
  const list = element("ul", { className: `vs-grid vs-${data.size || "medium"}`, role: "list",
    "aria-label": data.label });
  list.append(...data.cards.map((card) => cardElement(card, card.id === data.open, open)));
  list.onkeydown = (event) => move(list, event);
  if (before.list) before.list.replaceWith(list); else parentElement.append(list);
  parentElement.vidsearch = { open: data.open, list };
  const buttons = [...list.querySelectorAll(".vs-picture")];
  const closed = before.open && !data.open && data.cards.findIndex((card) => card.id === before.open);
  if (closed !== null && closed !== false && closed >= 0) buttons[closed].focus();
  else if (focused >= 0 && !data.open) buttons[Math.min(focused, buttons.length - 1)]?.focus();
}
