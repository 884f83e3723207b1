// What every page needs: local times, confirmation of destructive actions, theme switch, copy buttons, file drop.
(function () {
  "use strict";

  var relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  var dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  var clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

  function ago(then) {
    var seconds = Math.round((then.getTime() - Date.now()) / 1000);
    var size = Math.abs(seconds);
    if (size < 60) return relative.format(seconds, "second");
    if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
    if (size < 86400) return relative.format(Math.round(seconds / 3600), "hour");
    if (size < 7 * 86400) return relative.format(Math.round(seconds / 86400), "day");
    return dateTime.format(then);
  }

  function showTimes(root) {
    root.querySelectorAll("time[data-show]").forEach(function (element) {
      var then = new Date(element.dateTime);
      if (isNaN(then)) return;
      var show = element.dataset.show;
      element.textContent = show === "ago" ? ago(then) : show === "clock" ? clock.format(then) : dateTime.format(then);
      element.title = dateTime.format(then) + " (" + element.dateTime + ")";
    });
  }

  function elapsed(root) {
    root.querySelectorAll("time[data-elapsed]").forEach(function (element) {
      var seconds = Math.max(0, Math.floor((Date.now() - new Date(element.dateTime).getTime()) / 1000));
      var rest = String(seconds % 60).padStart(2, "0");
      element.textContent = Math.floor(seconds / 60) + ":" + rest;
    });
  }

  // A form or button with data-confirm asks first, in a dialog that the keyboard can use.
  function askFirst(event) {
    var form = event.target;
    var button = event.submitter;
    var holder = button && button.dataset.confirm ? button : form;
    if (!holder.dataset || !holder.dataset.confirm || form.dataset.confirmed === "yes") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    var dialog = document.getElementById("confirm-dialog");
    dialog.querySelector("[data-confirm-title]").textContent = holder.dataset.confirmTitle || "Are you sure?";
    dialog.querySelector("[data-confirm-text]").textContent = holder.dataset.confirm;
    var yes = dialog.querySelector("[data-confirm-yes]");
    yes.textContent = holder.dataset.confirmYes || "Go ahead";
    yes.className = "btn btn-" + (holder.dataset.confirmKind || "danger");
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      function () {
        if (dialog.returnValue !== "yes") return;
        form.dataset.confirmed = "yes";
        form.requestSubmit(button || undefined);
        delete form.dataset.confirmed;
      },
      { once: true },
    );
    dialog.showModal();
  }

  function showChosenFile(input) {
    var label = document.querySelector('[data-file-name-of="' + input.id + '"]');
    if (label) label.textContent = input.files.length ? input.files[0].name : label.dataset.empty;
  }

  function dropZones(root) {
    root.querySelectorAll("[data-drop-zone]").forEach(function (zone) {
      if (zone.dataset.ready) return;
      zone.dataset.ready = "yes";
      var input = zone.querySelector("input[type=file]");
      ["dragenter", "dragover"].forEach(function (name) {
        zone.addEventListener(name, function (event) {
          event.preventDefault();
          zone.classList.add("is-over");
        });
      });
      ["dragleave", "drop"].forEach(function (name) {
        zone.addEventListener(name, function (event) {
          event.preventDefault();
          zone.classList.remove("is-over");
        });
      });
      zone.addEventListener("drop", function (event) {
        if (!event.dataTransfer.files.length) return;
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
    });
  }

  // Parts of a form that matter only for one choice: data-only-for="field=value|value" beside the field.
  function onlyFor(root) {
    root.querySelectorAll("[data-only-for]").forEach(function (part) {
      var rule = part.dataset.onlyFor.split("=");
      var fields = document.getElementsByName(rule[0]);
      var value = "";
      Array.prototype.forEach.call(fields, function (field) {
        if (field.type !== "radio" || field.checked) value = field.value;
      });
      part.hidden = rule[1].split("|").indexOf(value) < 0;
    });
  }

  function refresh(root) {
    showTimes(root);
    elapsed(root);
    dropZones(root);
    onlyFor(document);
  }
  window.clarionRefresh = refresh;

  document.addEventListener("submit", askFirst, true);
  document.addEventListener("change", function (event) {
    if (event.target.type === "file") showChosenFile(event.target);
    onlyFor(document);
  });
  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-action]");
    if (!target) return;
    if (target.dataset.action === "theme") window.clarionToggleTheme();
    if (target.dataset.action === "copy") {
      navigator.clipboard.writeText(target.dataset.copy).then(function () {
        target.setAttribute("aria-label", "Copied");
        target.classList.add("is-copied");
      });
    }
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    refresh(event.target.parentElement || document);
  });
  document.addEventListener("DOMContentLoaded", function () {
    refresh(document);
  });
  setInterval(function () {
    elapsed(document);
  }, 1000);
  setInterval(function () {
    showTimes(document);
  }, 30000);
})();
