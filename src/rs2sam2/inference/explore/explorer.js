// The map in a notebook: the half that runs in the browser. Python's half is widget.py, which answers what is sent here.
// Words of people go in as text, never as markup; pictures come over the notebook's own channel.

const SHOWS = [["outline", "outline"], ["probability", "probability"], ["words", "the words alone"]];
const TOOLS = [["move", "Move"], ["mark", "Click"], ["box", "Box"]];
const HINTS = {
  move: "Drag moves the map, the wheel zooms.",
  mark: "Click what was missed; right-click or Shift-click what was too much.",
  box: "Drag a box around the thing.",
};

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Where the map looks: pixels of the image at the middle, CSS pixels for each of them. */
class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.x = this.y = 0;
    this.scale = 0;
  }
  fit(image) {
    this.scale = Math.min(this.canvas.clientWidth / image.width, this.canvas.clientHeight / image.height) * 0.96;
    [this.x, this.y] = [image.width / 2, image.height / 2];
  }
  toImage(x, y) {
    return [this.x + (x - this.canvas.clientWidth / 2) / this.scale, this.y + (y - this.canvas.clientHeight / 2) / this.scale];
  }
  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.canvas.clientWidth / 2, (y - this.y) * this.scale + this.canvas.clientHeight / 2];
  }
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const [ix, iy] = this.toImage(x, y);
    this.scale = Math.min(64, Math.max(this.scale * factor, 0.002));
    [this.x, this.y] = [ix - (x - this.canvas.clientWidth / 2) / this.scale, iy - (y - this.canvas.clientHeight / 2) / this.scale];
  }
  /** The part of the image that is seen. */
  seen(image) {
    const [x0, y0] = this.toImage(0, 0);
    const [x1, y1] = this.toImage(this.canvas.clientWidth, this.canvas.clientHeight);
    return [Math.max(0, x0), Math.max(0, y0), Math.min(image.width, x1), Math.min(image.height, y1)];
  }
}

/** Pictures that Python sends, asked for once. */
class Pictures {
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.kept = new Map();
    this.wanted = [];
  }
  get(key, ask) {
    if (!this.kept.has(key)) {
      this.kept.set(key, null);
      ask();
    }
    return this.kept.get(key);
  }
  square(level, column, row) {
    return this.get(`${level}/${column}/${row}`, () => {
      if (!this.wanted.length) queueMicrotask(() => this.model.send({ do: "squares", squares: this.wanted.splice(0) }));
      this.wanted.push([level, column, row]);
    });
  }
  layer(revision, show) {
    return this.get(`${revision}:${show}`, () => this.model.send({ do: "picture", revision, show }));
  }
  async take(key, bytes) {
    this.kept.set(key, await createImageBitmap(new Blob([bytes])));
    if (this.kept.size > 600) this.kept.delete(this.kept.keys().next().value);
    this.changed();
  }
}

function drawImage(pen, view, image, pictures) {
  const level = Math.min(image.levels - 1, Math.max(0, Math.floor(-Math.log2(view.scale * devicePixelRatio))));
  for (const at of level < image.levels - 1 ? [image.levels - 1, level] : [level]) {
    const side = image.tile * 2 ** at;
    const [x0, y0, x1, y1] = view.seen(image);
    for (let row = Math.floor(y0 / side); row * side < y1; row++) {
      for (let column = Math.floor(x0 / side); column * side < x1; column++) {
        const square = pictures.square(at, column, row);
        if (!square) continue;
        const [left, top] = view.toScreen(column * side, row * side);
        const [right, bottom] = view.toScreen(column * side + square.width * 2 ** at, row * side + square.height * 2 ** at);
        pen.drawImage(square, left, top, right - left, bottom - top);
      }
    }
  }
}

/** An outline of even width on the screen: the mask moved around, less the mask, in the layer's colour. */
function drawLayer(pen, scratch, view, layer, mask, show) {
  const [left, top] = view.toScreen(layer.scene[0], layer.scene[1]);
  const [width, height] = [(layer.scene[2] - layer.scene[0]) * view.scale, (layer.scene[3] - layer.scene[1]) * view.scale];
  const { width: w, height: h } = pen.canvas;
  [scratch.width, scratch.height] = [w, h];
  const ink = scratch.getContext("2d");
  ink.scale(devicePixelRatio, devicePixelRatio);
  ink.imageSmoothingEnabled = show !== "outline" || view.scale < 1;
  if (show === "outline") {
    for (let turn = 0; turn < 16; turn++) {
      const [dx, dy] = [Math.cos((turn * Math.PI) / 8) * 2, Math.sin((turn * Math.PI) / 8) * 2];
      ink.drawImage(mask, left + dx, top + dy, width, height);
    }
    ink.globalCompositeOperation = "destination-out";
    ink.drawImage(mask, left, top, width, height);
    ink.globalCompositeOperation = "source-over";
    ink.globalAlpha = 0.12;
  } else ink.globalAlpha = 0.75;
  ink.drawImage(mask, left, top, width, height);
  ink.globalAlpha = 1;
  ink.globalCompositeOperation = "source-in";
  ink.fillStyle = layer.colour;
  ink.fillRect(0, 0, w, h);
  pen.drawImage(scratch, 0, 0, w / devicePixelRatio, h / devicePixelRatio);
}

function drawMarks(pen, view, layer) {
  pen.lineWidth = 2;
  layer.points.forEach(([x, y], at) => {
    const [sx, sy] = view.toScreen(x, y);
    pen.beginPath();
    pen.arc(sx, sy, 7, 0, 2 * Math.PI);
    pen.fillStyle = layer.labels[at] ? "#1b9e3e" : "#d42020";
    pen.fill();
    pen.strokeStyle = "white";
    pen.stroke();
    pen.fillStyle = "white";
    pen.fillRect(sx - 4, sy - 1, 8, 2);
    if (layer.labels[at]) pen.fillRect(sx - 1, sy - 4, 2, 8);
  });
  if (layer.box) drawBox(pen, view, layer.box);
}

function drawBox(pen, view, [x0, y0, x1, y1]) {
  const [[left, top], [right, bottom]] = [view.toScreen(x0, y0), view.toScreen(x1, y1)];
  pen.strokeStyle = "white";
  pen.setLineDash([6, 4]);
  pen.strokeRect(left, top, right - left, bottom - top);
  pen.setLineDash([]);
}

function render({ model, el }) {
  let tool = "move", show = "outline", running = 0, drag = null, box = null, planned = 0, slid = null;
  const state = () => model.get("state");
  const current = () => state().layers.find((layer) => layer.number === state().current);
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": "Map: arrows move it, plus and minus zoom, Enter clicks in its middle, Shift and Enter takes away" });
  const expression = make("input", { type: "text", "aria-label": "What are you looking for?", placeholder: "the largest building", maxlength: "500" });
  const inView = make("input", { type: "checkbox" });
  const status = make("div", { role: "status" });
  const list = make("ol", { "aria-label": "What was asked" });
  const slider = make("input", { type: "range", min: "0.01", max: "0.99", step: "0.01" });
  const reading = make("span");
  const shows = make("select", {}, ...SHOWS.map(([value, name]) => make("option", { value }, name)));
  const undo = make("button", { type: "button", title: "Ctrl+Z", onclick: () => act({ do: "undo" }) }, "Undo");
  const tools = TOOLS.map(([name, label]) => make("button", { type: "button", "data-tool": name, onclick: () => choose(name) }, label));
  const zooms = [["+", 1.5, "Zoom in"], ["−", 1 / 1.5, "Zoom out"]].map(([sign, by, title]) => make("button", { type: "button", title, "aria-label": title, onclick: () => (view.zoom(by), draw()) }, sign));
  const whole = make("button", { type: "button", onclick: () => (view.fit(state().image), draw()) }, "Whole image");
  const form = make("form", { onsubmit: ask }, expression, make("label", {}, inView, " in this view"), make("button", { type: "submit" }, "Ask"));
  const setting = (name, input, more) => make("label", { class: "setting" }, make("span", {}, name), input, more);
  const side = make("div", { class: "side" }, setting("Threshold", slider, reading), setting("Show", shows, ""), list);
  const root = make("div", { class: "rs2sam2", "data-tool": tool }, form, make("div", { class: "tools" }, ...tools, undo, ...zooms, whole), make("div", { class: "map" }, canvas), side, status);
  const view = new View(canvas);
  const pictures = new Pictures(model, draw);
  const scratch = document.createElement("canvas");

  function say(text, wrong = false) {
    status.textContent = text;
    status.classList.toggle("wrong", wrong);
  }
  function act(deed) {
    running++;
    root.setAttribute("aria-busy", "true");
    say("…");
    model.send(deed);
  }
  function ask(event) {
    event.preventDefault();
    if (expression.value.trim()) act({ do: "ask", expression: expression.value, scene: inView.checked ? view.seen(state().image) : null });
  }
  /** Send where the slider is now, and not every place where it was while Python was at work. */
  function slide() {
    if (slid === null || running) return;
    act({ do: "threshold", value: slid });
    slid = null;
  }
  function choose(name) {
    tool = root.dataset.tool = name;
    tools.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.tool === name)));
    say(HINTS[name]);
  }
  function mark([x, y], belongs) {
    act({ do: "click", x, y, belongs });
  }

  function row(layer) {
    const isCurrent = layer.number === state().current;
    const seen = make("input", { type: "checkbox", "aria-label": `Show ${layer.expression}`, onchange: (event) => act({ do: "show", number: layer.number, visible: event.target.checked }) });
    seen.checked = layer.visible;
    const name = make("button", { type: "button", class: "name", onclick: () => act({ do: "choose", number: layer.number }) }, layer.expression);
    name.style.setProperty("--layer", layer.colour);
    const remove = make("button", { type: "button", "aria-label": `Remove ${layer.expression}`, onclick: () => act({ do: "remove", number: layer.number }) }, "×");
    const notes = layer.notes.map((note) => make("small", {}, note));
    return make("li", { "aria-current": String(isCurrent) }, seen, name, remove, make("small", {}, layer.summary), ...notes);
  }
  function follow() {
    list.replaceChildren(...state().layers.map(row).reverse());
    const layer = current();
    undo.disabled = !state().can_undo;
    slider.disabled = shows.disabled = !layer;
    if (layer && slid === null) slider.value = layer.threshold;
    reading.textContent = layer ? Number(layer.threshold).toFixed(2) : "";
    shows.options[2].disabled = !layer?.words;
    draw();
  }
  function heard(message, buffers) {
    if (message.kind === "square") pictures.take(message.square.join("/"), buffers[0]);
    else if (message.kind === "picture") pictures.take(`${message.revision}:${message.show}`, buffers[0]);
    else if (message.kind === "failed" || !["squares", "picture"].includes(message.of)) {
      running = Math.max(0, running - 1);
      if (!running) root.removeAttribute("aria-busy");
      slide();
      if (message.kind === "failed") say(message.message, true);
      else say(current() ? `${current().expression}: ${current().summary}` : "");
    }
  }

  function draw() {
    planned ||= requestAnimationFrame(() => {
      planned = 0;
      const { image, layers } = state();
      if (!canvas.clientWidth) return;
      if (!view.scale) view.fit(image);
      [canvas.width, canvas.height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
      const pen = canvas.getContext("2d");
      pen.scale(devicePixelRatio, devicePixelRatio);
      pen.imageSmoothingEnabled = view.scale < 2;
      drawImage(pen, view, image, pictures);
      for (const layer of layers.filter((layer) => layer.visible)) {
        const how = layer.number === state().current ? show : "outline";
        const mask = pictures.layer(layer.revision, how);
        if (mask) drawLayer(pen, scratch, view, layer, mask, how);
      }
      if (current()) drawMarks(pen, view, current());
      if (box) drawBox(pen, view, box);
      if (document.activeElement === canvas && canvas.matches(":focus-visible")) {
        const [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
        pen.fillStyle = "white";
        pen.fillRect(x - 8, y - 1, 16, 2);
        pen.fillRect(x - 1, y - 8, 2, 16);
      }
    });
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 0) canvas.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, y: event.offsetY, far: false, from: view.toImage(event.offsetX, event.offsetY), button: event.button };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag || drag.button !== 0) return;
    drag.far ||= Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > 4;
    const to = view.toImage(event.offsetX, event.offsetY);
    if (tool === "box") box = [Math.min(drag.from[0], to[0]), Math.min(drag.from[1], to[1]), Math.max(drag.from[0], to[0]), Math.max(drag.from[1], to[1])];
    else if (drag.far) [view.x, view.y] = [view.x + drag.from[0] - to[0], view.y + drag.from[1] - to[1]];
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (tool === "box" && drag?.far) {
      const scene = current()?.scene ?? [0, 0, state().image.width, state().image.height];
      act({ do: "box", box: [Math.max(box[0], scene[0]), Math.max(box[1], scene[1]), Math.min(box[2], scene[2]), Math.min(box[3], scene[3])] });
    } else if (tool === "mark" && drag && !drag.far) mark(drag.from, event.button === 0 && !event.shiftKey);
    drag = box = null;
    draw();
  });
  canvas.addEventListener("contextmenu", (event) => tool === "mark" && event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(2 ** (-event.deltaY / 300), event.offsetX, event.offsetY);
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 60 / view.scale;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) [view.x, view.y] = [view.x + move[0], view.y + move[1]];
    else if (event.key === "+" || event.key === "=") view.zoom(1.5);
    else if (event.key === "-") view.zoom(1 / 1.5);
    else if (event.key === "Enter") mark([view.x, view.y], !event.shiftKey);
    else return;
    event.preventDefault();
    draw();
  });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, draw);
  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook has keys of its own
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target !== expression) act({ do: "undo" });
  });
  slider.addEventListener("input", () => ((slid = Number(slider.value)), slide()));
  shows.addEventListener("change", () => ((show = shows.value), draw()));

  el.replaceChildren(root);
  choose("move");
  const watcher = new ResizeObserver(draw);
  watcher.observe(canvas);
  model.on("change:state", follow);
  model.on("msg:custom", heard);
  follow();
  return () => {
    watcher.disconnect();
    model.off("change:state", follow);
    model.off("msg:custom", heard);
  };
}

export default { render };
