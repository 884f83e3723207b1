// The read-only part of DOM Level 2 Core that VoiceXML 2.1 appendix D asks of <data>. Evaluates to a function that
// builds a document from JSON: an element is [name, namespace, {attributes}, [children]], text is a string.
(function (json) {
  const fail = () => { throw new TypeError("the document is read-only"); };

  function list(nodes) {
    return Object.defineProperty(nodes.slice(), "item", { value: (index) => nodes[index] || null });
  }

  function link(parent, nodes, document) {
    nodes.forEach((node, index) => {
      node.parentNode = parent;
      node.ownerDocument = document;
      node.previousSibling = nodes[index - 1] || null;
      node.nextSibling = nodes[index + 1] || null;
    });
    parent.childNodes = list(nodes);
    parent.firstChild = nodes[0] || null;
    parent.lastChild = nodes[nodes.length - 1] || null;
  }

  const shared = {
    hasChildNodes() { return this.childNodes.length > 0; },
    hasAttributes() { return this.attributes !== null && this.attributes.length > 0; },
    getAttribute(name) { const found = this.getAttributeNode(name); return found ? found.value : ""; },
    getAttributeNode(name) { return this.attributes.getNamedItem(name); },
    hasAttribute(name) { return this.getAttributeNode(name) !== null; },
    getElementsByTagName(name) {
      const found = [];
      const walk = (node) => {
        for (const child of node.childNodes) {
          if (child.nodeType === 1) {
            if (name === "*" || child.tagName === name) found.push(child);
            walk(child);
          }
        }
      };
      walk(this);
      return list(found);
    },
    get textContent() {
      return this.nodeType === 3 ? this.data : this.childNodes.map((child) => child.textContent).join("");
    },
    appendChild: fail, insertBefore: fail, removeChild: fail, replaceChild: fail, setAttribute: fail,
  };

  function make(type, name, value, more) {
    const node = Object.create(shared);
    return Object.assign(node, {
      nodeType: type, nodeName: name, nodeValue: value, parentNode: null, ownerDocument: null, attributes: null,
      childNodes: list([]), firstChild: null, lastChild: null, previousSibling: null, nextSibling: null,
    }, more);
  }

  function attributes(given, owner) {
    const nodes = Object.keys(given).map((name) =>
      make(2, name, given[name], { name, value: given[name], specified: true, ownerElement: owner }));
    const all = list(nodes);
    all.getNamedItem = (name) => nodes.find((node) => node.name === name) || null;
    return all;
  }

  function build(source, document) {
    if (typeof source === "string") {
      return make(3, "#text", source, { data: source, length: source.length });
    }
    const [name, namespace, given, children] = source;
    const local = name.slice(name.indexOf(":") + 1);
    const node = make(1, name, null, { tagName: name, localName: local, namespaceURI: namespace });
    node.attributes = attributes(given, node);
    link(node, children.map((child) => build(child, document)), document);
    return node;
  }

  const document = make(9, "#document", null, {});
  const root = build(JSON.parse(json), document);
  link(document, [root], document);
  document.documentElement = root;
  return document;
})
