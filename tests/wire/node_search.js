// Searches with the Node.js SDK: node node_search.js ENDPOINT, one JSON document on stdout.
"use strict";
const TableStore = require("tablestore");

const client = new TableStore.Client({
  accessKeyId: "test-key", secretAccessKey: "tsmem", endpoint: process.argv[2], instancename: "test-instance", maxRetries: 0,
});
const call = (name, params) => new Promise((resolve, reject) =>
  client[name](params, (error, data) => (error ? reject(error) : resolve(data))));
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

async function main() {
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

main().then(
  (document) => process.stdout.write(JSON.stringify(document) + "\n"),
  (error) => { process.stderr.write(String(error && error.stack || error) + "\n"); process.exit(1); });
