// The image of the page: opacity of the layer, and prompts by mouse, finger or keyboard.
// Coordinates are pixels of the upright image.
const DRAG = 5; // screen pixels from which a press is a drag
const prompt = { key: null, items: [], mode: "point", cross: null, corner: null, press: null };
const find = (selector) => element.querySelector(selector);
const stage = () => find(".pp-stage");
const canvas = () => find(".pp-canvas.pp-prompts");

function refresh() {
  const root = stage();
  if (root && root.dataset.key !== prompt.key) {
    Object.assign(prompt, { key: root.dataset.key, items: [], mode: "point", cross: null, corner: null, press: null });
    if (canvas()) announce("start");
  }
}

function size() {
  const root = stage();
  return [Number(root.dataset.width), Number(root.dataset.height)];
}

function clamp([x, y]) {
  const [width, height] = size();
  const inside = (value, end) => Math.round(Math.min(Math.max(value, 0), end - 0.01) * 100) / 100;
  return [inside(x, width), inside(y, height)];
}

function place(event) {
  const [width, height] = size();
  const area = find(".pp-image").getBoundingClientRect();
  return clamp([((event.clientX - area.left) / area.width) * width, ((event.clientY - area.top) / area.height) * height]);
}

function announce(word, values = []) {
  const name = "word" + word[0].toUpperCase() + word.slice(1);
  const text = stage().dataset[name].replace(/\{(\d)\}/g, (_, at) => String(Math.round(values[at])));
  find(".pp-announce").textContent = text;
}

function boxOf([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

function mark(kind, values) {
  const [width, height] = size();
  const [x0, y0, x1, y1] = values;
  const each = document.createElement("i");
  each.className = `pp-mark pp-${kind}`;
  each.dataset.at = values.join(",");
  each.style.left = `${(100 * x0) / width}%`;
  each.style.top = `${(100 * y0) / height}%`;
  if (values.length === 4) {
    each.style.width = `${(100 * (x1 - x0)) / width}%`;
    each.style.height = `${(100 * (y1 - y0)) / height}%`;
  }
  return each;
}

function draw() {
  const boxes = prompt.items.filter((item) => item.kind === "box");
  const shown = prompt.items.filter((item) => item.kind !== "box" || item === boxes.at(-1));
  const marks = shown.map((item) => mark(item.kind, item.at));
  if (prompt.press && prompt.press.box) marks.push(mark("box", prompt.press.box));
  if (prompt.corner) marks.push(mark("box", boxOf(prompt.corner, prompt.cross)));
  if (prompt.cross && canvas().matches(":focus-visible")) marks.push(mark("cross", prompt.cross));
  find(".pp-marks").replaceChildren(...marks);
  for (const button of element.querySelectorAll("[data-mode]"))
    button.setAttribute("aria-pressed", String(button.dataset.mode === prompt.mode));
  canvas().classList.toggle("pp-drawing", prompt.mode === "box");
}

function send() {
  draw();
  const at = (kind) => prompt.items.filter((item) => item.kind === kind).map((item) => item.at);
  const box = at("box").at(-1) ?? null;
  if (!at("point").length && box === null) {
    find(".pp-layer").hidden = true;
    if (prompt.items.length) announce("lacking");
    return;
  }
  trigger("select", { key: prompt.key, points: at("point"), negatives: at("negative"), box });
}

function add(kind, at) {
  prompt.items.push({ kind, at });
  announce(kind, at);
  send();
}

function undo() {
  prompt.corner = null;
  prompt.items.pop();
  announce("undone");
  send();
}

function clear() {
  prompt.corner = null;
  prompt.items = [];
  announce("cleared");
  send();
}

element.addEventListener("input", (event) => {
  if (event.target.type === "range") element.style.setProperty("--pp-opacity", event.target.value / 100);
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  refresh();
  if (button.dataset.mode) prompt.mode = button.dataset.mode;
  prompt.corner = null;
  if (button.dataset.do === "undo") undo();
  else if (button.dataset.do === "clear") clear();
  else draw();
});

element.addEventListener("contextmenu", (event) => {
  if (event.target.closest(".pp-prompts")) event.preventDefault();
});

element.addEventListener("pointerdown", (event) => {
  const area = event.target.closest(".pp-prompts");
  if (!area || ![0, 2].includes(event.button)) return;
  refresh();
  const drags = event.button === 0 && (event.pointerType === "mouse" || prompt.mode === "box");
  const negative = event.button === 2 || event.shiftKey;
  prompt.press = { at: place(event), x: event.clientX, y: event.clientY, drags, negative, box: null };
  area.setPointerCapture(event.pointerId);
});

element.addEventListener("pointermove", (event) => {
  const press = prompt.press;
  if (!press || !press.drags) return;
  if (press.box || Math.hypot(event.clientX - press.x, event.clientY - press.y) >= DRAG) {
    press.box = boxOf(press.at, place(event));
    draw();
  }
});

element.addEventListener("pointerup", () => {
  const press = prompt.press;
  prompt.press = null;
  if (!press) return;
  prompt.cross = press.at;
  if (press.box) {
    if (press.box[0] < press.box[2] && press.box[1] < press.box[3]) add("box", press.box);
    else draw();
  } else if (press.negative || prompt.mode !== "box") {
    add(press.negative ? "negative" : prompt.mode, press.at);
  } else draw();
});

element.addEventListener("pointercancel", () => {
  prompt.press = null;
  if (canvas()) draw();
});

element.addEventListener("focusin", (event) => {
  if (event.target !== canvas()) return;
  refresh();
  prompt.cross ??= clamp(size().map((side) => side / 2));
  draw();
});

element.addEventListener("focusout", (event) => {
  if (canvas() && event.target === canvas()) draw();
});

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function enter() {
  if (prompt.mode !== "box") return add(prompt.mode, prompt.cross);
  if (!prompt.corner) {
    prompt.corner = prompt.cross;
    announce("corner", prompt.cross);
    return draw();
  }
  const box = boxOf(prompt.corner, prompt.cross);
  prompt.corner = null;
  if (box[0] < box[2] && box[1] < box[3]) add("box", box);
  else draw();
}

element.addEventListener("keydown", (event) => {
  if (event.target !== canvas()) return;
  const move = MOVES[event.key];
  if (move) {
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.max(...size()) / 50));
    prompt.cross = clamp(prompt.cross.map((value, axis) => value + step * move[axis]));
    announce("cross", prompt.cross);
    draw();
  } else if (event.key === "Enter" || event.key === " ") enter();
  else if (event.key === "Backspace") undo();
  else if (event.key === "Escape") clear();
  else return;
  event.preventDefault();
});
