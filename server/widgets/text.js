// Elements and formatted values. Text gets into the page as text alone: names are written by other people.

const NOTHING = "–";
const SVG = "http://www.w3.org/2000/svg";

const element = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
const shape = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Formatters in the reader's language. Amounts stay the decimal strings that they came as, so no cent is rounded. */
function formatters(locale, currency) {
  const numbers = (options) => {
    const format = new Intl.NumberFormat(locale, options);
    return (value) => (value === null || value === undefined ? NOTHING : format.format(value));
  };
  const dates = (options) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
    return (day) => format.format(new Date(`${day}T00:00:00Z`));
  };
  const money = { style: "currency", currency };
  const oneDecimal = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  const compact = { notation: "compact", maximumFractionDigits: 1 };
  const day = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
  return {
    money: currency ? numbers(money) : numbers(),
    count: numbers({ maximumFractionDigits: 2 }),
    percent: numbers({ style: "unit", unit: "percent", ...oneDecimal }),
    change: numbers({ style: "unit", unit: "percent", ...oneDecimal, signDisplay: "exceptZero" }),
    points: numbers({ ...oneDecimal, signDisplay: "exceptZero" }),
    compact: {
      money: currency ? numbers({ ...money, ...compact, minimumFractionDigits: 0 }) : numbers(compact),
      count: numbers(compact),
      percent: numbers({ style: "unit", unit: "percent", ...compact }),
    },
    day: dates({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
    dayShort: dates({ day: "numeric", month: "short" }),
    month: dates({ month: "long", year: "numeric" }),
    monthShort: dates({ month: "short", year: "numeric" }),
    period: ({ start_date: first, end_date: last }) =>
      day.formatRange(new Date(`${first}T00:00:00Z`), new Date(`${last}T00:00:00Z`)),
  };
}

/** The host's locale, or the browser's where it names none that exists. */
function knownLocale(locale) {
  try {
    return Intl.getCanonicalLocales(locale)[0];
  } catch {
    return undefined;
  }
}

/** "1 day", "2.5 days". */
const daysOf = (days, format) => `${format.count(days)} ${days === 1 ? "day" : "days"}`;

/** "receipts" of "Receipts": a name in the middle of a sentence. */
const inSentence = (name) => name.charAt(0).toLowerCase() + name.slice(1);
