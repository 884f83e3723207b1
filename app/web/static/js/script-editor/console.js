// A conversation with the script: what the caller does goes to the sandbox, what the script says comes back.
(function () {
  "use strict";

  var SPOKEN = { prompt: "is-script", key: "is-caller", spoken: "is-caller", ended: "is-end", posted: "is-note", log: "is-note" };
  var WORDS = { key: "Key", spoken: "Says", ended: "Ended", posted: "Posted", log: "Log", prompt: "", silence: "Silence" };
  var LONGEST_WAIT = 3000;
  // Where the script's files seem to lie in the sandbox.
  var FILES_AT = "http://script.invalid/";

  function element(id) {
    return document.getElementById(id);
  }

  function TryOut(files) {
    this.files = files;
    this.key = "";
    this.lines = [];
    this.queue = Promise.resolve();
    this.timer = 0;
    var self = this;
    element("try-form").addEventListener("submit", function (event) {
      event.preventDefault();
      self.start();
    });
    element("try-say").addEventListener("submit", function (event) {
      event.preventDefault();
      var text = element("try-text").value.trim();
      element("try-text").value = "";
      if (text) self.act({ say: text });
    });
    element("try-acts").addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.key) self.act({ keys: button.dataset.key });
      if (button.dataset.act === "silence") self.act({ silence: true });
      if (button.dataset.act === "hangup") self.act({ hangup: true });
    });
    [element("try-lines"), element("try-acts").querySelector(".try-keys")].forEach(function (part) {
      part.addEventListener("keydown", function (event) {
        if (!/^[0-9*#]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        self.act({ keys: event.key });
      });
    });
    element("try-trace").addEventListener("change", function (event) {
      element("try-lines").classList.toggle("is-traced", event.target.checked);
    });
    element("try-download").addEventListener("click", this.download.bind(this));
    window.addEventListener("pagehide", function () {
      if (!self.key) return;
      self.files.post("tries/" + self.key, { close: true }, false).catch(function () {});
    });
  }

  TryOut.prototype.start = function () {
    var self = this;
    var old = this.key;
    clearTimeout(this.timer);
    this.key = "";
    this.lines = [];
    element("try-lines").textContent = "";
    element("try-variables").textContent = "";
    element("try-start").disabled = true;
    element("try-error").hidden = true;
    if (old) this.files.post("tries/" + old, { close: true }, false).catch(function () {});
    this.queue = this.files.post("tries", { values: element("try-values").value }).then(
      function (answer) {
        self.key = answer.key;
        element("try-talk").hidden = false;
        element("try-start").lastChild.textContent = "Start again";
        element("try-values-part").open = false;
        element("try-download").hidden = element("try-trace-label").hidden = false;
        self.take(answer);
        element("try-lines").focus();
      },
      function (error) {
        self.fail(error);
      },
    );
    this.queue.then(function () {
      element("try-start").disabled = false;
    });
  };

  // One act after the other, in the order in which they were done.
  TryOut.prototype.act = function (what) {
    var self = this;
    clearTimeout(this.timer);
    this.queue = this.queue.then(function () {
      if (!self.key || self.over) return undefined;
      if (what.silence && !what.timed) self.add("silence", "");
      return self.files.post("tries/" + self.key, what, false).then(
        function (answer) {
          self.take(answer);
        },
        function (error) {
          self.fail(error);
        },
      );
    });
  };

  TryOut.prototype.take = function (answer) {
    var self = this;
    answer.lines.forEach(function (line) {
      if (line[0] !== "silence") self.add(line[0], line[1]);
    });
    this.over = Boolean(answer.ended);
    element("try-acts").disabled = this.over;
    if (answer.variables) this.showVariables(answer.variables);
    if (this.over) {
      this.say("The call is over: " + answer.ended + (answer.detail ? ", " + answer.detail : "") + ".");
    } else if (answer.typing) {
      // More keys may follow; after the script's own patience the answer stands as it is.
      this.say("Waits for more keys…");
      this.timer = setTimeout(
        function () {
          self.act({ silence: true, timed: true });
        },
        Math.min(answer.waits * 1000, LONGEST_WAIT),
      );
    } else {
      this.say("The script waits for the caller. Time stands still until you do something.");
    }
  };

  TryOut.prototype.say = function (text) {
    element("try-state").textContent = text;
  };

  TryOut.prototype.fail = function (error) {
    this.key = "";
    this.over = true;
    element("try-acts").disabled = true;
    this.say("");
    var box = element("try-error");
    box.textContent = error.message;
    box.hidden = false;
  };

  TryOut.prototype.add = function (kind, text) {
    text = text.replace(FILES_AT, "");
    this.lines.push([kind, text]);
    var item = document.createElement("p");
    item.className = SPOKEN[kind] || (kind === "silence" ? "is-caller" : "is-step");
    if (WORDS[kind] !== "") {
      var what = document.createElement("span");
      what.className = "try-kind";
      what.textContent = WORDS[kind] || kind;
      item.append(what);
    }
    item.append(document.createTextNode(text));
    var list = element("try-lines");
    list.append(item);
    list.scrollTop = list.scrollHeight;
  };

  TryOut.prototype.showVariables = function (scopes) {
    var holder = element("try-variables");
    holder.textContent = "";
    Object.keys(scopes).forEach(function (scope) {
      var names = Object.keys(scopes[scope]);
      if (!names.length) return;
      var table = document.createElement("table");
      table.className = "table table-sm";
      var caption = table.createCaption();
      caption.textContent = scope;
      var body = table.createTBody();
      names.forEach(function (name) {
        var row = body.insertRow();
        var head = document.createElement("th");
        head.scope = "row";
        head.textContent = name;
        row.append(head);
        row.insertCell().textContent = scopes[scope][name];
      });
      holder.append(table);
    });
  };

  TryOut.prototype.download = function () {
    var width = 10;
    var text = this.lines
      .map(function (line) {
        return line[0].padStart(width) + "  " + line[1];
      })
      .join("\n");
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "text/plain" }));
    link.download = "transcript.txt";
    link.click();
    URL.revokeObjectURL(link.href);
  };

  window.clarionScript.TryOut = TryOut;
})();
