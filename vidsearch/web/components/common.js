// What the components share; put in front of each when they are loaded.

/** An element with properties, attributes (names with a dash, or `role`) and children. Text is never markup. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A picture may begin this much before the time that it stands for: 5.97 s is 0:06, as in the frames' times. */
const PICTURE_SECONDS = 0.05;

/** m:ss, or h:mm:ss from an hour on. */
function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + PICTURE_SECONDS));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Whether the person is writing into the field that an event comes from. */
function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement
    && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)
      && !["checkbox", "radio", "button", "range"].includes(target.type));
}

const movesLittle = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Videos that were dropped or chosen, and their way to the server: they outlive the page that shows them. */
const shelf = (window.vidsearchShelf ??= {
  entries: [], passedOver: "", isSending: false, outcome: null, changed: () => {}, suffixes: [], maxFiles: Infinity,
  setLimits({ suffixes, maxFiles }) { Object.assign(this, { suffixes, maxFiles }); },
  isVideo(file) { return this.suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix)); },
  add(files) {
    if (this.isSending) return;
    const videos = files.filter((file) => this.isVideo(file));
    const room = this.maxFiles - this.entries.length;
    this.entries.push(...videos.slice(0, room).map((file) => ({ file, share: 0 })));
    const others = files.filter((file) => !this.isVideo(file)).map((file) => file.name);
    this.passedOver = [
      others.length && `Not videos, passed over: ${others.slice(0, 5).join(", ")}${others.length > 5 ? " ..." : ""}.`,
      videos.length > room && `Only ${this.maxFiles} at once: ${videos.length - room} were left out.`,
    ].filter(Boolean).join(" ");
    this.changed();
  },
});
