// A back office on `ocpp-rpc` with strict validation: accepts every station, prints one JSON line per event, and calls
// the station when told to by a JSON line on stdin: {"call": ACTION, "payload": {...}}.
// usage: node server.js VERSION [VERSION...]
const readline = require("readline");
const { RPCServer, createValidator } = require("ocpp-rpc");

const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const now = () => new Date().toISOString();
let transactions = 100;

const answers16 = {
  BootNotification: () => ({ status: "Accepted", currentTime: now(), interval: 300 }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: () => ({ idTagInfo: { status: "Accepted", parentIdTag: "FLEET" } }),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: { status: "Accepted" } }),
  StopTransaction: () => ({ idTagInfo: { status: "Accepted" } }),
};
const answers201 = {
  BootNotification: () => ({ status: "Accepted", currentTime: now(), interval: 300 }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: () => ({ idTokenInfo: { status: "Accepted" } }),
  TransactionEvent: ({ eventType }) => (eventType === "Updated" ? {} : { idTokenInfo: { status: "Accepted" } }),
};

// Its schemas of 2.1 are the official ones, under names by which it does not look for them.
const named = require("ocpp-rpc/lib/schemas/ocpp2_1.json").map((schema) => ({
  ...schema,
  $id: schema.$id.replace(/Request$/, ".req").replace(/Response$/, ".conf"),
}));
const server = new RPCServer({
  protocols: process.argv.slice(2).map((v) => `ocpp${v}`),
  strictMode: true,
  strictModeValidators: [createValidator("ocpp2.1", named)],
});
let station = null;

server.auth((accept) => accept());
server.on("client", (client) => {
  station = client;
  const usual = client.protocol === "ocpp1.6" ? answers16 : answers201;
  tell({ event: "connected", identity: client.identity, protocol: client.protocol });
  client.handle(({ method, params }) => {
    tell({ event: "call", action: method, payload: params });
    return usual[method] ? usual[method](params) : {};
  });
  client.on("strictValidationFailure", ({ error, outbound, isCall }) =>
    tell({ event: "violation", ours: outbound, isCall, text: error.message, details: error.details }),
  );
  client.on("badMessage", ({ error }) => tell({ event: "violation", text: `bad message: ${error.message}` }));
});
readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { call, payload } = JSON.parse(line);
  try {
    tell({ event: "answer", action: call, payload: await station.call(call, payload) });
  } catch (error) {
    tell({ event: "refused", action: call, code: error.rpcErrorCode || error.code, text: error.message });
  }
});
process.stdin.on("end", () => process.exit(0));
server.listen(0, "127.0.0.1").then((http) => tell({ event: "ready", port: http.address().port }));
