// The script as it stands in the editor: its files, what changed since the revision it is based on, and the requests
// that carry both to the server.
(function () {
  "use strict";

  var ENDINGS = /\.(vxml|xml|grxml|gram|js|txt|wav|ul|vxmltest\.yaml)$/i;
  var DOCUMENT = /\.(vxml|xml)$/i;
  var TEXT = /\.(vxml|xml|grxml|gram|js|txt|vxmltest\.yaml)$/i;

  function Files(work) {
    this.base = work.base;
    this.seen = work.seen;
    this.number = work.number;
    this.at = work.at;
    this.rebase(work.files, work.entry);
  }

  // `saved` is a file's text in the base revision, `was` its path there; a new file has neither.
  Files.prototype.rebase = function (files, entry) {
    var self = this;
    this.all = new Map();
    this.deleted = new Map();
    this.baseEntry = this.entry = entry;
    Object.keys(files).forEach(function (path) {
      var file = files[path];
      self.all.set(path, { text: file.text, saved: file.text, size: file.size, was: path });
    });
  };

  Files.prototype.paths = function () {
    return Array.from(this.all.keys()).sort();
  };

  Files.prototype.get = function (path) {
    return this.all.get(path);
  };

  Files.prototype.isText = function (path) {
    var file = this.all.get(path);
    return Boolean(file) && typeof file.text === "string";
  };

  Files.prototype.complaint = function (path, but) {
    if (!path) return "Give the file a name.";
    if (!ENDINGS.test(path)) return "Let it end in .vxml, .xml, .grxml, .gram, .js, .txt, .wav, .ul or .vxmltest.yaml.";
    if (/^\/|\\|(^|\/)\.\.?(\/|$)|\/\/|:/.test(path)) return "Use a plain path inside the script, such as audio/hello.wav.";
    if (path !== but && this.all.has(path)) return "There is a file of that name already.";
    return "";
  };

  Files.prototype.add = function (path, text) {
    this.all.set(path, { text: text });
  };

  // Bytes from this computer; text is opened as text, so that it can be edited at once.
  Files.prototype.addBytes = function (path, buffer) {
    var bytes = new Uint8Array(buffer);
    var old = this.all.get(path) || {};
    var made = { was: old.was, saved: old.saved, size: bytes.length };
    if (TEXT.test(path)) {
      try {
        made.text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      } catch (error) {
        made.text = undefined;
      }
    }
    if (made.text === undefined) {
      var letters = [];
      for (var at = 0; at < bytes.length; at += 8192) {
        letters.push(String.fromCharCode.apply(null, bytes.subarray(at, at + 8192)));
      }
      made.base64 = btoa(letters.join(""));
    }
    this.all.set(path, made);
  };

  Files.prototype.rename = function (path, to) {
    this.all.set(to, this.all.get(path));
    this.all.delete(path);
    if (this.entry === path) this.entry = to;
  };

  Files.prototype.remove = function (path) {
    this.deleted.set(path, this.all.get(path));
    this.all.delete(path);
  };

  Files.prototype.restore = function (path) {
    this.all.set(path, this.deleted.get(path));
    this.deleted.delete(path);
  };

  Files.prototype.isEntry = function (path) {
    return path === this.entry;
  };

  Files.prototype.mayBeEntry = function (path) {
    return DOCUMENT.test(path);
  };

  Files.prototype.isChanged = function (path) {
    var file = this.all.get(path);
    return file.was !== path || file.base64 !== undefined || file.text !== file.saved;
  };

  Files.prototype.changes = function () {
    var files = {};
    var moved = {};
    this.deleted.forEach(function (file, path) {
      if (file && file.was) files[file.was] = null;
    });
    this.all.forEach(function (file, path) {
      if (file.was && file.was !== path) moved[path] = file.was;
    });
    this.all.forEach(function (file, path) {
      if (file.base64 !== undefined) files[path] = { base64: file.base64 };
      else if (typeof file.text === "string" && file.text !== file.saved) files[path] = { text: file.text };
    });
    var made = { files: files, moved: moved };
    if (this.entry !== this.baseEntry) made.entry = this.entry;
    return made;
  };

  Files.prototype.isDirty = function () {
    var made = this.changes();
    return Boolean(Object.keys(made.files).length || Object.keys(made.moved).length || made.entry);
  };

  // POST to the script's `draft` addresses; rejects with an Error that says what is wrong.
  Files.prototype.post = function (what, more, withChanges) {
    var body = Object.assign({ base: this.base }, withChanges === false ? {} : { changes: this.changes() }, more);
    var headers = JSON.parse(document.body.getAttribute("hx-headers"));
    headers["Content-Type"] = "application/json";
    headers.Accept = "application/json, text/plain";
    return fetch(this.at + "/draft/" + what, { method: "POST", headers: headers, body: JSON.stringify(body) }).then(
      function (answer) {
        if (answer.redirected) throw new Error("You are signed out. Sign in in another tab, then go on here.");
        if (answer.ok || (answer.status === 409 && /json/.test(answer.headers.get("Content-Type")))) {
          return answer.json().then(function (loaded) {
            if (answer.ok) return loaded;
            throw Object.assign(new Error("conflict"), { conflict: loaded });
          });
        }
        return answer.text().then(function (text) {
          throw new Error(text.trim() || "Clarion does not answer; try again in a moment.");
        });
      },
      function () {
        throw new Error("Clarion cannot be reached; try again in a moment.");
      },
    );
  };

  window.clarionScript = { Files: Files };
})();
