// The host that shows this picture: MCP Apps 2026-01-26, JSON-RPC 2.0 by messages to the window above.

const PROTOCOL_VERSION = "2026-01-26";
const GREETING = 1;
const METHOD_NOT_FOUND = -32601;

/**
 * Greet the host and pass on what it tells.
 *
 * `on` has four functions: `context` is given the host's context at first and whenever it changes, `input` the
 * arguments of the call, `result` its result, and `cancelled` nothing.
 */
function connect(name, on) {
  const host = window.parent;
  const send = (message) => host.postMessage({ jsonrpc: "2.0", ...message }, "*");
  let context = {};
  const changeContext = (changes) => {
    context = { ...context, ...changes };
    on.context(context);
  };
  const notifications = {
    "ui/notifications/tool-input": (told) => on.input(told.arguments ?? {}),
    "ui/notifications/tool-result": (told) => on.result(told),
    "ui/notifications/tool-cancelled": () => on.cancelled(),
    "ui/notifications/host-context-changed": changeContext,
  };
  const greeted = (greeting) => {
    changeContext(greeting.hostContext ?? {});
    send({ method: "ui/notifications/initialized" });
    reportSize((size) => send({ method: "ui/notifications/size-changed", params: size }));
  };
  const answer = ({ id, method }) =>
    method === "ping" || method === "ui/resource-teardown"
      ? { id, result: {} }
      : { id, error: { code: METHOD_NOT_FOUND, message: "Method not found" } };

  window.addEventListener("message", ({ source, data }) => {
    if (source !== host || data?.jsonrpc !== "2.0") return;
    if (data.method === undefined) {
      if (data.id === GREETING && data.result) greeted(data.result);
    } else if (data.id !== undefined) {
      send(answer(data));
    } else if (Object.hasOwn(notifications, data.method)) {
      notifications[data.method](data.params ?? {});
    }
  });
  send({
    id: GREETING,
    method: "ui/initialize",
    params: {
      protocolVersion: PROTOCOL_VERSION,
      appInfo: { name, version: "1.0.0" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    },
  });
}

/** Tell how much room the page takes, at first and whenever that changes. */
function reportSize(tell) {
  let told = "";
  new ResizeObserver(() => {
    const size = {
      width: Math.ceil(window.innerWidth),
      height: Math.ceil(document.body.getBoundingClientRect().height),
    };
    if (told !== JSON.stringify(size)) {
      told = JSON.stringify(size);
      tell(size);
    }
  }).observe(document.body);
}

/** Look like the host: its theme, its colours and type, and the room that it keeps free at the edges. */
function adoptStyle(context) {
  const root = document.documentElement.style;
  root.colorScheme = context.theme === "light" || context.theme === "dark" ? context.theme : "";
  for (const [name, value] of Object.entries(context.styles?.variables ?? {})) {
    if (/^--[a-z0-9-]+$/.test(name) && typeof value === "string") root.setProperty(name, value);
  }
  for (const [edge, pixels] of Object.entries(context.safeAreaInsets ?? {})) {
    if (Number.isFinite(pixels)) root.setProperty(`--inset-${edge}`, `${pixels}px`);
  }
}
