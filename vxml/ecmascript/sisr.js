// Loaded when a session first has a grammar with tags. Evaluates to `interpret(header tags, steps, sweep)`.
(function () {
  const stringify = JSON.stringify, own = Object.prototype.hasOwnProperty;

  // SISR 1.0. Header tags make the grammar's own scope; each rule has one inside it with `out`, `rules` and `meta`.
  // `names` are those that the tag declares: they must live on for the rule's later tags.
  function runTag(text, names, outer, inner, sweep) {
    let after = "";
    for (const name of names ? names.split(",") : []) {
      if (!own.call(inner, name)) inner[name] = undefined;
      after += "if(typeof " + name + "==='function')$inner[" + stringify(name) + "]=" + name + ";";
    }
    const made = new Function("$outer", "$inner", "with($outer)with($inner){\n" + text + "\n;" + after + "}");
    made(outer, inner);
    sweep();
  }

  function interpret(scripts, steps, sweep) {
    const stack = [], outer = Object.create(null);
    let frame = null, done;
    for (const [text, names] of scripts) runTag(text, names, {}, outer, sweep);
    for (const [kind, text, names] of steps) {
      if (kind === "enter") {
        const opened = { name: text, vars: { out: {}, rules: {}, meta: {} }, text: [], tagged: false, last: undefined };
        opened.vars.rules.latest = () => opened.last;
        opened.vars.meta.latest = () => ({ text: "", score: 1 });
        opened.vars.meta.current = () => ({ text: opened.text.join(" "), score: 1 });
        frame = opened;
        stack.push(frame);
      } else if (kind === "token" || kind === "garbage") {
        for (const open of stack) open.text.push(text);
      } else if (kind === "tag") {
        frame.tagged = true;
        runTag(text, names, outer, frame.vars, sweep);
      } else if (kind === "literal") {
        frame.tagged = true;
        frame.vars.out = text;
      } else {
        stack.pop();
        const said = frame.text.join(kind === "exit-dtmf" ? "" : " ");
        const value = frame.tagged ? frame.vars.out : frame.last !== undefined ? frame.last : said;
        const parent = stack[stack.length - 1];
        if (!parent) { done = value; break; }
        parent.vars.rules[frame.name] = value;
        parent.last = value;
        const latest = { text: said, score: 1 };
        frame = parent;
        frame.vars.meta.latest = () => latest;
        frame.vars.meta[text] = latest;
      }
    }
    return done;
  }

  return interpret;
})()
