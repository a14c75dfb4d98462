// A moment: its video, where else in the video the query fits, what is said and seen, and its frames.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 56;
const SEEK_SECONDS = 5;

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Puts the video's own file, or converted parts of it, behind one clock that counts the whole video. */
class Source {
  constructor(video, data) {
    Object.assign(this, { video, data, begin: 0, wanted: null });
    video.addEventListener("loadedmetadata", () => {
      if (this.wanted !== null) video.currentTime = Math.max(0, this.wanted - this.begin);
      this.wanted = null;
    });
  }

  get time() { return this.wanted ?? this.begin + this.video.currentTime; }

  partFor(time) {
    const half = this.data.previewSeconds / 2;
    return Math.max(0, Math.floor((time - 1) / half) * half);
  }

  seek(time) {
    const { video, data } = this;
    if (data.file) {
      if (!video.src) video.src = data.file;
    } else if (!video.src || time < this.begin || time >= this.begin + data.previewSeconds - 0.5) {
      const wasPlaying = Boolean(video.src) && !video.paused;
      this.begin = this.partFor(time);
      this.wanted = time;
      video.src = `${data.preview}${this.begin}`;
      if (wasPlaying) video.play().catch(() => {});
    }
    if (video.readyState >= 1 && this.wanted === null) video.currentTime = Math.max(0, time - this.begin);
    else this.wanted = time;
  }
}

class Player {
  constructor(parent, data, send) {
    Object.assign(this, { parent, data, send, playsOn: false });
    this.build();
    this.source.seek(data.start);
  }

  build() {
    const { data } = this;
    this.video = element("video", { controls: true, preload: "metadata", poster: data.poster, playsInline: true,
      "aria-label": data.name });
    this.heat = element("img", { className: "vs-heat", alt: "Where the picture matches the query", hidden: true });
    this.source = new Source(this.video, data);
    this.playButton = element("button", { type: "button", className: "vs-action vs-main",
      onclick: () => this.toggle() }, "Play the moment");
    const on = element("input", { type: "checkbox", onchange: () => { this.playsOn = on.checked; } });
    this.heatButton = data.heat && element("button", { type: "button", className: "vs-action", "aria-pressed": "false",
      onclick: () => this.showHeat(this.heat.hidden) }, "Where it matches");
    this.said = element("span", { className: "vs-status", role: "status" });
    this.copyButton = element("button", { type: "button", className: "vs-action", "aria-live": "polite",
      onclick: () => this.copyLink() }, "Copy link");
    this.root = element("section", { className: "vs-moment", tabIndex: -1, "aria-label": `Moment: ${data.name}` },
      element("div", { className: "vs-title" },
        data.closes && element("h3", {}, data.name), element("span", {}, data.span),
        this.copyButton,
        data.closes && element("button", { type: "button", className: "vs-action", "aria-label": "Close the moment",
          onclick: () => this.send("close", true) }, "Close")),
      data.problem ? element("p", { className: "vs-problem" }, data.problem)
        : element("div", { className: "vs-screen" }, this.video, this.heat),
      data.problem ? null : element("div", { className: "vs-actions" }, this.playButton,
        element("label", { className: "vs-switch" }, on, "Keep playing"), this.heatButton, this.said),
      this.buildTimeline(), this.buildLanes(), this.buildLines(), this.buildFrames());
    this.video.ontimeupdate = () => this.follow();
    this.video.onplay = () => { this.showHeat(false); this.label(); };
    this.video.onpause = () => this.label();
    this.video.onended = () => this.source.time < data.duration - 1 && this.playsOn && this.source.seek(this.source.time);
    this.root.onkeydown = (event) => this.onKey(event);
    this.parent.append(this.root);
  }

  // --- playing: the moment, then on only if asked ---

  toggle() {
    if (!this.video.paused) { this.video.pause(); return; }
    const { start, end } = this.data;
    if (this.source.time < start - 0.05 || this.source.time >= end - 0.05) this.source.seek(start);
    this.stopsAt = end;
    this.video.play().catch(() => {});
  }

  go(time) {
    this.stopsAt = null;
    this.showHeat(false);
    this.source.seek(time);
    this.follow(time);
  }

  label() { this.playButton.textContent = this.video.paused ? "Play the moment" : "Pause"; }

  follow(time = this.source.time) {
    if (this.stopsAt && !this.playsOn && time >= this.stopsAt) {
      this.stopsAt = null;
      this.video.pause();
    }
    const share = Math.min(1, time / Math.max(0.001, this.data.duration));
    this.lanes.style.setProperty("--vs-now", `${100 * share}%`);
    this.head.setAttribute("x1", share * WIDTH);
    this.head.setAttribute("x2", share * WIDTH);
    this.timeline.setAttribute("aria-valuenow", time.toFixed(1));
    this.timeline.setAttribute("aria-valuetext", clock(time));
    this.now.textContent = `now ${clock(time)}`;
    let current = null;
    const seen = time + PICTURE_SECONDS;
    this.lines.forEach(({ line, button }) => {
      if (seen >= line.start && seen < line.end) { button.setAttribute("aria-current", "true"); current = button; }
      else button.removeAttribute("aria-current");
    });
    this.spans.forEach(({ span, button }) => {
      if (seen >= span.start && seen < span.end) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    if (current && current !== this.current) {
      this.current = current;
      const box = this.list;
      const [top, bottom] = [current.offsetTop, current.offsetTop + current.offsetHeight];
      if (top < box.scrollTop || bottom > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
    }
  }

  showHeat(isShown) {
    if (!this.data.heat || this.heat.hidden === !isShown) return;
    if (!isShown) this.heat.hidden = true;
    else {
      this.video.pause();
      this.go(this.data.at);
      this.said.textContent = "Looking…";
      this.heat.onload = () => { this.said.textContent = ""; };
      this.heat.onerror = () => {
        this.said.textContent = "This library’s models cannot say where.";
        this.showHeat(false);
      };
      this.heat.src = this.data.heat;
      this.heat.hidden = false;
    }
    this.heatButton.setAttribute("aria-pressed", String(isShown));
  }

  copyLink() {
    const address = new URL(this.data.link, location.origin).href;
    const tell = (text) => {
      this.copyButton.textContent = text;
      setTimeout(() => { this.copyButton.textContent = "Copy link"; }, 2500);
    };
    if (!navigator.clipboard) { prompt("Copy this link:", address); return; }
    navigator.clipboard.writeText(address).then(() => tell("Link copied"), () => prompt("Copy this link:", address));
  }

  onKey(event) {
    if (event.key !== " " || isTyping(event) || event.target.closest("button, input, video, label")) return;
    event.preventDefault();
    this.toggle();
  }

  // --- where in the whole video the query fits ---

  buildTimeline() {
    const { data } = this;
    const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const x = (time) => (WIDTH * Math.min(time, data.duration)) / Math.max(0.001, data.duration);
    for (const moment of [...data.moments, { id: data.moment, start: data.start, end: data.end }]) {
      picture.append(drawn("rect", { class: moment.id === data.moment ? "vs-here" : "vs-other", x: x(moment.start), y: 0,
        width: Math.max(3, x(moment.end) - x(moment.start)), height: HEIGHT }));
    }
    if (data.curve.length > 1) {
      const held = [...data.curve, [data.duration, data.curve.at(-1)[1]]];
      const points = held.map(([time, value]) => `${x(time).toFixed(1)},${(HEIGHT - 3 - value * (HEIGHT - 8)).toFixed(1)}`);
      picture.append(drawn("polygon", { class: "vs-area", points: `0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}` }));
      picture.append(drawn("polyline", { class: "vs-curve", points: points.join(" ") }));
    }
    for (const chapter of data.chapters) {
      const mark = drawn("line", { class: "vs-chapter", x1: x(chapter.start), x2: x(chapter.start), y1: 0, y2: HEIGHT });
      mark.append(drawn("title", {}));
      mark.firstChild.textContent = `${clock(chapter.start)} ${chapter.text}`;
      picture.append(mark);
    }
    this.head = drawn("line", { class: "vs-head-line", x1: 0, x2: 0, y1: 0, y2: HEIGHT });
    picture.append(this.head);
    this.now = element("span", {}, `now ${clock(data.start)}`);
    this.timeline = element("div", { className: "vs-timeline", role: "slider", tabIndex: 0, "aria-valuemin": "0",
      "aria-valuemax": data.duration.toFixed(1), "aria-valuenow": data.start.toFixed(1),
      "aria-valuetext": clock(data.start), "aria-label": "Time in the video" }, picture);
    const at = (event) => {
      const box = this.timeline.getBoundingClientRect();
      this.go(data.duration * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    };
    this.timeline.onpointerdown = (event) => { this.timeline.setPointerCapture(event.pointerId); at(event); };
    this.timeline.onpointermove = (event) => event.buttons && at(event);
    this.timeline.onkeydown = (event) => {
      const step = { ArrowLeft: -SEEK_SECONDS, ArrowRight: SEEK_SECONDS, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.go(Math.min(Math.max(0, this.source.time + step), Math.max(0, data.duration - 0.1)));
    };
    return element("div", { className: "vs-timebox" }, this.timeline,
      element("p", { className: "vs-scale" }, this.now,
        element("span", {}, data.curve.length > 1 ? "how well each part matches" : ""), element("span", {}, clock(Math.round(data.duration)))));
  }

  // --- labels: a lane each, under the same scale ---

  buildLanes() {
    const percent = (time) => (100 * Math.min(time, this.data.duration)) / Math.max(0.001, this.data.duration);
    this.spans = [];
    const lanes = this.data.lanes.map((lane) => {
      const buttons = lane.spans.map((span, i) => {
        const button = element("button", { type: "button", title: span.name, "aria-label": span.name,
          tabIndex: i ? -1 : 0, onclick: () => this.go(span.start) });
        button.style.left = `min(${percent(span.start)}%, 100% - 8px)`;
        button.style.width = `${percent(span.end) - percent(span.start)}%`;
        button.style.setProperty("--vs-share", `${Math.round(35 + 65 * span.share)}%`);
        this.spans.push({ span, button });
        return button;
      });
      const onkeydown = (event) => {
        const at = buttons.indexOf(document.activeElement);
        const next = buttons[at + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? NaN)];
        if (!next) return;
        event.preventDefault();
        buttons.forEach((one) => { one.tabIndex = one === next ? 0 : -1; });
        next.focus();
      };
      return element("div", { className: "vs-lane", role: "group", "aria-label": `Label ${lane.label}`, onkeydown },
        element("span", { className: "vs-lane-name", "aria-hidden": "true" }, lane.label), ...buttons);
    });
    this.lanes = element("div", { className: "vs-lanes", role: "group", "aria-label": "Labels" }, ...lanes);
    this.lanes.style.gridTemplateRows = `repeat(${lanes.length}, auto)`;
    lanes.forEach((lane, i) => { lane.style.gridArea = `${i + 1} / 1`; }); // the line for the time lies over them all
    return lanes.length ? this.lanes : null;
  }

  // --- what is said and seen, running along ---

  buildLines() {
    this.lines = this.data.lines.map((line) => ({
      line,
      button: element("button", { type: "button", className: `vs-line-button vs-${line.kind}`,
        onclick: () => this.go(line.start) },
      element("span", { className: "vs-at" }, clock(line.start)), element("span", {}, line.text)),
    }));
    this.list = element("div", { className: "vs-lines", role: "group", "aria-label": "What is said and seen" },
      ...this.lines.map(({ button }) => button));
    return this.lines.length ? this.list : null;
  }

  // --- frames around the moment ---

  buildFrames() {
    this.strip = element("div", { className: "vs-strip", role: "group", "aria-label": "Frames around the moment" },
      ...this.data.frames.map((frame) => element("button",
        { type: "button", className: "vs-frame", "aria-label": `Go to ${frame.time}`,
          "aria-current": frame.id === this.data.frame ? "true" : null,
          onclick: () => { this.go(frame.seconds); this.choose(frame.id); } },
        element("img", { src: frame.picture, alt: "", loading: "lazy" }), element("span", { "aria-hidden": "true" }, frame.time))));
    return this.strip;
  }

  choose(id) {
    this.data.frames.forEach((frame, i) => {
      if (frame.id === id) this.strip.children[i].setAttribute("aria-current", "true");
      else this.strip.children[i].removeAttribute("aria-current");
    });
    this.send("frame", id);
  }

  showFrame() {
    const here = this.strip.querySelector("[aria-current]");
    if (here) this.strip.scrollLeft = here.offsetLeft - (this.strip.clientWidth - here.offsetWidth) / 2;
  }
}

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const shown = parentElement.vidsearch;
  const send = (name, value) => parentElement.vidsearch.setTriggerValue(name, value);
  if (shown && shown.shows === data.shows) {
    // The same moment after a click on one of its frames: the video plays on.
    shown.setTriggerValue = setTriggerValue;
    return;
  }
  if (shown) shown.player.root.remove();
  parentElement.vidsearch = { shows: data.shows, setTriggerValue };
  const player = new Player(parentElement, data, send);
  parentElement.vidsearch.player = player;
  player.follow(data.start);
  player.showFrame();
  player.root.focus({ preventScroll: true });
  const top = player.root.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight * 0.6) player.root.scrollIntoView({ block: "start" });
}
