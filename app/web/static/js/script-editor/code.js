// The text of one file at a time in CodeMirror: highlighting, completion from the schema, check marks and coverage in
// the margin. Each file keeps its own history, cursor and marks while another one is shown.
(function () {
  "use strict";

  var cm = window.CodeMirror;
  var script = window.clarionScript;
  var t = cm.tags;

  var look = cm.HighlightStyle.define([
    { tag: [t.tagName, t.keyword], class: "tok-tag" },
    { tag: t.angleBracket, class: "tok-bracket" },
    { tag: [t.attributeName, t.propertyName, t.definition(t.propertyName)], class: "tok-name" },
    { tag: [t.attributeValue, t.string, t.special(t.string)], class: "tok-value" },
    { tag: [t.comment, t.blockComment, t.lineComment], class: "tok-comment" },
    { tag: [t.processingInstruction, t.documentMeta, t.meta], class: "tok-meta" },
    { tag: [t.number, t.bool, t.null, t.character], class: "tok-number" },
    { tag: t.invalid, class: "tok-invalid" },
  ]);

  function Mark(ran) {
    this.ran = ran;
  }
  Mark.prototype = Object.create(cm.GutterMarker.prototype);
  Mark.prototype.eq = function (other) {
    return other.ran === this.ran;
  };
  Mark.prototype.toDOM = function () {
    var dot = document.createElement("span");
    dot.className = this.ran ? "cover-mark is-ran" : "cover-mark";
    dot.title = this.ran ? "Ran in the last test run" : "Did not run in the last test run";
    return dot;
  };

  var setCoverage = cm.StateEffect.define();
  var coverage = cm.StateField.define({
    create: function () {
      return cm.RangeSet.empty;
    },
    update: function (marks, change) {
      marks = marks.map(change.changes);
      change.effects.forEach(function (effect) {
        if (effect.is(setCoverage)) marks = effect.value;
      });
      return marks;
    },
  });

  function elementsFor(path, listed) {
    var tops = /\.grxml$/i.test(path) ? ["grammar"] : ["vxml", "grammar", "speak"];
    return listed.map(function (one) {
      return {
        name: one[0],
        top: tops.indexOf(one[0]) >= 0,
        children: one[1],
        attributes: Object.keys(one[2]).map(function (name) {
          return { name: name, values: one[2][name].length ? one[2][name] : undefined };
        }),
      };
    });
  }

  // Typing over a selection. The browser's own way carries the old text's look along in a style attribute, which the
  // content security policy forbids.
  function typeOver(event, view) {
    var chosen = view.state.selection.main;
    if (event.inputType !== "insertText" || event.data === null || view.composing || chosen.empty) return false;
    event.preventDefault();
    function usual() {
      var change = view.state.replaceSelection(event.data);
      return view.state.update(change, { userEvent: "input.type", scrollIntoView: true });
    }
    var taken = view.state.facet(cm.EditorView.inputHandler).some(function (handler) {
      return handler(view, chosen.from, chosen.to, event.data, usual);
    });
    if (!taken) view.dispatch(usual());
    return true;
  }

  // `on` is told of changes ("change"), and of Ctrl-S ("save").
  function Code(parent, options) {
    this.options = options;
    this.states = new Map();
    this.path = "";
    this.view = new cm.EditorView({ parent: parent, state: this.stateFor("", "") });
  }

  Code.prototype.language = function (path) {
    if (/\.(vxml|xml|grxml)$/i.test(path)) return cm.xml({ elements: elementsFor(path, this.options.elements) });
    if (/\.js$/i.test(path)) return cm.javascript();
    if (/\.yaml$/i.test(path)) return cm.yaml();
    return [];
  };

  Code.prototype.stateFor = function (path, text) {
    var self = this;
    var keys = [
      {
        key: "Mod-s",
        run: function () {
          self.options.on("save");
          return true;
        },
      },
    ];
    return cm.EditorState.create({
      doc: text,
      extensions: [
        cm.EditorView.cspNonce.of(this.options.nonce),
        cm.EditorState.readOnly.of(!this.options.editable),
        cm.EditorView.contentAttributes.of({
          "aria-label": path ? "Text of " + path : "No file",
          "aria-readonly": String(!this.options.editable),
          tabindex: "0",
        }),
        coverage,
        cm.gutter({
          class: "cover-gutter",
          markers: function (view) {
            return view.state.field(coverage);
          },
        }),
        cm.lineNumbers(),
        cm.highlightActiveLineGutter(),
        cm.highlightSpecialChars(),
        cm.history(),
        cm.foldGutter(),
        cm.lintGutter(),
        cm.drawSelection(),
        cm.dropCursor(),
        cm.EditorState.allowMultipleSelections.of(true),
        cm.indentOnInput(),
        cm.syntaxHighlighting(look),
        cm.bracketMatching(),
        cm.closeBrackets(),
        cm.autocompletion(),
        cm.highlightActiveLine(),
        cm.highlightSelectionMatches(),
        cm.EditorView.lineWrapping,
        cm.EditorView.domEventHandlers({ beforeinput: typeOver }),
        this.language(path),
        cm.keymap.of(
          keys.concat(
            cm.closeBracketsKeymap,
            cm.searchKeymap,
            cm.historyKeymap,
            cm.foldKeymap,
            cm.completionKeymap,
            cm.lintKeymap,
            [cm.indentWithTab],
            cm.defaultKeymap,
          ),
        ),
        cm.EditorView.updateListener.of(function (update) {
          if (update.docChanged) self.options.on("change", update.state.doc.toString());
        }),
      ],
    });
  };

  Code.prototype.show = function (path, text) {
    if (this.path) this.states.set(this.path, this.view.state);
    this.path = path;
    var state = this.states.get(path);
    this.view.setState(state && state.doc.toString() === text ? state : this.stateFor(path, text));
  };

  Code.prototype.rename = function (path, to) {
    this.states.delete(path);
    if (this.path === path) this.path = "";
  };

  Code.prototype.forget = function () {
    this.states.clear();
    this.path = "";
  };

  Code.prototype.mark = function (problems) {
    var doc = this.view.state.doc;
    var marks = problems.map(function (problem) {
      var line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
      var from = Math.min(line.from + Math.max(problem.column - 1, 0), line.to);
      return { from: from, to: line.to, severity: problem.severity, message: problem.message };
    });
    this.view.dispatch(cm.setDiagnostics(this.view.state, marks));
  };

  // `places` are [kind, line, line of the dialog, ran]; a line of which anything did not run is marked so.
  Code.prototype.cover = function (places) {
    var lines = new Map();
    var doc = this.view.state.doc;
    places.forEach(function (place) {
      lines.set(place[1], lines.has(place[1]) ? lines.get(place[1]) && place[3] : place[3]);
    });
    var marks = [];
    lines.forEach(function (ran, line) {
      if (line <= doc.lines) marks.push(new Mark(ran).range(doc.line(line).from));
    });
    this.view.dispatch({ effects: setCoverage.of(cm.RangeSet.of(marks, true)) });
  };

  Code.prototype.goTo = function (line, column) {
    var doc = this.view.state.doc;
    var at = doc.line(Math.min(Math.max(line, 1), doc.lines));
    var place = Math.min(at.from + Math.max((column || 1) - 1, 0), at.to);
    this.view.dispatch({
      selection: { anchor: place },
      effects: cm.EditorView.scrollIntoView(place, { y: "center" }),
    });
    this.view.focus();
  };

  script.Code = Code;
})();
