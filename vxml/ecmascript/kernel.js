// The part of a session that lives in ECMAScript. Evaluates to one function, `call(operation, ...arguments)`.
// Scopes are objects held by number, so that nothing but numbers, strings and booleans crosses the border.
(function () {
  const stringify = JSON.stringify, parse = JSON.parse;
  const own = Object.prototype.hasOwnProperty, define = Object.defineProperty;
  const scopes = [], compiled = new Map();
  const CHAIN = ["a", "b", "c", "d", "e"];
  const WITH = "with(a)with(b)with(c)with(d)with(e)";
  const known = new Set(Object.getOwnPropertyNames(globalThis));

  // Strict inside: assignment to an undeclared name is a ReferenceError. What strict mode refuses to parse
  // (octal literals, `with`) is compiled sloppily, as ECMAScript of VoiceXML's day allowed it.
  function compile(source) {
    let made = compiled.get(source);
    if (made === undefined) {
      try {
        made = new Function(...CHAIN, WITH + 'return(function(){"use strict";return(\n' + source + "\n)})()");
      } catch (error) {
        made = new Function(...CHAIN, WITH + "return(\n" + source + "\n)");
      }
      compiled.set(source, made);
    }
    return made;
  }

  const NAME = /^[A-Za-z_$][\w$]*$/, NUMBER = /^(?:0|[1-9]\d{0,14})$/, STRING = /^'[^'\\\n\r]*'$/;
  const WORDS = new Set(("true false null undefined this new typeof void delete function class super in instanceof " +
    "arguments eval if else for while do return throw try switch var let const await yield async import").split(" "));

  // A plain name or literal is most of what pages evaluate, and not worth a compilation.
  function evaluate(source, a, b, c, d, e) {
    if (source.length < 40 && !compiled.has(source)) {
      if (NUMBER.test(source)) return +source;
      if (STRING.test(source)) return source.slice(1, -1);
      if (NAME.test(source) && !WORDS.has(source)) {
        for (const id of [e, d, c, b, a]) {
          const scope = scopes[id];
          if (source in scope) return scope[source];
        }
      }
    }
    return compile(source)(scopes[a], scopes[b], scopes[c], scopes[d], scopes[e]);
  }

  function encode(value) {
    const text = stringify(value);
    return text === undefined ? "u" : text;
  }

  function sweepGlobals() {
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      if (!known.has(name)) {
        delete globalThis[name];
        throw new ReferenceError("assignment to undeclared variable " + name);
      }
    }
  }

  // Top-level names of a script become live accessors of its scope, so that functions declared in it,
  // later scripts and expressions all share one variable.
  function runScript(source, names, target, chain) {
    const scope = scopes[target];
    const list = names ? names.split(",") : [];
    let head = "";
    for (const name of list) {
      const text = stringify(name);
      head += "if($own.call($scope," + text + ")){const held=$scope[" + text + "];" +
        "try{if(typeof " + name + "==='undefined')" + name + "=held}catch(unready){}}" +
        "$define($scope," + text + ",{get(){return " + name + "},set($v){" + name + "=$v}," +
        "enumerable:true,configurable:true});";
    }
    const made = new Function(...CHAIN, "$scope", "$own", "$define",
      WITH + "return(function(){" + head + "\n" + source + "\n})()");
    made(...chain.map((id) => scopes[id]), scope, own, define);
    sweepGlobals();
  }

  function setPath(root, path, value) {
    const parts = path.split(".");
    const last = parts.pop();
    let at = root;
    for (const part of parts) at = own.call(at, part) ? at[part] : (at[part] = {});
    at[last] = value;
  }

  // What a value comes to in a request: strings by name, members of objects and arrays each for itself.
  function flatten(name, value, depth, found) {
    if (value === undefined) return;
    if (depth > 32) throw new TypeError(name + " nests too deeply to be sent");
    const parts = value !== null && typeof value === "object" && !(value instanceof Date);
    if (!parts) found.push([name, String(value)]);
    else for (const key of Object.keys(value)) flatten(name + "." + key, value[key], depth + 1, found);
  }

  function deepFreeze(value) {
    if (value && typeof value === "object" && !Object.isFrozen(value)) {
      Object.freeze(value);
      for (const key of Object.getOwnPropertyNames(value)) deepFreeze(value[key]);
    }
  }

  const operations = {
    scope(id, names) {
      const made = Object.create(null);
      for (const name of names ? names.split(",") : []) define(made, name, { value: made, configurable: true });
      scopes[id] = made;
    },
    alias(id, name) { define(scopes[id], name, { value: scopes[id], configurable: true }); },
    json(source, ...chain) { return encode(evaluate(source, ...chain)); },
    test(source, ...chain) { return !!evaluate(source, ...chain); },
    text(source, ...chain) { return encode(String(evaluate(source, ...chain))); },
    declare(id, name, source, ...chain) {
      // As ECMAScript's `var`: declaring anew without a value keeps the one that is there.
      if (source !== null) scopes[id][name] = evaluate(source, ...chain);
      else if (!own.call(scopes[id], name)) scopes[id][name] = undefined;
    },
    set(id, name, json) { scopes[id][name] = json === "u" ? undefined : parse(json); },
    get(id, name) { return encode(scopes[id][name]); },
    has(id, name) { return own.call(scopes[id], name); },
    filled(id, name) { return scopes[id][name] !== undefined; },
    path(id, path, json) { setPath(scopes[id], path, parse(json)); },
    fields(names, ...chain) {
      const found = [];
      for (const name of names.split(" ")) flatten(name, evaluate(name, ...chain), 0, found);
      return stringify(found);
    },
    // Between the scopes of a subdialog and its caller values go as they are, whatever they are.
    members(id, name, names, ...chain) {
      const made = {};
      for (const path of names ? names.split(" ") : []) setPath(made, path, evaluate(path, ...chain));
      scopes[id][name] = made;
    },
    copy(id, name, from, source) { scopes[id][name] = scopes[from][source]; },
    document(id, name, build, json) { scopes[id][name] = build(json); },
    freeze(id) { deepFreeze(scopes[id]); },
    assign(name, source, ...chain) { evaluate(name + "=(\n" + source + "\n)", ...chain); },
    script(source, names, target, ...chain) { runScript(source, names, target, chain); },
    syntax(source) { new Function("return(\n" + source + "\n)"); },
    block(source) { new Function(source); },
    interpret(interpreter, scripts, steps) { return encode(interpreter(parse(scripts), parse(steps), sweepGlobals)); },
    lastresult(id, json) {
      const results = parse(json);
      Object.assign(results, results[0]);
      scopes[id]["lastresult$"] = results;
    },
    // A copy is gone through, so that what the loop does to the array does not matter (VoiceXML 2.1 section 6).
    loop(id, source, ...chain) {
      const value = evaluate(source, ...chain);
      if (!Array.isArray(value)) throw new TypeError(source + " is not an array");
      define(scopes[id], " loop", { value: value.slice(), configurable: true });
      return value.length;
    },
    element(id, name, from, index) { scopes[id][name] = scopes[from][" loop"][index]; },
  };
  return (operation, ...rest) => operations[operation](...rest);
})()
