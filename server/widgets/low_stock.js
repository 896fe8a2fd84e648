// The picture of list_low_stock.

function stockView(answer, input, locale) {
  const format = formatters(locale, null);
  const title =
    input.max_days_of_supply === undefined || input.max_days_of_supply === null
      ? "Low stock"
      : `Stock that lasts ${daysOf(input.max_days_of_supply, format)} at most`;
  const within = [input.category, input.brand].filter((name) => typeof name === "string");
  const view = {
    title,
    about: [
      [answer.store_id, ...within].join(", "),
      `Days of supply by the sales of ${format.period(answer.sales_period)}`,
    ],
    totals: [
      { name: "At or below reorder point", value: format.count(answer.low_products) },
      { name: "Out of stock", value: format.count(answer.out_of_stock_products) },
      { name: "In this list", value: format.count(answer.total_matches) },
    ],
    metrics: [],
    notes: stockNotes(answer, format),
  };
  return answer.rows.length ? { ...view, ...drawnStock(answer.rows, title, format) } : view;
}

function stockNotes({ rows, has_more: hasMore, total_matches: matches, truncated }, format) {
  if (!rows.length) return ["No product is that low."];
  if (hasMore || truncated)
    return [
      `The ${format.count(rows.length)} most urgent of ${format.count(matches)} are drawn here; ask for the next ones.`,
    ];
  return [];
}

function drawnStock(rows, title, format) {
  return {
    chart: {
      label: `${title}, most urgent first`,
      points: rows.map((row) => sentenceOf(row, format)),
      legend: [
        { kind: "now", name: "on hand, of the maximum" },
        { kind: "reorder", name: "reorder point" },
        { kind: "minimum", name: "minimum" },
      ],
      tellsAll: true,
      draw: () => element("div", null, ...rows.map((row, index) => stockRow(row, index, format))),
    },
    table: {
      caption: `${title}, most urgent first`,
      head: [
        "Product",
        "SKU",
        "State",
        "Supplier",
        "On hand",
        "Minimum",
        "Reorder point",
        "Maximum",
        "Sold",
        "Lasts, days",
        "Delivery, days",
        "Order",
      ],
      words: 3,
      rows: rows.map((row) => [
        row.product_name,
        row.sku,
        stateOf(row),
        row.supplier_name ?? NOTHING,
        ...[
          row.current_stock,
          row.minimum_stock,
          row.reorder_point,
          row.maximum_stock,
          row.units_sold,
          row.days_of_supply,
          row.lead_time_days,
          row.suggested_order_quantity,
        ].map(format.count),
      ]),
    },
  };
}

function stateOf({
  current_stock: stock,
  minimum_stock: minimum,
  reorder_point: reorder,
  will_run_out_before_delivery: late,
}) {
  if (stock <= 0) return "Out of stock";
  if (late) return "Runs out before a delivery";
  if (stock < minimum) return "Below minimum";
  return stock <= reorder ? "To be reordered" : "Above reorder point";
}

const supplyOf = ({ current_stock: stock, days_of_supply: days }, format) => {
  if (stock <= 0) return "nothing left";
  return days === null ? "did not sell" : `lasts ${daysOf(days, format)}`;
};

function sentenceOf(row, format) {
  const units = (name) => format.count(row[name]);
  return [
    `${row.product_name}: ${inSentence(stateOf(row))}`,
    `${units("current_stock")} on hand`,
    `minimum ${units("minimum_stock")}`,
    `reorder point ${units("reorder_point")}`,
    row.maximum_stock === null ? "no maximum" : `maximum ${units("maximum_stock")}`,
    supplyOf(row, format),
    `delivery takes ${daysOf(row.lead_time_days, format)}`,
    `${orderOf(row, format)}.`,
  ].join(", ");
}

const orderOf = ({ suggested_order_quantity: units }, format) =>
  units === null ? "no order suggested" : `order ${format.count(units)}`;

/** One product: its stock as part of the maximum, with a mark at the reorder point and at the minimum. */
function stockRow(row, index, format) {
  const full = Math.max(row.maximum_stock, row.current_stock, row.reorder_point, 1);
  const placed = (node, property, units) => {
    node.style.setProperty(property, `${(Math.max(units, 0) / full) * 100}%`);
    return node;
  };
  const isUrgent = row.current_stock <= 0 || row.will_run_out_before_delivery;
  const track = element(
    "div",
    { class: "track" },
    row.current_stock > 0
      ? placed(element("i", isUrgent ? { class: "urgent" } : null), "width", row.current_stock)
      : null,
    placed(element("b", { class: "minimum" }), "left", row.minimum_stock),
    placed(element("b"), "left", row.reorder_point),
  );
  return element(
    "div",
    { class: "row stock", "data-index": index },
    element(
      "div",
      { class: "product" },
      element("span", { class: "name" }, row.product_name),
      element("span", { class: "quiet" }, row.sku),
    ),
    element("span", { class: "order" }, orderOf(row, format)),
    track,
    element(
      "span",
      { class: "supply" },
      element("span", isUrgent ? { class: "bad" } : null, stateOf(row)),
      element(
        "span",
        null,
        row.maximum_stock === null
          ? `${format.count(row.current_stock)} on hand`
          : `${format.count(row.current_stock)} of ${format.count(row.maximum_stock)}`,
      ),
      element("span", null, supplyOf(row, format)),
      element("span", null, `${daysOf(row.lead_time_days, format)} to deliver`),
    ),
  );
}

present("Low stock", stockView);
