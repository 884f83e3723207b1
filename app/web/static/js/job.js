// The live job page: listens to the stream of its job; where the stream cannot be reached it asks every two seconds.
(function () {
  "use strict";

  var POLL_SECONDS = 2;
  var RETRY_STREAM_SECONDS = 30;
  var root, dot, plot, chartData, source, pollTimer, failures = 0, ended = false;

  function say(state, words) {
    dot.dataset.state = state;
    if (dot.textContent !== words) dot.textContent = words;
  }

  function apply(message) {
    Object.keys(message.parts || {}).forEach(function (name) {
      var part = root.querySelector('[data-part="' + name + '"]');
      var inside = part.querySelector(".calls-body");
      var scrolled = inside ? inside.scrollTop : 0;
      part.innerHTML = message.parts[name];
      inside = part.querySelector(".calls-body");
      if (inside) inside.scrollTop = scrolled;
      window.clarionRefresh(part);
    });
    if (message.chart) draw(message.chart);
    document.querySelectorAll("form[data-states]").forEach(function (form) {
      form.hidden = form.dataset.states.split(" ").indexOf(message.state) < 0;
    });
    if (message.ended) finish();
  }

  function finish() {
    ended = true;
    if (source) source.close();
    clearTimeout(pollTimer);
    say("ended", "Ended");
  }

  function listen() {
    fetch(root.dataset.stream, { headers: { Accept: "application/json" }, credentials: "same-origin" })
      .then(function (answer) {
        if (answer.redirected || answer.status === 401) {
          window.location.reload(); // signed out: show the sign-in page
          throw new Error("signed out");
        }
        if (!answer.ok) throw new Error("stream address: " + answer.status);
        return answer.json();
      })
      .then(function (answer) {
        source = new EventSource(answer.url);
        source.onmessage = function (event) {
          failures = 0;
          clearTimeout(pollTimer);
          say("live", "Live");
          apply(JSON.parse(event.data));
        };
        source.onerror = function () {
          source.close();
          if (!ended) again();
        };
      })
      .catch(again);
  }

  function again() {
    if (ended) return;
    failures += 1;
    if (failures < 3) {
      setTimeout(listen, 500 * failures);
      return;
    }
    poll(Date.now() + RETRY_STREAM_SECONDS * 1000);
  }

  function poll(until) {
    clearTimeout(pollTimer);
    fetch(root.dataset.poll, { headers: { Accept: "application/json" }, credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok) throw new Error("poll: " + answer.status);
        return answer.json();
      })
      .then(function (message) {
        say("polling", "Updated every " + POLL_SECONDS + " s");
        apply(message);
      })
      .catch(function () {
        say("lost", "Connection lost");
      })
      .finally(function () {
        if (ended) return;
        if (Date.now() > until) listen();
        else
          pollTimer = setTimeout(function () {
            poll(until);
          }, POLL_SECONDS * 1000);
      });
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function draw(data) {
    chartData = data;
    var holder = document.getElementById("rate-chart");
    var series = [data.at, data.started, data.answered, data.ended];
    if (plot) {
      plot.setData(series);
      return;
    }
    var ink = colour("--clarion-ink");
    var font = '12px "Inter Clarion", sans-serif';
    var grid = { stroke: colour("--clarion-track"), width: 1 };
    function line(label, name, fill) {
      return { label: label, stroke: colour(name), width: 2, points: { show: false }, fill: fill, paths: uPlot.paths.spline() };
    }
    plot = new uPlot(
      {
        width: holder.clientWidth,
        height: 220,
        cursor: { y: false },
        legend: { live: true },
        scales: { y: { range: function (self, low, high) { return [0, Math.max(4, Math.ceil(high * 1.15))]; } } },
        axes: [
          { stroke: ink, font: font, grid: { show: false }, ticks: grid, space: 90, values: [[60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]] },
          { stroke: ink, font: font, grid: grid, ticks: { show: false }, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
        ],
        series: [
          { value: "{HH}:{mm}:{ss}" },
          line("Started", "--clarion-people", "rgba(82, 109, 235, 0.12)"),
          line("Answered", "--clarion-good"),
          line("Ended", "--clarion-other"),
        ],
      },
      series,
      holder,
    );
  }

  function redraw() {
    if (!plot) return;
    plot.destroy();
    plot = null;
    draw(chartData);
  }

  document.addEventListener("DOMContentLoaded", function () {
    root = document.getElementById("job-live");
    dot = document.getElementById("live-dot");
    draw(JSON.parse(document.getElementById("rate-chart").dataset.chart));
    document.addEventListener("clarion:theme", redraw);
    window.addEventListener("resize", function () {
      if (plot) plot.setSize({ width: document.getElementById("rate-chart").clientWidth, height: 220 });
    });
    if (root.dataset.ended) ended = true;
    else listen();
    window.addEventListener("pagehide", function () {
      if (source) source.close();
    });
  });
})();
