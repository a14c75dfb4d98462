// Keys and files for the whole page: / searches, Esc closes, ? helps; a picture pasted or dropped searches, and
// videos that are dropped go to where they are indexed.

const LONGEST_SIDE = 640;
const KEYS = [
  ["/", "Search"],
  ["← → ↑ ↓", "Move between moments"],
  ["Enter", "Open the moment"],
  ["Space", "Play the moment; pause"],
  ["Esc", "Close the moment"],
  ["?", "Show these keys"],
];

function helpDialog() {
  const close = element("button", { type: "button", className: "vs-close", onclick: () => dialog.close() }, "Close");
  const rows = KEYS.map(([key, meaning]) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, meaning)));
  const dialog = element("dialog", { className: "vs-help", "aria-label": "Keys" },
    element("h2", {}, "Keys"), element("table", {}, element("tbody", {}, ...rows)),
    element("p", {}, "Paste or drop a picture anywhere to find moments like it. Drop videos anywhere to add them."), close);
  return dialog;
}

/** A picture file as a JPEG data address, its longer side no longer than a search needs. */
async function shrunk(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", {
    width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.9);
}

const pictureOf = (transfer) => [...(transfer?.files || [])].find((file) => file.type.startsWith("image/"));

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let state = parentElement.vidsearch;
  if (state) {
    Object.assign(state, { data, setTriggerValue });
    return state.remove;
  }
  state = { data, setTriggerValue };
  parentElement.vidsearch = state;
  const dialog = helpDialog();
  const drop = element("div", { className: "vs-drop", "aria-hidden": "true", hidden: true });
  parentElement.append(dialog, drop);

  const search = (file) => shrunk(file).then(
    (address) => state.setTriggerValue("picture", address), () => state.setTriggerValue("unreadable", true));

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !dialog.open && state.data.open && !document.fullscreenElement) {
      // Of an open list or pop-up, Esc closes that alone.
      if (event.defaultPrevented || document.querySelector("[data-testid='stPopoverBody'], [role='listbox']")) return;
      state.setTriggerValue("close", true);
    }
    const isSearchField = event.composedPath()[0].ariaLabel === "Search";
    if (event.key === "ArrowDown" && (isSearchField || document.activeElement === document.body)) {
      const first = document.querySelector(".vs-picture");
      if (first) { event.preventDefault(); first.focus(); }
    }
    if (isTyping(event)) return;
    if (event.key === "/") {
      const field = document.querySelector("input[aria-label='Search']");
      if (!field) return;
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "?" && !dialog.open) {
      event.preventDefault();
      dialog.showModal();
    }
  };
  const onPaste = (event) => {
    const file = pictureOf(event.clipboardData);
    if (file) { event.preventDefault(); search(file); }
  };
  const onOver = (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    // Names are not told before the drop, and the types of some videos are not known.
    const isPicture = [...event.dataTransfer.items].every((item) => item.type.startsWith("image/"));
    drop.textContent = isPicture ? "Drop the picture to find moments like it" : "Drop the videos to add them";
    drop.hidden = false;
  };
  const onLeave = (event) => { if (!event.relatedTarget) drop.hidden = true; };
  const onDrop = (event) => {
    drop.hidden = true;
    if (event.target.closest?.("[data-testid='stFileUploader']")) return;
    const files = [...(event.dataTransfer?.files || [])];
    if (!files.length) return;
    event.preventDefault();
    const picture = pictureOf(event.dataTransfer);
    if (picture && !files.some((file) => file.type.startsWith("video/"))) { search(picture); return; }
    shelf.setLimits(state.data);
    shelf.add(files);
    state.setTriggerValue("videos", true);
  };
  const listeners = { keydown: onKey, paste: onPaste, dragover: onOver, dragleave: onLeave, drop: onDrop };
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener);
  state.remove = () => {
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener);
    dialog.remove();
    drop.remove();
    parentElement.vidsearch = null;
  };
  return state.remove;
}
