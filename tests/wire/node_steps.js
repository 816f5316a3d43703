// Steps of a test with the Node.js SDK: node steps.js ENDPOINT STEP, one JSON document on stdout.
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
  search: searches,
};

// Searches of the table `notes`

const { QueryType, ColumnReturnType, SortOrder } = TableStore;
const target = { tableName: "notes", indexName: "notes_index" };
const numbers = (rows) => rows.map((row) => Number(row.primaryKey[1].value.toString()));

function search(searchQuery, columnToGet = { returnType: ColumnReturnType.RETURN_ALL }) {
  return call("search", { ...target, searchQuery: { limit: 100, getTotalCount: true, ...searchQuery }, columnToGet });
}

const query = (kind, fields) => ({ queryType: QueryType[`${kind}_QUERY`], query: fields });
const QUERIES = {
  all: query("MATCH_ALL"),
  match: query("MATCH", { fieldName: "text", text: "17 18" }),
  terms: query("TERMS", { fieldName: "word", terms: ["key03", "key04"] }),
  range: query("RANGE", { fieldName: "number", rangeFrom: TableStore.Long.fromNumber(10), includeLower: true,
    rangeTo: TableStore.Long.fromNumber(12), includeUpper: false }),
  bool: query("BOOL", { mustQueries: [query("TERM", { fieldName: "even", term: true })],
    mustNotQueries: [query("PREFIX", { fieldName: "word", prefix: "key0" })],
    filterQueries: [query("PREFIX", { fieldName: "word", prefix: "key1" })] }),
};

// Calls next with each token in turn, from none on, and gives all answers.
async function answers(next) {
  const found = [];
  let token = null;
  do {
    const data = await next(token);
    found.push(data);
    token = data.nextToken && data.nextToken.length ? data.nextToken : null;
  } while (token);
  return found;
}

async function pages() {
  const sort = { sorters: [{ fieldSort: { fieldName: "n", order: SortOrder.SORT_ORDER_DESC } }] };
  const found = await answers((token) => search({ query: QUERIES.all, limit: 7, token, sort }));
  return { found: found.flatMap((data) => numbers(data.rows)), count: found.length };
}

async function scan() {
  const { sessionId } = await call("computeSplits", { tableName: "notes", searchIndexSplitsOptions: { indexName: "notes_index" } });
  const found = await answers((token) => call("parallelScan", { ...target, sessionId,
    columnToGet: { returnType: ColumnReturnType.RETURN_ALL_FROM_INDEX },
    scanQuery: { query: QUERIES.all, limit: 35, aliveTime: 30, token, currentParallelId: 0, maxParallel: 1 } }));
  return found.map((data) => data.rows.length);
}

async function searches() {
  const found = {};
  for (const [name, wanted] of Object.entries(QUERIES)) {
    const data = await search({ query: wanted });
    found[name] = { rows: numbers(data.rows), total: Number(data.totalCounts), hits: data.searchHits.length };
  }
  const scored = await search({ query: QUERIES.match, sort: { sorters: [{ scoreSort: { order: SortOrder.SORT_ORDER_DESC } }] } });
  const uncounted = await search({ query: QUERIES.all, getTotalCount: false });
  let refused = "no error";
  try {
    await search({ query: query("TERM", { fieldName: "none", term: "x" }) });
  } catch (error) {
    refused = String(error.message);
  }
  return { found, pages: await pages(), scan: await scan(), scores: scored.searchHits.map((hit) => hit.score > 0),
    uncounted: uncounted.totalCounts === undefined, columns: scored.rows[0].attributes.map((column) => column.columnName), refused };
}

steps[step]().then(
  (document) => process.stdout.write(JSON.stringify(document) + "\n"),
  (error) => { process.stderr.write(String(error && error.stack || error) + "\n"); process.exit(1); });
