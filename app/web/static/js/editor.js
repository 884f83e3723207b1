// Line numbers beside a text field with data-editor, and buttons that lead to a line of it.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    var text = document.querySelector("textarea[data-editor]");
    var gutter = document.querySelector("[data-editor-gutter]");
    if (!text || !gutter) return;
    var shown = 0;

    function number() {
      var count = text.value.split("\n").length;
      if (count === shown) return;
      shown = count;
      var numbers = [];
      for (var line = 1; line <= count; line += 1) numbers.push(line);
      gutter.textContent = numbers.join("\n");
      follow();
    }

    function follow() {
      gutter.scrollTop = text.scrollTop;
    }

    function goTo(line) {
      var lines = text.value.split("\n");
      var start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      var height = parseFloat(getComputedStyle(text).lineHeight);
      text.focus();
      text.setSelectionRange(start, start + (lines[line - 1] || "").length);
      text.scrollTop = Math.max(0, (line - 6) * height);
    }

    text.addEventListener("input", number);
    text.addEventListener("scroll", follow);
    document.addEventListener("click", function (event) {
      var button = event.target.closest("[data-go-to-line]");
      if (button) goTo(Number(button.dataset.goToLine));
    });
    number();
  });
})();
