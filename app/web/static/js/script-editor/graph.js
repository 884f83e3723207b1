// The drawing of the script: moved and zoomed by mouse, wheel, touch and keys; a dialog leads to its line.
(function () {
  "use strict";

  var SMALLEST = 0.15;

  // `onGo(file, line)` is told where somebody wants to go.
  function Graph(holder, onGo) {
    this.holder = holder;
    this.onGo = onGo;
    this.shown = null;
    var self = this;
    holder.addEventListener("click", function (event) {
      var button = event.target.closest("[data-zoom]");
      if (button) self.tool(button.dataset.zoom);
      else if (!self.dragged) self.follow(event.target);
    });
    holder.addEventListener("keydown", this.key.bind(this));
    holder.addEventListener("wheel", this.wheel.bind(this), { passive: false });
    holder.addEventListener("pointerdown", this.press.bind(this));
    holder.addEventListener("pointermove", this.drag.bind(this));
    ["pointerup", "pointercancel"].forEach(function (name) {
      holder.addEventListener(name, function () {
        self.held = null;
      });
    });
  }

  Graph.prototype.draw = function (html) {
    var keep = this.shown;
    this.holder.innerHTML = html;
    this.svg = this.holder.querySelector("svg.graph");
    if (!this.svg) return;
    this.width = Number(this.svg.dataset.width);
    this.height = Number(this.svg.dataset.height);
    if (keep) this.show(keep.x, keep.y, keep.width);
    else this.fit();
  };

  Graph.prototype.ratio = function () {
    var box = this.svg.getBoundingClientRect();
    return box.width ? box.height / box.width : 0.6;
  };

  Graph.prototype.show = function (x, y, width) {
    width = Math.min(Math.max(width, this.width * SMALLEST, 300), this.width * 3 + 900);
    this.shown = { x: x, y: y, width: width };
    this.svg.setAttribute("viewBox", [x, y, width, width * this.ratio()].join(" "));
  };

  // All of it where that can be read; else where calls begin.
  Graph.prototype.fit = function (all) {
    var pixels = this.svg.getBoundingClientRect().width || 900;
    var whole = Math.max(this.width, this.height / this.ratio(), 500);
    var width = all ? whole : Math.min(whole, pixels * 1.35);
    var height = width * this.ratio();
    var start = this.svg.querySelector(".graph-box.is-start");
    var middle = this.height / 2;
    if (width < whole && start) middle = Number(start.dataset.y);
    var top = this.height > height ? Math.min(Math.max(middle - height / 2, 0), this.height - height) : (this.height - height) / 2;
    this.show(this.width < width ? (this.width - width) / 2 : 0, top, width);
  };

  Graph.prototype.zoom = function (by, x, y) {
    var now = this.shown;
    var width = Math.min(Math.max(now.width * by, this.width * SMALLEST, 300), this.width * 3 + 900);
    var share = 1 - width / now.width;
    var rx = x === undefined ? 0.5 : x;
    var ry = y === undefined ? 0.5 : y;
    this.show(now.x + now.width * share * rx, now.y + now.width * this.ratio() * share * ry, width);
  };

  Graph.prototype.tool = function (what) {
    if (what === "fit") this.fit(true);
    else this.zoom(what === "in" ? 0.8 : 1.25);
  };

  Graph.prototype.move = function (dx, dy) {
    this.show(this.shown.x + dx * this.shown.width, this.shown.y + dy * this.shown.width, this.shown.width);
  };

  Graph.prototype.key = function (event) {
    if (!this.svg || !this.svg.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    var moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (moves[event.key]) this.move(moves[event.key][0], moves[event.key][1]);
    else if (event.key === "+" || event.key === "=") this.tool("in");
    else if (event.key === "-") this.tool("out");
    else if (event.key === "0") this.tool("fit");
    else if (event.key === "Enter" || event.key === " ") this.follow(event.target);
    else return;
    event.preventDefault();
  };

  Graph.prototype.follow = function (target) {
    var box = target.closest("[data-file]");
    if (box && box.dataset.file) this.onGo(box.dataset.file, Number(box.dataset.line));
  };

  Graph.prototype.wheel = function (event) {
    if (!this.svg || !this.svg.contains(event.target)) return;
    event.preventDefault();
    var box = this.svg.getBoundingClientRect();
    this.zoom(
      event.deltaY > 0 ? 1.12 : 1 / 1.12,
      (event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height,
    );
  };

  Graph.prototype.press = function (event) {
    this.dragged = false;
    if (this.svg && this.svg.contains(event.target)) this.held = { x: event.clientX, y: event.clientY };
  };

  Graph.prototype.drag = function (event) {
    if (!this.held) return;
    var dx = event.clientX - this.held.x;
    var dy = event.clientY - this.held.y;
    if (!this.dragged && Math.abs(dx) + Math.abs(dy) < 5) return;
    if (!this.dragged) this.holder.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.held = { x: event.clientX, y: event.clientY };
    var scale = this.svg.getBoundingClientRect().width;
    this.move(-dx / scale, -dy / scale);
  };

  window.clarionScript.Graph = Graph;
})();
