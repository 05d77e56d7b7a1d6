// A back office on `ocpp-rpc` with strict validation: accepts every station, prints one JSON line per event, and calls
// the station when told to by a JSON line on stdin: {"call": ACTION, "payload": {...}}.
// usage: node server.js VERSIONS [PASSWORD [SERVER_PEM CLIENT_ROOT_PEM]]   (VERSIONS with commas between)
// One listener for each security profile that this makes possible: 0, 1 with a password, 2 and 3 with TLS.
const fs = require("fs");
const http = require("http");
const https = require("https");
const readline = require("readline");
const { RPCServer, createValidator } = require("ocpp-rpc");

const [versions, password, serverPem, clientRoot] = process.argv.slice(2);
const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const now = () => new Date().toISOString();
const accepted = () => ({ status: "Accepted" });
let transactions = 100;

const pnc16 = {
  Authorize: { idTokenInfo: { status: "Accepted" }, certificateStatus: "Accepted" },
  Get15118EVCertificate: { status: "Accepted", exiResponse: "QUJD" },
  GetCertificateStatus: { status: "Failed" },
  SignCertificate: { status: "Accepted" },
};
const answers16 = {
  BootNotification: () => ({ status: "Accepted", currentTime: now(), interval: 300 }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: () => ({ idTagInfo: { status: "Accepted", parentIdTag: "FLEET" } }),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: { status: "Accepted" } }),
  StopTransaction: () => ({ idTagInfo: { status: "Accepted" } }),
  SignCertificate: accepted,
  DataTransfer: ({ messageId }) =>
    pnc16[messageId] ? { status: "Accepted", data: JSON.stringify(pnc16[messageId]) } : { status: "UnknownMessageId" },
};
const answers201 = {
  BootNotification: () => ({ status: "Accepted", currentTime: now(), interval: 300 }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: ({ iso15118CertificateHashData: hashes }) => ({
    idTokenInfo: { status: "Accepted" },
    ...(hashes && { certificateStatus: "Accepted" }),
  }),
  TransactionEvent: ({ eventType }) => (eventType === "Updated" ? {} : { idTokenInfo: { status: "Accepted" } }),
  DataTransfer: accepted,
  Get15118EVCertificate: () => ({ status: "Accepted", exiResponse: "QUJD" }),
  GetCertificateStatus: () => ({ status: "Accepted", ocspResult: "QUJD" }),
  NotifyEVChargingNeeds: accepted,
  NotifyEVChargingSchedule: accepted,
  SignCertificate: accepted,
};

// Its schemas of 2.1 are the official ones, under names by which it does not look for them.
const named = require("ocpp-rpc/lib/schemas/ocpp2_1.json").map((schema) => ({
  ...schema,
  $id: schema.$id.replace(/Request$/, ".req").replace(/Response$/, ".conf"),
}));
const server = new RPCServer({
  protocols: versions.split(",").map((v) => `ocpp${v}`),
  strictMode: true,
  strictModeValidators: [createValidator("ocpp2.1", named)],
});
let station = null;

server.on("client", (client) => {
  station = client;
  const usual = client.protocol === "ocpp1.6" ? answers16 : answers201;
  tell({ event: "connected", identity: client.identity, protocol: client.protocol, profile: client.session.profile });
  client.handle(({ method, params }) => {
    tell({ event: "call", action: method, payload: params });
    return usual[method] ? usual[method](params) : {};
  });
  client.on("strictValidationFailure", ({ error, outbound, isCall, method }) =>
    tell({ event: "violation", ours: outbound, isCall, method, text: error.message, details: error.details }),
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

const listeners = [http.createServer()];
if (password) listeners.push(http.createServer());
if (serverPem) {
  const own = fs.readFileSync(serverPem);
  const tls = { key: own, cert: own, minVersion: "TLSv1.2" };
  listeners.push(https.createServer(tls));
  listeners.push(https.createServer({ ...tls, ca: fs.readFileSync(clientRoot), requestCert: true }));
}
server.auth((accept, reject, { request, password: given }) => {
  const profile = listeners.findIndex((each) => each.address().port === request.socket.localPort);
  if ((profile === 1 || profile === 2) && String(given) !== password) return reject(401);
  if (profile === 3 && !(request.socket.authorized && given === undefined)) return reject(401);
  accept({ profile });
});
let waiting = listeners.length;
for (const listener of listeners) {
  listener.on("upgrade", server.handleUpgrade);
  listener.listen(0, "127.0.0.1", () => {
    if (--waiting === 0) tell({ event: "ready", ports: listeners.map((each) => each.address().port) });
  });
}
