// The part of a session that lives in ECMAScript. Evaluates to `find(name)`, which hands out the operations below.
// Scopes are objects held by number, so that nothing but numbers, strings and booleans crosses the border.
//
// Scripts may replace every builtin of their session. What is used here was taken before they ran and is reached through
// no prototype: no methods of arrays, strings or maps, no spreading, no for-of, no plain object as a table or descriptor.
(function () {
  const { stringify, parse } = JSON, { apply } = Reflect, { isArray } = Array;
  const { hasOwn, defineProperty: define, getOwnPropertyNames: namesOf, keys: keysOf, assign, freeze, isFrozen } = Object;
  const Code = Function, Text = String, Undeclared = ReferenceError, Mistyped = TypeError, Moment = Date;
  const exec = RegExp.prototype.exec, { indexOf, split } = Text.prototype;
  const scopes = [], codes = { __proto__: null }, plain = { __proto__: null }, known = { __proto__: null };
  for (const name of namesOf(globalThis)) known[name] = true;

  // Strict inside: assignment to an undeclared name is a ReferenceError. What strict mode refuses to parse
  // (octal literals, `with`) is compiled sloppily, as ECMAScript of VoiceXML's day allowed it.
  // The names of the five scopes are none that a page would use: it must see no variable of ours.
  const AROUND = "with($1$)with($2$)with($3$)with($4$)with($5$)";
  function compile(source) {
    try {
      return new Code("$1$", "$2$", "$3$", "$4$", "$5$",
        AROUND + 'return(function(){"use strict";return(\n' + source + "\n)})()");
    } catch (error) {
      return new Code("$1$", "$2$", "$3$", "$4$", "$5$", AROUND + "return(\n" + source + "\n)");
    }
  }

  const NAME = /^[A-Za-z_$][\w$]*$/;
  const WORDS = " true false null undefined this new typeof void delete function class super in instanceof arguments " +
    "eval if else for while do return throw try switch var let const await yield async import ";
  function isPlain(source) {
    return source.length < 40 && apply(exec, NAME, [source]) !== null && apply(indexOf, WORDS, [" " + source + " "]) < 0;
  }

  // A plain name is most of what pages evaluate, and not worth a compilation.
  function evaluate(source, a, b, c, d, e) {
    if (plain[source] ?? (plain[source] = isPlain(source))) {
      let scope;
      if (source in (scope = scopes[e]) || source in (scope = scopes[d]) || source in (scope = scopes[c]) ||
          source in (scope = scopes[b]) || source in (scope = scopes[a])) return scope[source];
    }
    const code = codes[source] || (codes[source] = compile(source));
    return code(scopes[a], scopes[b], scopes[c], scopes[d], scopes[e]);
  }

  const MOST = 1 << 20;
  function out(text) {
    if (text.length > MOST) throw new Mistyped("a value of " + text.length + " characters is too long to be used");
    return text;
  }

  function encode(value) {
    const text = stringify(value);
    return text === undefined ? "u" : out(text);
  }

  function sweepGlobals() {
    const names = namesOf(globalThis);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (!known[name]) {
        delete globalThis[name];
        throw new Undeclared("assignment to undeclared variable " + name);
      }
    }
  }

  // Names that a grammar's tag assigned without declaring them are its grammar's.
  function takeGlobals(scope) {
    const names = namesOf(globalThis);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (!known[name]) {
        scope[name] = globalThis[name];
        delete globalThis[name];
      }
    }
  }

  // Top-level names of a script become live accessors of its scope, so that functions declared in it,
  // later scripts and expressions all share one variable.
  function shared(name) {
    const text = stringify(name);
    return "if($has($scope," + text + ")){const held=$scope[" + text + "];" +
      "try{if(typeof " + name + "==='undefined')" + name + "=held}catch(unready){}}" +
      "$define($scope," + text + ",{__proto__:null,get(){return " + name + "},set($v){" + name + "=$v}," +
      "enumerable:true,configurable:true});";
  }

  // What a value comes to in a request, as JSON: strings by name, members of objects and arrays each for itself.
  function flatten(name, value, depth) {
    if (value === undefined) return "";
    if (depth > 32) throw new Mistyped(name + " nests too deeply to be sent");
    const parts = value !== null && typeof value === "object" && !(value instanceof Moment);
    if (!parts) return ",[" + stringify(name) + "," + stringify(Text(value)) + "]";
    const keys = keysOf(value);
    let found = "";
    for (let i = 0; i < keys.length; i++) found += flatten(name + "." + keys[i], value[keys[i]], depth + 1);
    return found;
  }

  function setPath(root, path, value) {
    const parts = apply(split, path, ["."]), last = parts.length - 1;
    let at = root;
    for (let i = 0; i < last; i++) at = hasOwn(at, parts[i]) ? at[parts[i]] : (at[parts[i]] = {});
    at[parts[last]] = value;
  }

  function deepFreeze(value) {
    if (value && typeof value === "object" && !isFrozen(value)) {
      freeze(value);
      const names = namesOf(value);
      for (let i = 0; i < names.length; i++) deepFreeze(value[names[i]]);
    }
  }

  const operations = {
    __proto__: null,
    scope(id, name) {
      const made = scopes[id] = { __proto__: null };
      if (name) define(made, name, { __proto__: null, value: made, configurable: true });
    },
    alias(id, name) { define(scopes[id], name, { __proto__: null, value: scopes[id], configurable: true }); },
    freeze(id) { deepFreeze(scopes[id]); },
    json(source, a, b, c, d, e) { return encode(evaluate(source, a, b, c, d, e)); },
    test(source, a, b, c, d, e) { return !!evaluate(source, a, b, c, d, e); },
    text(source, a, b, c, d, e) { return out(stringify(Text(evaluate(source, a, b, c, d, e)))); },
    run(source, a, b, c, d, e) { evaluate(source, a, b, c, d, e); },
    // As ECMAScript's `var`: declaring anew without a value keeps the one that is there.
    declare(id, name) { if (!hasOwn(scopes[id], name)) scopes[id][name] = undefined; },
    define(id, name, source, a, b, c, d, e) { scopes[id][name] = evaluate(source, a, b, c, d, e); },
    set(id, name, json) { scopes[id][name] = json === "u" ? undefined : parse(json); },
    filled(id, name) { return scopes[id][name] !== undefined; },
    fields(names, a, b, c, d, e) {
      const list = parse(names);
      let found = "";
      for (let i = 0; i < list.length; i++) found += flatten(list[i], evaluate(list[i], a, b, c, d, e), 0);
      return out(found);
    },
    // Between the scopes of a subdialog and its caller values go as they are, whatever they are.
    members(id, name, names, a, b, c, d, e) {
      const list = parse(names), made = {};
      for (let i = 0; i < list.length; i++) setPath(made, list[i], evaluate(list[i], a, b, c, d, e));
      scopes[id][name] = made;
    },
    copy(id, name, from, source) { scopes[id][name] = scopes[from][source]; },
    document(id, name, build, json) { scopes[id][name] = build(json); },
    script(source, names, target, a, b, c, d, e) {
      const list = parse(names);
      let head = "";
      for (let i = 0; i < list.length; i++) head += shared(list[i]);
      const code = new Code("$1$", "$2$", "$3$", "$4$", "$5$", "$scope", "$has", "$define",
        AROUND + "return(function(){" + head + "\n" + source + "\n})()");
      code(scopes[a], scopes[b], scopes[c], scopes[d], scopes[e], scopes[target], hasOwn, define);
      sweepGlobals();
    },
    syntax(source) { new Code("return(\n" + source + "\n)"); },
    block(source) { new Code(source); },
    interpret(interpreter, scripts, steps) { return encode(interpreter(parse(scripts), parse(steps), takeGlobals)); },
    lastresult(id, json) {
      const results = parse(json);
      scopes[id]["lastresult$"] = assign(results, results[0]);
    },
    // A copy is gone through, so that what the loop does to the array does not matter (VoiceXML 2.1 section 6).
    loop(id, source, a, b, c, d, e) {
      const value = evaluate(source, a, b, c, d, e);
      if (!isArray(value)) throw new Mistyped(source + " is not an array");
      const copy = [], length = value.length >>> 0;
      for (let i = 0; i < length; i++) copy[i] = value[i];
      define(scopes[id], " loop", { __proto__: null, value: copy, configurable: true });
      return length;
    },
    element(id, name, from, index) { scopes[id][name] = scopes[from][" loop"][index]; },
  };
  return (name) => operations[name];
})()
