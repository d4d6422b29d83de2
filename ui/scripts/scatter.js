// Points on WebGL (regl-scatterplot), or on a plain canvas where the browser has no WebGL. A drag draws a line around points.

import { url } from './store.js';
import { h, rgb } from './format.js';
import { spaceHeld } from './gestures.js';
import { isInside } from './lasso.js';

const MANY = 4000; // points from which WebGL pays, and without it squares drawn colour by colour
const REACH = 9; // screen pixels within which a point is under the pointer

export class Scatter {
  /** @param {{hovered: (of: number|null, x, y) => void, clicked: (of: number|null) => void, lassoed: (indices: number[], of: number[]) => void}} handlers */
  constructor(host, handlers) {
    Object.assign(this, { host, handlers, points: new Float32Array(0), colours: [], labels: [], hover: -1, line: null, marked: null, revision: 0, drawn: '' });
    this.canvas = h('canvas', { tabindex: '0', role: 'img', 'aria-label': 'Embeddings of the cells; points of like cells lie together' });
    host.append(this.canvas);
    this.camera = { scale: 1, x: 0, y: 0 };
    this.engine = null;
    this.bind();
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** (n, 3) x, y, what the point is of. */
  setPoints(points) {
    this.points = points;
    this.revision += 1;
    this.camera = { scale: 1, x: 0, y: 0 };
    this.start().then(() => this.draw());
  }

  /** Show points as selected: by index, or by the cells they are of; null for neither. */
  mark(indices, cells) {
    if (indices) this.marked = new Set(indices);
    else this.marked = cells ? new Set(Array.from({ length: this.points.length / 3 }, (_, i) => i).filter((i) => cells.has(this.points[i * 3 + 2]))) : null;
    this.revision += 1;
    this.draw();
  }

  colour(colours, labelOf) {
    this.colours = colours;
    this.revision += 1;
    this.labels = Array.from({ length: this.points.length / 3 }, (_, i) => labelOf(this.points[i * 3 + 2]));
    this.draw();
  }

  /** WebGL pays from some thousands of points; below, and without it, a canvas is as good. */
  async start() {
    if (this.engine || this.points.length / 3 < MANY || !hasWebGL()) return;
    this.engine = 'starting';
    try {
      const { default: createScatterplot } = await import(url('vendor/regl-scatterplot/regl-scatterplot.js'));
      const canvas = h('canvas.sd-scatter-gl', { 'aria-hidden': 'true' });
      this.host.prepend(canvas);
      this.engine = createScatterplot({ canvas, width: this.host.clientWidth, height: this.host.clientHeight, pointSize: 3.5, opacity: 0.9, backgroundColor: [0, 0, 0, 0], showReticle: false, cameraIsFixed: true });
      this.canvas.classList.add('sd-scatter-over');
      this.drawn = '';
    } catch {
      this.engine = null;
    }
  }

  bind() {
    this.canvas.addEventListener('pointermove', (event) => {
      if (event.buttons && this.panFrom) return this.pan(event);
      if (event.buttons & 1 && this.line) return this.extend(event);
      const [x, y] = [event.offsetX, event.offsetY];
      this.hover = this.nearest(x, y);
      this.handlers.hovered(this.hover < 0 ? null : this.points[this.hover * 3 + 2], x, y);
      return this.draw();
    });
    this.canvas.addEventListener('pointerleave', () => {
      this.hover = -1;
      this.handlers.hovered(null, 0, 0);
      this.draw();
    });
    this.canvas.addEventListener('pointerdown', (event) => {
      if (event.button || spaceHeld()) this.panFrom = { x: event.offsetX, y: event.offsetY, camera: { ...this.camera } };
      else this.line = [[event.offsetX, event.offsetY]];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener('pointerup', (event) => {
      const { line } = this;
      this.panFrom = this.line = null;
      if (line) this.finish(line, event);
    });
    this.canvas.addEventListener('pointercancel', () => { this.panFrom = this.line = null; this.draw(); });
    this.canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      const factor = Math.exp(-event.deltaY * 0.0015);
      const scale = Math.max(1, Math.min(40, this.camera.scale * factor));
      const [cx, cy] = [event.offsetX - this.host.clientWidth / 2, event.offsetY - this.host.clientHeight / 2];
      const ratio = scale / this.camera.scale;
      this.camera = { scale, x: cx - (cx - this.camera.x) * ratio, y: cy - (cy - this.camera.y) * ratio };
      this.draw();
    }, { passive: false });
    this.canvas.addEventListener('dblclick', () => { this.camera = { scale: 1, x: 0, y: 0 }; this.draw(); });
  }

  pan(event) {
    const [dx, dy] = [event.offsetX - this.panFrom.x, event.offsetY - this.panFrom.y];
    this.camera = { ...this.camera, x: this.panFrom.camera.x + dx, y: this.panFrom.camera.y + dy };
    this.draw();
  }

  extend(event) {
    this.line.push([event.offsetX, event.offsetY]);
    if (this.line.length > 3) this.handlers.hovered(null, 0, 0);
    this.hover = -1;
    this.draw();
  }

  /** A click takes the point under it; a line selects what it goes around. */
  finish(line, event) {
    const [x, y] = line[0];
    if (line.every(([px, py]) => Math.hypot(px - x, py - y) < 4)) {
      const point = this.nearest(event.offsetX, event.offsetY);
      this.handlers.clicked(point < 0 ? null : this.points[point * 3 + 2]);
    } else {
      const inside = Array.from({ length: this.points.length / 3 }, (_, i) => i).filter((i) => isInside(line, ...this.toScreen(i)));
      this.handlers.lassoed(inside, inside.map((i) => this.points[i * 3 + 2]));
    }
    this.draw();
  }

  /** Screen pixels of half the unit square's side. */
  get unit() {
    return (Math.min(this.host.clientWidth, this.host.clientHeight) / 2 - 8) * this.camera.scale;
  }

  /** Where points lie on the screen: x = left + unit · points[3 i], y = top − unit · points[3 i + 1]. */
  frameOfPoints() {
    const { clientWidth: width, clientHeight: height } = this.host;
    return { left: width / 2 + this.camera.x, top: height / 2 + this.camera.y, unit: this.unit };
  }

  toScreen(index) {
    const { left, top, unit } = this.frameOfPoints();
    return [left + this.points[index * 3] * unit, top - this.points[index * 3 + 1] * unit];
  }

  nearest(x, y) {
    const { left, top, unit } = this.frameOfPoints();
    let best = REACH * REACH;
    let found = -1;
    for (let i = 0; i < this.points.length / 3; i += 1) {
      const distance = (left + this.points[i * 3] * unit - x) ** 2 + (top - this.points[i * 3 + 1] * unit - y) ** 2;
      if (distance < best) {
        best = distance;
        found = i;
      }
    }
    return found;
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.engine?.draw) this.drawWebGL(width, height);
    else if (this.points.length / 3 < MANY) this.drawPoints(context);
    else this.drawMany(context, width, height);
    if (this.engine?.draw && this.marked) this.drawMarked(context);
    if (this.line) this.drawLine(context);
    if (this.hover >= 0) this.drawHover(context);
  }

  drawPoints(context) {
    const n = this.points.length / 3;
    const radius = n > 2000 ? 2 : n > 400 ? 2.75 : 3.75;
    for (let i = 0; i < n; i += 1) {
      const [x, y] = this.toScreen(i);
      context.globalAlpha = !this.marked || this.marked.has(i) ? 1 : 0.2;
      context.fillStyle = this.colours[this.labels[i]] ?? '#8a8f98';
      context.beginPath();
      context.arc(x, y, radius, 0, Math.PI * 2);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  /** Without WebGL: pixels, written one by one into a picture that is kept until the view or the colours change. */
  drawMany(context, width, height) {
    const ratio = window.devicePixelRatio || 1;
    const key = `${width} ${height} ${ratio} ${Object.values(this.camera)} ${this.revision} ${this.marked?.size ?? ''}`;
    if (key !== this.drawn) {
      this.drawn = key;
      this.picture ??= document.createElement('canvas');
      [this.picture.width, this.picture.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      const image = new ImageData(this.picture.width, this.picture.height);
      this.writePoints(new Uint32Array(image.data.buffer), image.width, image.height, ratio);
      this.picture.getContext('2d').putImageData(image, 0, 0);
    }
    context.drawImage(this.picture, 0, 0, width, height);
  }

  /** A square of about two screen pixels for each point; those that are not selected pale. */
  writePoints(pixels, width, height, ratio) {
    const { left, top, unit } = this.frameOfPoints();
    const side = Math.max(2, Math.round(2 * ratio));
    const pack = (colour, alpha) => {
      const [red, green, blue] = rgb(colour);
      return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    };
    const known = new Map([...this.colours.entries()].map(([label, colour]) => [label, [pack(colour, 30), pack(colour, 230)]]));
    const grey = [pack('#8a8f98', 30), pack('#8a8f98', 230)];
    for (let i = 0; i < this.points.length / 3; i += 1) {
      const x = Math.round((left + this.points[i * 3] * unit) * ratio) - (side >> 1);
      const y = Math.round((top - this.points[i * 3 + 1] * unit) * ratio) - (side >> 1);
      if (x < 0 || y < 0 || x + side > width || y + side > height) continue;
      const pixel = (known.get(this.labels[i]) ?? grey)[!this.marked || this.marked.has(i) ? 1 : 0];
      for (let row = 0; row < side; row += 1) pixels.fill(pixel, (y + row) * width + x, (y + row) * width + x + side);
    }
  }

  drawMarked(context) {
    context.strokeStyle = getComputedStyle(this.host).color;
    for (const i of this.marked) {
      context.beginPath();
      context.arc(...this.toScreen(i), 3.5, 0, Math.PI * 2);
      context.stroke();
    }
  }

  drawLine(context) {
    context.beginPath();
    for (const [x, y] of this.line) context.lineTo(x, y);
    context.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = context.strokeStyle = getComputedStyle(this.host).color;
    context.fill();
    context.globalAlpha = 1;
    context.setLineDash([4, 4]);
    context.lineWidth = 1.5;
    context.stroke();
    context.setLineDash([]);
  }

  drawHover(context) {
    const [x, y] = this.toScreen(this.hover);
    context.beginPath();
    context.arc(x, y, 6, 0, Math.PI * 2);
    context.fillStyle = this.colours[this.labels[this.hover]] ?? '#8a8f98';
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(this.host).color;
    context.stroke();
  }

  /** Positions are handed over as they stand on the screen, so both ways of drawing share camera and picking. */
  drawWebGL(width, height) {
    const key = `${width} ${height} ${Object.values(this.camera)} ${this.revision}`;
    if (key === this.drawn) return; // only what hovers has changed
    this.drawn = key;
    const n = this.points.length / 3;
    const rows = Array.from({ length: n }, (_, i) => {
      const [x, y] = this.toScreen(i);
      return [(x / width) * 2 - 1, 1 - (y / height) * 2, Math.max(0, this.labels[i] ?? 0)];
    });
    this.engine.set({ width, height, aspectRatio: width / height, colorBy: 'valueA', pointColor: this.colours.map((colour) => [...rgb(colour).map((v) => v / 255), 1]) });
    this.engine.draw(rows, { zDataType: 'categorical' }).catch(() => {});
  }
}

/** Whether WebGL is there and in hardware: in software a plain canvas is quicker. */
function hasWebGL() {
  try {
    const context = document.createElement('canvas').getContext('webgl');
    const facts = context?.getExtension('WEBGL_debug_renderer_info');
    return Boolean(context) && !/swiftshader|llvmpipe|software/i.test(facts ? context.getParameter(facts.UNMASKED_RENDERER_WEBGL) : '');
  } catch {
    return false;
  }
}
