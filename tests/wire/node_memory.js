// An agent's memory written with the Node.js SDK: node node_memory.js ENDPOINT STEP, one JSON document on stdout.
"use strict";
const TableStore = require("tablestore");
const Long = TableStore.Long;

const [endpoint, step] = process.argv.slice(2);
const client = new TableStore.Client({
  accessKeyId: "test-key", secretAccessKey: "tsmem", endpoint, instancename: "test-instance", maxRetries: 0,
});
const call = (name, params) => new Promise((resolve, reject) =>
  client[name](params, (error, data) => (error ? reject(error) : resolve(data))));
const ignore = () => new TableStore.Condition(TableStore.RowExistenceExpectation.IGNORE, null);
const exist = () => new TableStore.Condition(TableStore.RowExistenceExpectation.EXPECT_EXIST, null);
const local = { indexUpdateMode: TableStore.IndexUpdateMode.IUM_SYNC_INDEX, indexType: TableStore.IndexType.IT_LOCAL_INDEX };
const sessionKey = (user, session) => [{ user_id: user }, { session_id: session }];
const messageKey = (session, time, message) =>
  [{ session_id: session }, { create_time: Long.fromString(time) }, { message_id: message }];

function table(tableName, primaryKey, definedColumn, index) {
  return call("createTable", {
    tableMeta: { tableName, primaryKey, definedColumn },
    reservedThroughput: { capacityUnit: { read: 0, write: 0 } },
    tableOptions: { timeToLive: -1, maxVersions: 1 },
    indexMetas: [{ definedColumn: [], ...local, ...index }],
  });
}

// Values as JSON can say them: what is no text, number or boolean carries its type.
function shown(value) {
  if (Buffer.isBuffer(value)) return { bytes: value.toString("base64") };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value !== null && typeof value === "object" && typeof value.toNumber === "function") return { integer: value.toString() };
  if (typeof value === "number") return { double: value };
  return value;
}

function row(found) {
  if (!found.primaryKey) return null;
  const columns = {};
  for (const column of found.attributes || []) columns[column.columnName] = shown(column.columnValue);
  return { key: found.primaryKey.map((part) => shown(part.value)), columns };
}

const METADATA = [
  { text: "北京 tea" }, { empty: "" }, { number: Long.fromString("9223372036854775807") }, { negative: Long.fromNumber(-1) },
  { price: 0.1 }, { yes: true }, { no: false }, { raw: Buffer.from([0, 255]) },
];

async function range(tableName, start, end, limit, direction = TableStore.Direction.FORWARD) {
  const rows = [];
  let pages = 0;
  let from = start;
  while (from) {
    const data = await call("getRange", {
      tableName, direction, maxVersions: 1, limit, inclusiveStartPrimaryKey: from, exclusiveEndPrimaryKey: end,
    });
    pages += 1;
    rows.push(...data.rows.map(row));
    from = data.nextStartPrimaryKey ? data.nextStartPrimaryKey.map((part) => ({ [part.name]: part.value })) : null;
  }
  return { rows, pages };
}

const everySession = () => range("session", sessionKey(TableStore.INF_MIN, TableStore.INF_MIN),
  sessionKey(TableStore.INF_MAX, TableStore.INF_MAX), 10);
const MIN = TableStore.INF_MIN, MAX = TableStore.INF_MAX;
const everyMessage = () => range("message", [{ session_id: MIN }, { create_time: MIN }, { message_id: MIN }],
  [{ session_id: MAX }, { create_time: MAX }, { message_id: MAX }], 7);

const steps = {
  async write() {
    const STRING = TableStore.PrimaryKeyType.STRING, INTEGER = TableStore.PrimaryKeyType.INTEGER;
    await table("session", [{ name: "user_id", type: STRING }, { name: "session_id", type: STRING }],
      [{ name: "update_time", type: TableStore.DefinedColumnType.DCT_INTEGER }],
      { name: "session_secondary_index", primaryKey: ["user_id", "update_time", "session_id"] });
    await table("message",
      [{ name: "session_id", type: STRING }, { name: "create_time", type: INTEGER }, { name: "message_id", type: STRING }], [],
      { name: "message_secondary_index", primaryKey: ["session_id", "message_id", "create_time"] });
    await call("putRow", { tableName: "session", condition: ignore(), primaryKey: sessionKey("u", "s000"),
      attributeColumns: [{ update_time: Long.fromNumber(1000) }, ...METADATA] });
    const rows = [];
    for (let n = 0; n < 25; n += 1) {
      rows.push({ type: "PUT", condition: ignore(), primaryKey: messageKey("s000", String(2000 + n), `m${100 + n}`),
        attributeColumns: [{ content: `said ${n}` }, { role: "user" }, ...METADATA] });
    }
    const written = await call("batchWriteRow", { tables: [{ tableName: "message", rows }] });
    await call("updateRow", { tableName: "session", condition: exist(), primaryKey: sessionKey("u", "s000"),
      updateOfAttributeColumns: [{ PUT: [{ topic: "billing" }] }, { DELETE_ALL: ["empty"] }] });
    return { written: written.tables.flat().filter((each) => each.isOk).length };
  },
  async read() {
    const one = await call("getRow", { tableName: "session", primaryKey: sessionKey("u", "s000") });
    const many = await call("batchGetRow", { tables: [{ tableName: "message", maxVersions: 1,
      primaryKey: [messageKey("s000", "2003", "m103"), messageKey("s000", "1", "none"), messageKey("s000", "2001", "m101")] }] });
    const sessions = await everySession();
    const messages = await everyMessage();
    const index = await range("session_secondary_index",
      [{ user_id: "u" }, { update_time: MAX }, { session_id: MAX }], [{ user_id: "u" }, { update_time: MIN }, { session_id: MIN }],
      5, TableStore.Direction.BACKWARD);
    const tables = await call("listTable", {});
    const described = await call("describeTable", { tableName: "session" });
    return { one: row(one.row), many: many.tables.flat().map(row), sessions, messages, index, tables: tables.tableNames,
      indexes: described.indexMetas.map((meta) => meta.name) };
  },
  async remove() {
    await call("deleteRow", { tableName: "session", condition: ignore(), primaryKey: sessionKey("u", "s000") });
    const found = await everyMessage();
    const rows = found.rows.map(({ key }) => ({ type: "DELETE", condition: ignore(),
      primaryKey: messageKey(key[0], key[1].integer, key[2]) }));
    await call("batchWriteRow", { tables: [{ tableName: "message", rows }] });
    return { sessions: (await everySession()).rows.length, messages: (await everyMessage()).rows.length };
  },
};

steps[step]().then(
  (document) => process.stdout.write(JSON.stringify(document) + "\n"),
  (error) => { process.stderr.write(String(error && error.stack || error) + "\n"); process.exit(1); });
