// Runs before the first paint, so that a dark page does not flash white.
(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function stored() {
    try {
      return localStorage.getItem("clarion-theme");
    } catch (error) {
      return null; // storage is forbidden in this browser: follow the system
    }
  }
  function apply() {
    var theme = stored() || (dark.matches ? "dark" : "light");
    document.documentElement.setAttribute("data-bs-theme", theme);
  }
  apply();
  dark.addEventListener("change", apply);
  window.clarionToggleTheme = function () {
    var next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("clarion-theme", next);
    } catch (error) {
      // Without storage the choice holds for this page only.
    }
    document.documentElement.setAttribute("data-bs-theme", next);
    document.dispatchEvent(new CustomEvent("clarion:theme"));
  };
})();
