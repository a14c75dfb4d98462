// Videos dropped or chosen: listed, sent one after the other into the folder that is named, then indexed.
// What is chosen and sent is on the shelf, so that it goes on while another page is looked at.

const size = (bytes) => (bytes >= 1e8 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);
const stayHere = (event) => event.preventDefault();

/** Send one file. Resolves to why it was not kept; null where it was. */
function sent(file, ticket, onShare) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    shelf.request = request;
    request.open("POST", `/files/uploads/${ticket}?${new URLSearchParams({ name: file.name })}`);
    request.upload.onprogress = (event) => onShare(event.loaded / Math.max(1, event.total));
    request.onload = () => {
      if (request.status === 200) { resolve(null); return; }
      let why = `The server refused it (${request.status}).`;
      try { why = JSON.parse(request.responseText).detail || why; } catch { /* not its own answer */ }
      resolve(why);
    };
    request.onerror = () => resolve("The connection broke off.");
    request.onabort = () => resolve("Stopped.");
    request.send(file);
  });
}

async function sendAll(ticket) {
  Object.assign(shelf, { isSending: true, isStopped: false });
  addEventListener("beforeunload", stayHere);
  const problems = [];
  let numKept = 0;
  for (const entry of shelf.entries) {
    const why = shelf.isStopped ? "Stopped."
      : await sent(entry.file, ticket, (share) => { entry.share = share; shelf.changed(); });
    if (why === null) { numKept += 1; entry.share = 1; } else { problems.push(`${entry.file.name}: ${why}`); }
  }
  removeEventListener("beforeunload", stayHere);
  Object.assign(shelf, { entries: [], passedOver: "", isSending: false, outcome: { ticket, numKept, problems } });
  shelf.changed();
}

class DropZone {
  constructor(parent) {
    this.parent = parent;
    this.input = element("input", { type: "file", multiple: true, hidden: true, tabIndex: -1,
      "aria-label": "Videos to add", onchange: () => { shelf.add([...this.input.files]); this.input.value = ""; } });
    this.folder = element("input", { type: "text", spellcheck: false });
    this.root = element("section", { className: "vs-add", "aria-label": "Add videos",
      ondragover: () => this.root.classList.add("vs-over"), ondragleave: () => this.root.classList.remove("vs-over"),
      ondrop: () => this.root.classList.remove("vs-over") });
    parent.append(this.root);
  }

  show(data) {
    this.data = data;
    if (!this.folder.value) this.folder.value = data.folder;
    if (data.ticket && data.ticket !== shelf.usedTicket && this.isStarting) {
      shelf.usedTicket = data.ticket;
      this.isStarting = false;
      sendAll(data.ticket);
    } else if (data.problem) this.isStarting = false;
    this.draw();
  }

  draw() {
    if (shelf.outcome) {
      const outcome = shelf.outcome;
      shelf.outcome = null;
      this.send("done", outcome);
    }
    const hadFocus = this.root.contains(document.activeElement) && document.activeElement;
    this.root.replaceChildren(...(shelf.entries.length ? this.chosen() : this.empty()));
    if (hadFocus && !this.root.contains(document.activeElement)) this.root.querySelector("button")?.focus();
  }

  empty() {
    return [
      element("p", { className: "vs-add-title" }, "Drop videos here"),
      element("p", { className: "vs-add-note" },
        `They are copied into a folder that you choose, then indexed: up to ${this.data.maxFiles} at once.`),
      ...this.passedOver(),
      element("div", { className: "vs-add-row" },
        element("button", { type: "button", onclick: () => this.input.click() }, "Choose files"), this.input),
    ];
  }

  chosen() {
    const all = shelf.entries.reduce((sum, { file }) => sum + file.size, 0);
    const number = shelf.entries.length === 1 ? "1 video" : `${shelf.entries.length} videos`;
    const rows = shelf.entries.map((entry) => element("li", {},
      element("b", { title: entry.file.name }, entry.file.name),
      element("span", { className: "vs-add-size" }, size(entry.file.size)),
      shelf.isSending && element("progress", { max: 1, value: entry.share, "aria-label": entry.file.name })));
    const list = element("ul", { tabIndex: 0, "aria-label": "Videos to add" }, ...rows);
    if (shelf.isSending) {
      const stop = () => { shelf.isStopped = true; shelf.request?.abort(); };
      return [element("p", { className: "vs-add-title", role: "status" }, `Copying ${number}, ${size(all)}`), list,
        element("button", { type: "button", onclick: stop }, "Stop")];
    }
    const start = () => { this.isStarting = true; this.send("start", { folder: this.folder.value }); };
    this.folder.onkeydown = (event) => { if (event.key === "Enter") start(); };
    return [
      element("p", { className: "vs-add-title" }, `${number}, ${size(all)}`), list, ...this.passedOver(),
      element("label", {}, "Copy into the folder", this.folder),
      this.data.problem && element("p", { className: "vs-add-problem", role: "alert" }, this.data.problem),
      element("div", { className: "vs-add-row" },
        element("button", { type: "button", className: "vs-main", onclick: start }, "Copy and index"),
        element("button", { type: "button", onclick: () => this.input.click() }, "Add more"), this.input,
        element("button", { type: "button", onclick: () => { shelf.entries = []; shelf.passedOver = ""; this.draw(); } },
          "Clear")),
    ].filter(Boolean);
  }

  passedOver() {
    return shelf.passedOver ? [element("p", { className: "vs-add-problem", role: "alert" }, shelf.passedOver)] : [];
  }
}

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const zone = (parentElement.vidsearch ??= new DropZone(parentElement));
  zone.send = setTriggerValue;
  shelf.changed = () => zone.draw();
  shelf.setLimits(data);
  zone.show(data);
  return () => { shelf.changed = () => {}; };
}
