// The read-only part of DOM Level 2 Core that VoiceXML 2.1 appendix D asks of <data>. Evaluates to a function that
// builds a document from JSON, the list of its top-level nodes: an element is
// [prefix, name, namespace, [[prefix, name, namespace, value]], [children]], text is a string, a comment {comment},
// a processing instruction {target, data}.
(function (json) {
  const fail = () => { throw new TypeError("the document is read-only"); };
  const found = (node) => node || null;
  const TYPES = { ELEMENT_NODE: 1, ATTRIBUTE_NODE: 2, TEXT_NODE: 3, CDATA_SECTION_NODE: 4, ENTITY_REFERENCE_NODE: 5,
    ENTITY_NODE: 6, PROCESSING_INSTRUCTION_NODE: 7, COMMENT_NODE: 8, DOCUMENT_NODE: 9, DOCUMENT_TYPE_NODE: 10,
    DOCUMENT_FRAGMENT_NODE: 11, NOTATION_NODE: 12 };

  function list(nodes) {
    return Object.defineProperty(nodes.slice(), "item", { value: (index) => found(nodes[index]) });
  }

  function link(parent, nodes, document) {
    nodes.forEach((node, index) => {
      node.parentNode = parent;
      node.ownerDocument = document;
      node.previousSibling = found(nodes[index - 1]);
      node.nextSibling = found(nodes[index + 1]);
    });
    parent.childNodes = list(nodes);
    parent.firstChild = found(nodes[0]);
    parent.lastChild = found(nodes[nodes.length - 1]);
  }

  function descendants(node, wanted) {
    const all = [];
    const walk = (at) => {
      for (const child of at.childNodes) {
        if (child.nodeType === 1) {
          if (wanted(child)) all.push(child);
          walk(child);
        }
      }
    };
    walk(node);
    return list(all);
  }

  const is = (wanted, has) => wanted === "*" || wanted === has;
  const shared = {
    ...TYPES,
    hasChildNodes() { return this.childNodes.length > 0; },
    hasAttributes() { return this.attributes !== null && this.attributes.length > 0; },
    getElementsByTagName(name) { return descendants(this, (node) => is(name, node.tagName)); },
    getElementsByTagNameNS(uri, name) {
      return descendants(this, (node) => is(uri, node.namespaceURI || "") && is(name, node.localName));
    },
    get textContent() {
      if (this.nodeType === 9) return null;
      if (this.nodeType !== 1) return this.nodeValue;
      return this.childNodes.filter((child) => child.nodeType === 1 || child.nodeType === 3)
        .map((child) => child.textContent).join("");
    },
    appendChild: fail, insertBefore: fail, removeChild: fail, replaceChild: fail, normalize: fail, cloneNode: fail,
    setAttribute: fail, setAttributeNS: fail, removeAttribute: fail, removeAttributeNS: fail, setAttributeNode: fail,
    createElement: fail, createTextNode: fail,
  };
  const element = {
    getAttribute(name) { const node = this.getAttributeNode(name); return node ? node.value : ""; },
    getAttributeNS(uri, name) { const node = this.getAttributeNodeNS(uri, name); return node ? node.value : ""; },
    getAttributeNode(name) { return this.attributes.getNamedItem(name); },
    getAttributeNodeNS(uri, name) { return this.attributes.getNamedItemNS(uri, name); },
    hasAttribute(name) { return this.getAttributeNode(name) !== null; },
    hasAttributeNS(uri, name) { return this.getAttributeNodeNS(uri, name) !== null; },
  };
  const character = {
    substringData(offset, count) { return this.data.substr(offset, count); },
    appendData: fail, insertData: fail, deleteData: fail, replaceData: fail,
  };

  function make(type, name, value, more) {
    const node = Object.create(shared);
    return Object.assign(node, {
      nodeType: type, nodeName: name, nodeValue: value, parentNode: null, ownerDocument: null, attributes: null,
      childNodes: list([]), firstChild: null, lastChild: null, previousSibling: null, nextSibling: null,
      prefix: null, localName: null, namespaceURI: null,
    }, more);
  }

  const qualified = (prefix, local) => prefix ? prefix + ":" + local : local;

  function attributes(given, owner, document) {
    const nodes = given.map(([prefix, localName, namespaceURI, value]) => {
      const name = qualified(prefix, localName);
      return make(2, name, value, { name, value, specified: true, ownerElement: owner, ownerDocument: document,
        prefix, localName, namespaceURI });
    });
    const all = list(nodes);
    all.getNamedItem = (name) => found(nodes.find((node) => node.name === name));
    all.getNamedItemNS = (uri, name) =>
      found(nodes.find((node) => (node.namespaceURI || "") === (uri || "") && node.localName === name));
    return all;
  }

  function build(source, document) {
    if (typeof source === "string") {
      return make(3, "#text", source, { data: source, length: source.length, ...character });
    }
    if (!Array.isArray(source)) {
      const { comment, target, data } = source;
      return comment === undefined ? make(7, target, data, { target, data })
        : make(8, "#comment", comment, { data: comment, length: comment.length, ...character });
    }
    const [prefix, localName, namespaceURI, given, children] = source;
    const name = qualified(prefix, localName);
    const node = make(1, name, null, { tagName: name, prefix, localName, namespaceURI, ...element });
    node.attributes = attributes(given, node, document);
    link(node, children.map((child) => build(child, document)), document);
    return node;
  }

  const document = make(9, "#document", null, { doctype: null });
  link(document, JSON.parse(json).map((node) => build(node, document)), document);
  document.documentElement = document.childNodes.find((node) => node.nodeType === 1);
  document.getElementById = (id) =>
    found(descendants(document, (node) => node.getAttribute("xml:id") === id)[0]);
  return document;
})
