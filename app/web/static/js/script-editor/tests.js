// The script's unit tests: run, results, and the share of each file that ran.
(function () {
  "use strict";

  var TESTS = /\.vxmltest\.yaml$/i;

  function element(id) {
    return document.getElementById(id);
  }

  function make(tag, className, text) {
    var made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // `on.coverage(places by file)` is told what ran; `on.go(file, line)` and `on.make(path, text)` do as they say.
  function Tests(files, on) {
    this.files = files;
    this.on = on;
    element("tests-run").addEventListener("click", this.run.bind(this));
    if (element("tests-make")) element("tests-make").addEventListener("click", this.makeFile.bind(this));
    var self = this;
    element("coverage-list").addEventListener("click", function (event) {
      var button = event.target.closest("[data-file]");
      if (button) self.on.go(button.dataset.file, Number(button.dataset.line));
    });
  }

  Tests.prototype.refresh = function () {
    var any = this.files.paths().some(function (path) {
      return TESTS.test(path);
    });
    element("tests-none").hidden = any;
    element("tests-run").disabled = !any;
  };

  Tests.prototype.makeFile = function () {
    var entry = this.files.entry;
    var name = entry.replace(/\.\w+$/, "") + ".vxmltest.yaml";
    var text =
      "# What a caller does, and what the script is to answer. Run it in the panel or by `clarion vxml test`.\n" +
      "script: " + entry.split("/").pop() + "\n" +
      "values: {first_name: Ana}\n" +
      "tests:\n" +
      "  - name: the caller listens, then hangs up\n" +
      "    steps: []\n";
    this.on.make(name, text);
  };

  Tests.prototype.run = function () {
    var self = this;
    var button = element("tests-run");
    button.disabled = true;
    element("tests-error").hidden = true;
    element("tests-summary").textContent = "Running…";
    this.files
      .post("tests", {})
      .then(
        function (done) {
          self.show(done);
          self.on.coverage(done.coverage);
        },
        function (error) {
          element("tests-summary").textContent = "";
          element("tests-error").textContent = error.message;
          element("tests-error").hidden = false;
        },
      )
      .then(function () {
        button.disabled = false;
      });
  };

  Tests.prototype.show = function (done) {
    var failed = done.results.filter(function (result) {
      return result.problems.length;
    }).length;
    element("tests-summary").textContent = done.results.length - failed + " passed, " + failed + " failed";
    var list = element("tests-list");
    list.textContent = "";
    done.results.forEach(function (result) {
      list.append(row(result));
    });
    this.showCoverage(done.coverage);
  };

  function row(result) {
    var failed = result.problems.length > 0;
    var item = make("li", failed ? "is-failed" : "is-passed");
    var head = make("div", "work-test");
    head.append(make("span", "status status-" + (failed ? "red" : "green"), failed ? "Failed" : "Passed"));
    head.append(make("span", "work-test-name", result.name));
    item.append(head);
    result.problems.forEach(function (problem) {
      item.append(make("p", "work-test-problem", problem));
    });
    if (result.transcript.length) {
      var details = make("details", "");
      details.append(make("summary", "", "What was said and done"));
      var text = result.transcript.map(function (line) {
        return line[0].padStart(10) + "  " + line[1];
      });
      details.append(make("pre", "mb-0", text.join("\n")));
      item.append(details);
    }
    return item;
  }

  Tests.prototype.showCoverage = function (coverage) {
    var list = element("coverage-list");
    var names = Object.keys(coverage).sort();
    list.textContent = "";
    element("coverage").hidden = !names.length;
    names.forEach(function (name) {
      var places = coverage[name];
      var ran = places.filter(function (place) {
        return place[3];
      });
      var missed = places.find(function (place) {
        return !place[3];
      });
      var line = list.insertRow();
      var cell = line.insertCell();
      var button = make("button", "btn btn-link p-0 mono", name);
      button.type = "button";
      button.dataset.file = name;
      button.dataset.line = missed ? missed[1] : places[0][1];
      button.title = missed ? "To the first line that did not run" : "All of it ran";
      cell.append(button);
      var share = line.insertCell();
      share.className = "num";
      share.textContent = Math.floor((ran.length / places.length) * 100) + " %";
      var bar = document.createElement("progress");
      bar.className = "work-share";
      bar.max = places.length;
      bar.value = ran.length;
      bar.setAttribute("aria-label", name + ": " + ran.length + " of " + places.length);
      line.insertCell().append(bar);
    });
  };

  window.clarionScript.Tests = Tests;
})();
