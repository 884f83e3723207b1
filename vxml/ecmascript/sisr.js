// Loaded when a session first has a grammar with tags. Evaluates to `interpret(header tags, steps, takeGlobals)`.
(function () {
  const stringify = JSON.stringify, own = Object.prototype.hasOwnProperty;
  const compiled = new Map();

  function compile(text, names) {
    let code = compiled.get(text);
    if (code === undefined) {
      let after = "";
      for (const name of names) after += "if(typeof " + name + "==='function')$inner[" + stringify(name) + "]=" + name + ";";
      code = new Function("$outer", "$inner", "with($outer)with($inner){\n" + text + "\n;" + after + "}");
      compiled.set(text, code);
    }
    return code;
  }

  // SISR 1.0. Header tags make a grammar's own scope; each rule has one inside it with `out`, `rules` and `meta`.
  // `declared` are the names that the tag declares: they must live on for the rule's later tags. Names that it merely
  // assigns become the grammar's, as ECMAScript has it.
  function runTag(text, declared, outer, inner, takeGlobals) {
    const names = declared ? declared.split(",") : [];
    for (const name of names) if (!own.call(inner, name)) inner[name] = undefined;
    compile(text, names)(outer, inner);
    takeGlobals(outer);
  }

  function enter(name, outer) {
    const frame = {
      name, outer, text: [], tagged: false, referred: false, last: undefined, lastMeta: undefined,
      vars: { out: {}, rules: {}, meta: {} },
    };
    frame.vars.rules.latest = () => frame.last;
    frame.vars.meta.latest = () => frame.lastMeta;
    frame.vars.meta.current = () => ({ text: frame.text.join(" "), score: 1 });
    return frame;
  }

  // What a rule without tags means (section 5): its last reference, without any its words.
  function valueOf(frame, joint) {
    return frame.tagged ? frame.vars.out : frame.referred ? frame.last : frame.text.join(joint);
  }

  function interpret(scripts, steps, takeGlobals) {
    const stack = [], scopes = new Map();
    const scope = (grammar) => {
      if (!scopes.has(grammar)) scopes.set(grammar, Object.create(null));
      return scopes.get(grammar);
    };
    let frame = null;
    for (const [grammar, text, names] of scripts) runTag(text, names, Object.create(null), scope(grammar), takeGlobals);
    for (const [kind, text, more] of steps) {
      if (kind === "enter") {
        frame = enter(text, scope(more));
        stack.push(frame);
      } else if (kind === "token" || kind === "garbage") {
        for (const open of stack) open.text.push(text);
      } else if (kind === "tag") {
        frame.tagged = true;
        runTag(text, more, frame.outer, frame.vars, takeGlobals);
      } else if (kind === "literal") {
        frame.tagged = true;
        frame.vars.out = text;
      } else {
        stack.pop();
        const value = valueOf(frame, kind === "exit-dtmf" ? "" : " ");
        const parent = stack[stack.length - 1];
        if (!parent) return value;
        parent.vars.rules[frame.name] = parent.last = value;
        parent.vars.meta[frame.name] = parent.lastMeta = { text: frame.text.join(" "), score: 1 };
        parent.referred = true;
        frame = parent;
      }
    }
  }

  return interpret;
})()
