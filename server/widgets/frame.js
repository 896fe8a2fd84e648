// What both pictures have in common: heading, totals, a chart to walk through, the same figures as a table.

/**
 * Show the answer that the host tells of.
 *
 * `viewOf(answer, input, locale, metric)` makes of it what is to be seen: title, about, totals, metrics, metric, notes,
 * and where there is something to draw a chart { label, points, legend, draw, tellsAll } and a table
 * { caption, head, rows, words }. A chart that tells all figures itself shows no line with those of the chosen point.
 */
function present(name, viewOf) {
  const page = document.getElementById("picture");
  const told = { input: {}, answer: null, locale: undefined };

  const say = (sentence) => {
    page.removeAttribute("aria-busy");
    page.replaceChildren(element("h1", null, document.title), element("p", { role: "status" }, sentence));
  };
  const show = () => {
    if (told.answer === null) return;
    page.removeAttribute("aria-busy");
    page.replaceChildren(...parts((metric) => viewOf(told.answer, told.input, told.locale, metric)));
  };

  if (window.parent === window) {
    say("An assistant shows figures here. Opened alone, this page has none.");
    return;
  }
  connect(name, {
    context(context) {
      adoptStyle(context);
      const locale = knownLocale(context.locale);
      if (locale !== told.locale) {
        told.locale = locale;
        show();
      }
    },
    input(input) {
      told.input = input;
      show();
    },
    result(result) {
      const text = result.content?.find((part) => part.type === "text")?.text ?? "";
      told.answer = result.isError ? null : (result.structuredContent ?? parsed(text));
      if (told.answer) show();
      else say(result.isError && text ? text : "The answer holds no figures to draw.");
    },
    cancelled: () => say("The question was taken back before it was answered."),
  });
}

/** The object that a text holds, for hosts that pass the text alone; null where it holds none. */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function parts(viewOf) {
  let view = viewOf(null);
  const title = element("h1");
  const body = element("div");
  const refresh = (asTable) => {
    title.textContent = view.title;
    body.replaceChildren(
      ...(view.chart ? [asTable ? tableOf(view.table, true) : chartOf(view.chart, view.table)] : []),
    );
  };

  const controls = element("div", { class: "controls" });
  if (view.chart && view.metrics.length > 1) {
    const choices = view.metrics.map(({ key, name }) => element("option", { value: key }, name));
    const select = element("select", { id: "metric" }, ...choices);
    select.value = view.metric;
    select.addEventListener("change", () => {
      view = viewOf(select.value);
      refresh(isTable());
    });
    controls.append(element("label", { for: "metric" }, "Figure"), select);
  }
  const toggle = element("button", { type: "button" }, "Show as table");
  const isTable = () => toggle.textContent === "Show as chart";
  toggle.addEventListener("click", () => {
    toggle.textContent = isTable() ? "Show as table" : "Show as chart";
    refresh(isTable());
  });
  if (view.chart) controls.append(toggle);

  refresh(false);
  return [
    title,
    ...view.about.map((line) => element("p", { class: "about" }, line)),
    view.totals.length ? totalsOf(view.totals) : "",
    view.chart ? controls : "",
    body,
    ...view.notes.map((note) => element("p", { class: "note" }, note)),
  ];
}

const totalsOf = (totals) =>
  element(
    "dl",
    { class: "totals" },
    ...totals.map(({ name, value, detail }) =>
      element(
        "div",
        null,
        element("dt", null, name),
        element("dd", { class: "value" }, value),
        ...(detail ?? []).map((line) => element("dd", { class: "quiet" }, line)),
      ),
    ),
  );

/** The drawing, redrawn to fit; beside it the table for those who cannot see it. */
function chartOf({ label, points, legend, draw, tellsAll }, table) {
  const chart = element("div", {
    class: "chart",
    role: "application",
    tabindex: 0,
    "aria-roledescription": "chart",
    "aria-label": `${label}. The arrow keys walk through its ${points.length} points.`,
  });
  const kind = tellsAll ? "hidden" : "readout";
  const readout = element(
    "p",
    { class: kind, role: "status" },
    "Point at the chart, or focus it and use the arrow keys.",
  );
  const walk = walkThrough(chart, readout, points);
  let drawn = 0;
  new ResizeObserver(() => {
    // It is told of no width at all when it leaves the page.
    if (chart.clientWidth === drawn || chart.clientWidth === 0) return;
    drawn = chart.clientWidth;
    const drawing = draw(drawn);
    drawing.setAttribute("aria-hidden", "true");
    chart.replaceChildren(drawing);
    walk.mark();
  }).observe(chart);
  return element(
    "figure",
    null,
    legendOf(legend),
    readout,
    chart,
    element("div", { class: "hidden" }, tableOf(table, false)),
  );
}

const legendOf = (legend) =>
  legend.length
    ? element(
        "p",
        { class: "legend" },
        ...legend.map(({ kind, name }) => element("span", null, element("i", { class: `key ${kind}` }), name)),
      )
    : null;

/** Choose points by key or pointer, mark the one chosen and tell its figures. */
function walkThrough(chart, readout, points) {
  let chosen = null;
  const mark = () => {
    for (const part of chart.querySelectorAll("[data-index]")) {
      part.classList.toggle("chosen", Number(part.dataset.index) === chosen);
    }
  };
  const choose = (index) => {
    if (index === chosen) return;
    chosen = index;
    mark();
    readout.textContent = points[index];
  };
  const steps = {
    ArrowRight: () => (chosen ?? -1) + 1,
    ArrowDown: () => (chosen ?? -1) + 1,
    ArrowLeft: () => (chosen ?? points.length) - 1,
    ArrowUp: () => (chosen ?? points.length) - 1,
    Home: () => 0,
    End: () => points.length - 1,
  };
  chart.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    choose(Math.min(Math.max(steps[event.key](), 0), points.length - 1));
    chart.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  });
  const point = (event) => {
    const part = event.target.closest("[data-index]");
    if (part) choose(Number(part.dataset.index));
  };
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  return { mark };
}

/** A table whose first column names the rows; `words` counts the columns of text after it. */
function tableOf({ caption, head, rows, words = 0 }, isShown) {
  const kind = (column) => (column > 0 && column <= words ? { class: "words" } : {});
  const table = element(
    "table",
    null,
    element("caption", { class: "hidden" }, caption),
    element(
      "thead",
      null,
      element("tr", null, ...head.map((name, column) => element("th", { scope: "col", ...kind(column) }, name))),
    ),
    element(
      "tbody",
      null,
      ...rows.map(([name, ...values]) =>
        element(
          "tr",
          null,
          element("th", { scope: "row" }, name),
          ...values.map((value, column) => element("td", kind(column + 1), value)),
        ),
      ),
    ),
  );
  return isShown
    ? element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, table)
    : table;
}
