// The editor's page: puts files, text, check, try-out, tests and drawing together, saves, and guards what is unsaved.
(function () {
  "use strict";

  var PAUSE_BEFORE_CHECK = 600;
  var TABS = ["problems", "try", "tests", "graph"];

  function element(id) {
    return document.getElementById(id);
  }

  function on(id, name, act) {
    if (element(id)) element(id).addEventListener(name, act);
  }

  function Page() {
    var work = JSON.parse(element("work-data").dataset.json);
    var self = this;
    this.editable = work.editable;
    this.problems = work.problems;
    this.coverage = work.tests ? work.tests.coverage : {};
    this.files = new window.clarionScript.Files(work);
    this.code = new window.clarionScript.Code(element("code"), {
      nonce: element("work").dataset.nonce,
      editable: work.editable,
      elements: JSON.parse(element("work-elements").dataset.json),
      on: function (what, text) {
        if (what === "save") self.save();
        else self.changed(text);
      },
    });
    this.graph = new window.clarionScript.Graph(element("graph"), this.goTo.bind(this));
    this.tryOut = new window.clarionScript.TryOut(this.files);
    this.tests = new window.clarionScript.Tests(this.files, {
      coverage: function (coverage) {
        self.coverage = coverage;
        self.code.cover(coverage[self.path] || []);
        self.redraw();
      },
      go: this.goTo.bind(this),
      make: this.addFile.bind(this),
    });
    if (work.tests) this.tests.show(work.tests);
    this.bind();
    var wanted = new URLSearchParams(location.search);
    this.open(this.files.get(wanted.get("file")) ? wanted.get("file") : this.files.entry);
    if (wanted.get("line")) this.code.goTo(Number(wanted.get("line")));
    this.refresh();
    this.check();
  }

  Page.prototype.bind = function () {
    var self = this;
    on("work-save", "click", this.save.bind(this));
    on("file-new", "click", function () {
      self.askPath("New file", "", function (path) {
        self.addFile(path, self.beginning(path));
      });
    });
    on("file-upload", "change", this.upload.bind(this));
    on("file-rename", "click", function () {
      self.askPath("Rename " + self.path, self.path, self.rename.bind(self));
    });
    on("file-delete", "click", this.remove.bind(this));
    on("file-entry", "click", function () {
      self.files.entry = self.path;
      self.later();
    });
    on("file-download", "click", this.download.bind(this));
    on("file-list", "click", function (event) {
      var button = event.target.closest("[data-path]");
      if (button) self.open(button.dataset.path);
    });
    on("problem-list", "click", function (event) {
      var button = event.target.closest("[data-line]");
      if (button) self.goTo(button.dataset.file, Number(button.dataset.line), Number(button.dataset.column));
    });
    TABS.forEach(function (name) {
      on("tab-" + name, "click", self.tab.bind(self, name));
      on("tab-" + name, "keydown", function (event) {
        var step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        var next = TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length];
        self.tab(next);
        element("tab-" + next).focus();
      });
    });
    document.addEventListener("keydown", function (event) {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s" || event.defaultPrevented) return;
      event.preventDefault();
      self.save();
    });
    window.addEventListener("beforeunload", function (event) {
      if (self.files.isDirty()) event.preventDefault();
    });
  };

  // --- files

  Page.prototype.open = function (path) {
    this.path = path;
    var text = this.files.isText(path);
    element("code").hidden = !text;
    if (text) {
      this.code.show(path, this.files.get(path).text);
      this.code.cover(this.coverage[path] || []);
    }
    this.refresh();
    this.mark();
  };

  Page.prototype.goTo = function (path, line, column) {
    if (!this.files.get(path)) return;
    if (path !== this.path) this.open(path);
    this.code.goTo(line, column);
    element("code").scrollIntoView({ block: "nearest" });
  };

  Page.prototype.changed = function (text) {
    this.files.get(this.path).text = text;
    this.later();
  };

  Page.prototype.addFile = function (path, text) {
    this.files.add(path, text);
    this.open(path);
    this.later();
  };

  Page.prototype.beginning = function (path) {
    if (/\.vxml$/i.test(path)) {
      return '<?xml version="1.0" encoding="UTF-8"?>\n<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US">\n' +
        '  <form id="begin">\n    <block>\n      <prompt>Hello.</prompt>\n    </block>\n  </form>\n</vxml>\n';
    }
    if (/\.grxml$/i.test(path)) {
      return '<?xml version="1.0" encoding="UTF-8"?>\n<grammar version="1.0" xmlns="http://www.w3.org/2001/06/grammar" xml:lang="en-US"' +
        ' mode="dtmf" root="keys">\n  <rule id="keys" scope="public">\n    <one-of><item>1</item><item>2</item></one-of>\n  </rule>\n</grammar>\n';
    }
    return "";
  };

  Page.prototype.upload = function () {
    var self = this;
    var input = element("file-upload");
    var waiting = Array.from(input.files).map(function (file) {
      var complaint = self.files.complaint(file.name, file.name);
      if (complaint) {
        self.say(file.name + ": " + complaint, "error");
        return null;
      }
      return file.arrayBuffer().then(function (bytes) {
        self.files.addBytes(file.name, bytes);
        self.code.rename(file.name);
        self.open(file.name);
      });
    });
    Promise.all(waiting).then(function () {
      input.value = "";
      self.later();
    });
  };

  Page.prototype.rename = function (to) {
    if (to === this.path) return;
    this.files.rename(this.path, to);
    this.code.rename(this.path, to);
    this.open(to);
    this.later();
  };

  Page.prototype.remove = function () {
    var self = this;
    var path = this.path;
    this.files.remove(path);
    this.code.rename(path);
    var note = element("file-undo");
    note.textContent = path + " is deleted. ";
    var button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm";
    button.textContent = "Undo";
    button.addEventListener("click", function () {
      note.hidden = true;
      self.files.restore(path);
      self.open(path);
      self.later();
    });
    note.append(button);
    note.hidden = false;
    this.open(this.files.get(this.files.entry) ? this.files.entry : this.files.paths()[0]);
    this.later();
  };

  Page.prototype.download = function () {
    var file = this.files.get(this.path);
    var link = document.createElement("a");
    link.download = this.path.split("/").pop();
    if (file.was && file.base64 === undefined && file.text === file.saved) {
      link.href = this.files.at + "/revisions/" + this.files.base + "/files/" + encodeURI(file.was);
      link.click();
      return;
    }
    var content = file.base64 === undefined ? file.text : Uint8Array.from(atob(file.base64), function (letter) {
      return letter.charCodeAt(0);
    });
    link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
    link.click();
    URL.revokeObjectURL(link.href);
  };

  Page.prototype.askPath = function (title, path, then) {
    var self = this;
    var dialog = element("name-dialog");
    var field = element("name-path");
    element("name-title").textContent = title;
    element("name-error").textContent = "";
    field.value = path;
    function judge(event) {
      if (event.submitter && event.submitter.value === "no") return;
      var complaint = self.files.complaint(field.value.trim(), path);
      element("name-error").textContent = complaint;
      if (complaint) event.preventDefault();
    }
    dialog.firstElementChild.addEventListener("submit", judge);
    dialog.addEventListener(
      "close",
      function () {
        dialog.firstElementChild.removeEventListener("submit", judge);
        if (dialog.returnValue === "yes") then(field.value.trim());
      },
      { once: true },
    );
    dialog.returnValue = "";
    dialog.showModal();
    // Enter in the field takes the first button of the form, which would be Cancel.
    field.onkeydown = function (event) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      dialog.querySelector("[value=yes]").click();
    };
    field.select();
  };

  // --- what is shown

  Page.prototype.refresh = function () {
    var self = this;
    var list = element("file-list");
    list.textContent = "";
    this.files.paths().forEach(function (path) {
      var item = document.createElement("li");
      var button = document.createElement("button");
      button.type = "button";
      button.dataset.path = path;
      button.className = "mono" + (path === self.path ? " is-open" : "") + (self.files.isChanged(path) ? " is-changed" : "");
      if (path === self.path) button.setAttribute("aria-current", "true");
      button.append(path);
      if (self.files.isChanged(path)) button.append(badge("changed", "is-dot", "•"));
      if (self.files.isEntry(path)) button.append(badge("calls start here", "badge bg-primary-lt", "start"));
      var errors = self.problems.filter(function (problem) {
        return problem.file === path && problem.severity === "error";
      }).length;
      if (errors) button.append(badge(errors === 1 ? "error" : "errors", "badge bg-red-lt", String(errors)));
      item.append(button);
      list.append(item);
    });
    this.refreshHead();
    this.tests.refresh();
  };

  function badge(title, className, text) {
    var made = document.createElement("span");
    made.className = className;
    made.title = title;
    made.textContent = text;
    return made;
  }

  Page.prototype.refreshHead = function () {
    var file = this.files.get(this.path);
    var dirty = this.files.isDirty();
    element("code-title").textContent = this.path + (this.files.isText(this.path) ? "" : " · " + (file.size || 0).toLocaleString() + " bytes");
    element("work-state").textContent = "Revision " + this.files.number + (dirty ? ", with unsaved changes" : ", nothing changed");
    if (element("work-save")) element("work-save").disabled = !dirty;
    if (!this.editable) return;
    element("file-entry").hidden = this.files.isEntry(this.path) || !this.files.mayBeEntry(this.path);
    element("file-delete").disabled = this.files.paths().length < 2;
  };

  Page.prototype.tab = function (name) {
    TABS.forEach(function (other) {
      var chosen = other === name;
      element("panel-" + other).hidden = !chosen;
      element("tab-" + other).classList.toggle("active", chosen);
      element("tab-" + other).setAttribute("aria-selected", String(chosen));
      element("tab-" + other).tabIndex = chosen ? 0 : -1;
    });
    element("work").classList.toggle("is-wide", name === "graph");
    this.shown = name;
    if (name === "graph") this.redraw();
  };

  Page.prototype.say = function (text, kind) {
    var line = element("work-state");
    line.textContent = text;
    line.className = kind === "error" ? "text-danger" : "";
  };

  // --- checking while somebody types

  Page.prototype.later = function () {
    var self = this;
    element("work-state").className = "";
    this.refresh();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(function () {
      self.check();
      if (self.shown === "graph") self.redraw();
    }, PAUSE_BEFORE_CHECK);
  };

  // One check at a time; what changed meanwhile is checked after it.
  Page.prototype.check = function () {
    var self = this;
    if (this.checking) {
      this.again = true;
      return;
    }
    this.checking = true;
    this.files
      .post("check", {})
      .then(
        function (answer) {
          self.problems = answer.problems;
          self.refresh();
          self.mark();
        },
        function (error) {
          self.say(error.message, "error");
        },
      )
      .then(function () {
        self.checking = false;
        if (!self.again) return;
        self.again = false;
        self.check();
      });
  };

  Page.prototype.mark = function () {
    var path = this.path;
    var list = element("problem-list");
    list.textContent = "";
    this.problems.forEach(function (problem) {
      list.append(problemRow(problem));
    });
    element("problem-none").hidden = this.problems.length > 0;
    var count = element("problem-count");
    var errors = this.problems.filter(function (problem) {
      return problem.severity === "error";
    }).length;
    count.hidden = !this.problems.length;
    count.textContent = this.problems.length;
    count.className = "badge ms-2 " + (errors ? "bg-red-lt" : "bg-yellow-lt");
    if (!this.files.isText(path)) return;
    this.code.mark(
      this.problems.filter(function (problem) {
        return problem.file === path;
      }),
    );
  };

  function problemRow(problem) {
    var item = document.createElement("li");
    var button = document.createElement("button");
    button.type = "button";
    button.className = "is-" + problem.severity;
    button.dataset.file = problem.file;
    button.dataset.line = problem.line;
    button.dataset.column = problem.column;
    var place = document.createElement("span");
    place.className = "mono text-secondary";
    place.textContent = problem.file + ":" + problem.line + ":" + problem.column;
    var kind = document.createElement("span");
    kind.className = "visually-hidden";
    kind.textContent = problem.severity + ": ";
    button.append(kind, problem.message, place);
    item.append(button);
    return item;
  }

  Page.prototype.redraw = function () {
    var self = this;
    if (this.shown !== "graph") return;
    this.files.post("draw", { coverage: this.coverage }).then(
      function (answer) {
        self.graph.draw(answer.html);
      },
      function (error) {
        self.say(error.message, "error");
      },
    );
  };

  // --- saving

  Page.prototype.save = function () {
    var self = this;
    if (!this.editable || !this.files.isDirty() || this.saving) return;
    this.saving = true;
    this.say("Saving…");
    var sent = new Map();
    this.files.all.forEach(function (file, path) {
      sent.set(path, file.text);
    });
    this.files
      .post("save", { seen: this.files.seen })
      .then(
        function (kept) {
          self.saved(kept, sent);
        },
        function (error) {
          if (error.conflict) self.conflict(error.conflict);
          else self.say(error.message, "error");
        },
      )
      .then(function () {
        self.saving = false;
      });
  };

  // What was typed while the server saved stays unsaved.
  Page.prototype.saved = function (kept, sent) {
    this.files.base = this.files.seen = kept.base;
    this.files.number = kept.number;
    this.files.deleted.clear();
    this.files.baseEntry = this.files.entry = kept.entry;
    this.files.all.forEach(function (file, path) {
      if (!sent.has(path)) return;
      file.was = path;
      file.saved = sent.get(path);
      if (file.base64 !== undefined) delete file.base64;
    });
    if (element("file-undo")) element("file-undo").hidden = true;
    element("work-page").href = kept.page;
    element("work-export").href = kept.page + "/export";
    history.replaceState(null, "", kept.edit);
    this.problems = kept.problems;
    this.refresh();
    this.mark();
    this.say("Saved as revision " + kept.number + ", a draft");
  };

  Page.prototype.conflict = function (other) {
    var self = this;
    var dialog = element("conflict-dialog");
    element("conflict-text").textContent =
      other.by + " saved revision " + other.number + " while you worked on revision " + this.files.number + ". Changed there: " +
      (other.theirs.join(", ") || "nothing but the order of things") + ".";
    element("conflict-both").textContent = other.both.length
      ? "You both changed " + other.both.join(", ") + ": put on top of theirs, your text of it is the one that counts."
      : "";
    element("conflict-link").href = other.page;
    this.say("Not saved: revision " + other.number + " came first", "error");
    dialog.addEventListener(
      "close",
      function () {
        if (dialog.returnValue !== "both" && dialog.returnValue !== "mine") return;
        self.files.seen = other.seen;
        if (dialog.returnValue === "both") self.onTopOf(other.seen);
        else self.save();
      },
      { once: true },
    );
    dialog.returnValue = "";
    dialog.showModal();
  };

  // Save the changes onto the other revision, then show the outcome of both.
  Page.prototype.onTopOf = function (base) {
    var self = this;
    this.files.post("save", { base: base, seen: base }).then(
      function (kept) {
        self.files.rebase({}, self.files.entry);
        location.assign(kept.edit);
      },
      function (error) {
        if (error.conflict) self.conflict(error.conflict);
        else self.say(error.message, "error");
      },
    );
  };

  document.addEventListener("DOMContentLoaded", function () {
    if (element("work")) new Page();
  });
})();
