// The picture of summarize_sales.

const METRICS = {
  net_revenue: { name: "Net revenue", unit: "money" },
  gross_revenue: { name: "Gross revenue", unit: "money" },
  returns_value: { name: "Value of returns", unit: "money" },
  discounts: { name: "Discounts", unit: "money" },
  tax: { name: "Tax", unit: "money" },
  units_sold: { name: "Units sold", unit: "count" },
  units_returned: { name: "Units returned", unit: "count" },
  transactions: { name: "Receipts", unit: "count" },
  returns: { name: "Return receipts", unit: "count" },
  average_basket: { name: "Average basket", unit: "money" },
  items_per_basket: { name: "Items per basket", unit: "count" },
  cost: { name: "Cost", unit: "money" },
  margin: { name: "Margin", unit: "money" },
  margin_rate: { name: "Margin rate", unit: "percent" },
  return_rate: { name: "Return rate", unit: "percent" },
};
const IN_ORDER = new Set(["day", "week", "month", "quarter", "hour", "weekday"]);

/** The one place that knows how the tool's answer is built. */
function figuresOf(answer, input) {
  const measured = ({ figures, comparison, change, change_percent: changePercent, few_events: few }) => ({
    now: figures,
    before: comparison ?? null,
    change: change ?? {},
    changePercent: changePercent ?? {},
    isFew: few === true,
  });
  const rows = answer.rows.map((row) => ({
    keys: [row.key, row.second_key].filter((key) => key !== undefined),
    label: row.label ?? null,
    share: row.share_percent ?? null,
    ...measured(row),
  }));
  const total = measured(answer.totals);
  const found = Object.keys(METRICS).filter((metric) => [total, ...rows].some(({ now }) => metric in now));
  const [asked] = [input.metrics ?? []].flat();
  return {
    store: answer.store_id ?? "All your stores",
    currency: answer.currency,
    period: answer.period,
    periodBefore: answer.comparison_period ?? null,
    dimensions: answer.group_by,
    metrics: found,
    first: found.includes(asked) ? asked : found[0],
    total,
    rows,
    hasMore: answer.has_more,
    leftOut: answer.truncated?.left_out ?? 0,
  };
}

function salesView(answer, input, locale, chosen) {
  const sales = figuresOf(answer, input);
  const format = formatters(locale, sales.currency);
  const metric = chosen ?? sales.first;
  const by = sales.dimensions.map((dimension) => dimension.replaceAll("_", " "));
  const title = sales.rows.length ? `${METRICS[metric].name} by ${by.join(" and ")}` : "Sales";
  const about = [`${sales.store}, ${format.period(sales.period)}`];
  if (sales.periodBefore) about.push(`Compared with ${format.period(sales.periodBefore)}`);
  const view = {
    title,
    about,
    totals: sales.metrics.map((key) => totalOf(sales.total, key, format)),
    metrics: sales.metrics.map((key) => ({ key, name: METRICS[key].name })),
    metric,
    notes: notesOf(sales),
  };
  return sales.rows.length ? { ...view, ...drawn(sales, metric, title, format) } : view;
}

function totalOf(total, key, format) {
  const { name, unit } = METRICS[key];
  const before = total.before?.[key];
  const detail = before === undefined ? null : [changeOf(total, key, format), `before ${format[unit](before)}`];
  return { name, value: format[unit](total.now[key]), detail };
}

/** The change as the tool worked it out: in percent, of rates in points. */
function changeOf({ change, changePercent }, key, format) {
  if (key in changePercent) return format.change(changePercent[key]);
  return METRICS[key].unit === "percent" && key in change ? `${format.points(change[key])} points` : NOTHING;
}

function notesOf({ rows, dimensions, hasMore, leftOut, total }) {
  const notes = [];
  if (dimensions.length && !rows.length) notes.push("Nothing was sold or returned in this period.");
  if (hasMore) notes.push("There are more groups than are drawn here; ask for the next ones.");
  if (leftOut) notes.push(`${leftOut} groups were left out because the answer was too large.`);
  if (total.isFew || rows.some(({ isFew }) => isFew))
    notes.push("* Rests on fewer than 5 receipts, so it may be mere chance.");
  return notes;
}

function drawn(sales, metric, title, format) {
  const { name, unit } = METRICS[metric];
  const compared = sales.periodBefore !== null;
  const text = (value) => format[unit](value);
  const brief = (value) => (Math.abs(value) < 1e6 ? format : format.compact)[unit](value);
  const points = sales.rows.map((row) => ({
    ...namesOf(row, sales.dimensions, format),
    value: numberOf(row.now[metric]),
    before: compared ? numberOf(row.before?.[metric]) : null,
  }));
  const sentences = sales.rows.map((row, index) => {
    const now = `${points[index].name}: ${inSentence(name)} ${text(row.now[metric])}`;
    const share = row.share === null || metric !== sales.first ? "" : `, ${format.percent(row.share)} of the total`;
    const few = row.isFew ? ", of fewer than 5 receipts" : "";
    const before = compared ? `, before ${text(row.before?.[metric])}, change ${changeOf(row, metric, format)}` : "";
    return `${now}${share}${before}${few}.`;
  });
  const inOrder = sales.dimensions.length === 1 && IN_ORDER.has(sales.dimensions[0]);
  const legend = [{ kind: "now", name: format.period(sales.period) }];
  if (compared) legend.push({ kind: "before", name: format.period(sales.periodBefore) });
  return {
    chart: {
      label: title,
      points: sentences,
      legend: compared ? legend : [],
      draw: (width) =>
        inOrder
          ? drawSeries(points, width, format.compact[unit])
          : drawBars(points, ({ value }) => (value === null ? NOTHING : brief(value))),
    },
    table: tableOfSales(sales, points, title, format),
  };
}

function tableOfSales(sales, points, title, format) {
  const compared = sales.periodBefore !== null;
  const cells = (row, key) => {
    const { unit } = METRICS[key];
    const now = format[unit](row.now[key]);
    return compared ? [now, format[unit](row.before?.[key]), changeOf(row, key, format)] : [now];
  };
  const heads = (key) => {
    const { name } = METRICS[key];
    return compared ? [name, `${name} before`, "Change"] : [name];
  };
  return {
    caption: `${title}, ${format.period(sales.period)}`,
    head: [sales.dimensions.map(headOf).join(" · "), ...sales.metrics.flatMap(heads)],
    rows: sales.rows.map((row, index) => [points[index].marked, ...sales.metrics.flatMap((key) => cells(row, key))]),
  };
}

/** Names of a row: in full, and short enough for an axis. */
function namesOf({ keys, label, isFew }, dimensions, format) {
  const named = keys.map((key, index) => nameOf(key, dimensions[index], format));
  const mark = isFew ? " *" : "";
  const name = label !== null && keys.length === 1 ? label : named.map(({ name }) => name).join(" · ");
  return {
    name,
    marked: `${name}${mark}`,
    short: label !== null && dimensions[0] === "weekday" ? label.slice(0, 3) : named[0].short,
  };
}

function nameOf(key, dimension, format) {
  switch (dimension) {
    case "day":
      return { name: format.day(key), short: format.dayShort(key) };
    case "week":
      return { name: `Week of ${format.day(key)}`, short: format.dayShort(key) };
    case "month":
      return { name: format.month(key), short: format.monthShort(key) };
    case "quarter":
      return quarterOf(key);
    case "hour":
      return { name: `${key}:00`, short: String(Number(key)) };
    default:
      return { name: key.replaceAll("_", " "), short: key };
  }
}

/** "Q3 2026" of its first day. */
function quarterOf(day) {
  const [year, month] = day.split("-");
  const name = `Q${Math.ceil(Number(month) / 3)} ${year}`;
  return { name, short: name };
}

/** "Customer tier" of "customer_tier". */
const headOf = (dimension) => dimension.charAt(0).toUpperCase() + dimension.slice(1).replaceAll("_", " ");

/** For the length of a bar only; what is read stays the string that came. */
const numberOf = (value) => (value === undefined || value === null ? null : Number(value));

present("Sales", salesView);
