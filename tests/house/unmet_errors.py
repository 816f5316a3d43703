# ruff: noqa: E501 - names of sites are long
"""The places that make errors which no command line can cause, each with the reason.

Where a module's errors are all for clients of `tsmem serve`, they are counted instead: one more of them is one to think
about.
"""

from __future__ import annotations

_LIBRARY = "Only a program that uses the library can ask so: the command line checks it before, in its own words."
_BACKEND = "Only who calls the client below the store can ask so: the store never does."
_TIME = (
    "It takes an answer that is lost at the very end of the time, which tests/unit/test_tablestore_retries.py makes."
)
_OTHER_DAMAGE = "Another way in which the bytes of a row may be damaged, said in the same sentence."
_RACE = "Another machine has to write the file between two looks, which tests/unit/test_engine_hazards.py does."
_OLD = "It takes a file of an older format that nobody may bring up: tests/unit/test_engine_migration.py makes one."
_IN_A_PROCESS = "It takes a disk or modes of a real process: tests/cli/test_failing_disks.py causes it there."
_ANOTHER_USER = "It takes a second user of the machine: tests/cli/test_outputs.py, as root, gives files to one."
_THREADS = "It takes a system that can start no thread: tests/cli/test_few_threads.py makes one."
_HELD = "It takes a lock file that is held for a minute: tests/cli/test_waiting.py holds one."

_NO_TEMPORARY = "It takes a machine without room for temporary files: tests/unit/test_engine_waits.py makes one."
_CERTIFICATES = "It takes a server with certificates: tests/unit/test_tablestore_certificates.py makes one."

SITES: dict[str, str] = {
    "cli/failure.py:missing_module: this Python has no module '{}', which this command needs": "It takes another Python: tests/cli/test_needs.py makes one.",
    "cli/serve_talk.py:Lines.start: no_thread()": _THREADS,
    "server/server.py:Server.start: no_thread()": _THREADS,
    "server/server.py:no_thread: cannot start a thread: the limit on processes is reached": _THREADS,
    "engine/sqlite_version.py:check_sqlite: SQLite {} without FTS5": "It takes a Python whose SQLite was built otherwise.",
    "engine/faults.py:from_os: _held(path)": _HELD,
    "engine/migration.py:bring_up: from_os(error, path)": _HELD,
    "adapters/__init__.py:open_client: profile '{}' has the backend '{}', which this version cannot": _LIBRARY,
    "adapters/sdk_batches.py:read_request: No row specified in the request of BatchGetRow.": _BACKEND,
    "adapters/sdk_batches.py:read_request: OTSParameterInvalid": _BACKEND,
    "adapters/sdk_errors.py:translate: the request cannot be sent: {}": "The SDK refuses nothing that the store lets through.",
    "adapters/sdk_errors.py:translate: what cannot be understood ({})": "What the SDK can decode we can read; tests/unit/test_tablestore_client.py makes one that is not so.",
    "adapters/sdk_errors.py:service_error: AlreadyExists(message, request_id=request_id, service_code=c": "Of two init-tables at once the second meets it, and goes on.",
    "adapters/sdk_schemas.py:table_request: {} is an invalid type for the primary key column '{}'.": _BACKEND,
    "adapters/sdk_schemas.py:_field_schema: field {}: a search index field of type {} cannot be made her": _BACKEND,
    "adapters/sdk_schemas.py:_analyzer_parameter: field {}: the SDK cannot make a case-sensitive field with th": _BACKEND,
    "adapters/sdk_search.py:page: a part of the search index did not answer": "Only the service with a part of its machines away says so; tests/wire/test_search_adapter.py does.",
    "adapters/sdk_session.py:Session.__init__: profile '{}': {}": "The SDK refuses no endpoint that a profile may have.",
    "adapters/sdk_session.py:Session.call: there was no time left to ask {}": _TIME,
    "adapters/sdk_session.py:Session._require_open: the store is closed": _LIBRARY,
    "adapters/sdk_transport.py:Exchange.begin: there was no time left to send the request": _TIME,
    "cli/call.py:Call.read_file: standard input": "It takes a process whose standard input is closed: tests/cli/test_outputs.py starts one.",
    "adapters/sdk_errors.py:_network_error: _certificate_error(cause, host)": _CERTIFICATES,
    "adapters/sdk_errors.py:_certificate_error: the certificate of {} is not trusted: {}": _CERTIFICATES,
    "adapters/sdk_transport.py:Transport._refuse_tls: {} speaks TLS alone": _CERTIFICATES,
    "cli/demo.py:_Run.step: the demo stopped: '{}' ended with exit code {}": "The demo's commands work in a folder of their own; only a full disk stops them.",
    "cli/unwritable.py:Check.links: {} a link that belongs to another user": _ANOTHER_USER,
    "cli/unwritable.py:Check.status: {} belongs to another user": _ANOTHER_USER,
    "profiles/writer.py:_change: {}: the link {} belongs to another user": "It takes a second user of the machine: tests/cli/test_private_files.py, as root, gives a link to one.",
    "cli/importing.py:Import._behind: {} was cut short while it was read: of {} records {} are lef": "Another program has to shorten the file between two looks: tests/cli/test_bulk_trouble.py does.",
    "cli/values.py:_content: metadata '{}': cannot read {}: {}": _LIBRARY,
    "profiles/model.py:Profile.credentials: profile '{}' has no access keys": _LIBRARY,
    "profiles/writer.py:set_values: nothing to set": _LIBRARY,
    "render/__init__.py:_check: --fields chooses among the fields of sessions and messages, ": _LIBRARY,
    "retry/batches.py:_untried: there was no time left to try it; it was not done": _TIME,
    "retry/batches.py:WriteBatch.__init__: _untried()": _TIME,
    "retry/batches.py:ReadBatch.__init__: _untried()": _TIME,
    "retry/client.py:RetryingClient._settle: _in_doubt(failure or row)": _TIME,
    "retry/client.py:RetryingClient._was_ours: _in_doubt(None)": _TIME,
    "retry/client.py:_in_doubt: {}, and could not be read back in time{}": _TIME,
    "store/codec.py:Codec.check_key_part: the {} must be {}, not {}": _LIBRARY,
    "store/codec.py:Codec.check_fields: {} must be {}, not {}": _LIBRARY,
    "store/collection.py:Collection._stream: the limit must be at least 1, not {}": _LIBRARY,
    "store/cursor.py:_point: the time {} does not fit in 64 bits": _LIBRARY,
    "store/documents.py:item_from_document: a session or message must be an object, not {}": _LIBRARY,
    "store/documents.py:_metadata_value: {} is not a finite number": "JSON that is read here has no such number: its text is refused.",
    "store/filter_syntax.py:_Reader.parsed: a lone surrogate is no character": "An argument with one is refused as a whole.",
    "store/filter_syntax.py:_Reader.check_words: its lines cannot be read": "Python's parser took the text before, and its two readers agree.",
    "store/memory_store.py:MemoryStore.statistics: a user and a session cannot both be asked for": _LIBRARY,
    "store/messages.py:Messages.iterate: the order is asc or desc, not '{}'": _LIBRARY,
    "store/messages.py:Messages.follow: the number of last messages must be 0 or more, not {}": _LIBRARY,
    "store/metadata.py:Metadata.get_str: text": _LIBRARY,
    "store/metadata.py:Metadata.get_int: an integer": _LIBRARY,
    "store/metadata.py:Metadata.get_float: a number": _LIBRARY,
    "store/metadata.py:Metadata.get_bool: a boolean": _LIBRARY,
    "store/metadata.py:Metadata.get_bytes: bytes": _LIBRARY,
    "store/metadata.py:_not_a: metadata '{}' is {} ({}), which is not {}": _LIBRARY,
    "store/records.py:read: the openai format needs a user and a start time": _LIBRARY,
    "store/search.py:Finder._check: the limit must be at least 1, not {}": _LIBRARY,
    "store/search.py:Finder._check: the results are sorted by newest or score, not '{}'": _LIBRARY,
    "store/transfer.py:Transfer.sessions: a user and a session cannot both be asked for": _LIBRARY,
    "engine/catalog.py:Catalog.main_table: messages.table_missing()": _BACKEND,
    "engine/cells.py:_compile: its columns cannot be read": _OTHER_DAMAGE,
    "engine/cells.py:_open: its format is {}": _OTHER_DAMAGE,
    "engine/cells.py:unpack: its length is not what it says": _OTHER_DAMAGE,
    "engine/cells.py:size_of: its bytes end too early, or are no text": _OTHER_DAMAGE,
    "engine/cells.py:unpack_some: its bytes end too early, or are no text": _OTHER_DAMAGE,
    "engine/cells.py:unpack_some: its length is not what it says": _OTHER_DAMAGE,
    "engine/cells.py:unpack_cells: its bytes end too early, or are no text": _OTHER_DAMAGE,
    "engine/cells.py:unpack_cells: its length is not what it says": _OTHER_DAMAGE,
    "engine/temporary.py:open_connections: from_os(error, NAME)": _NO_TEMPORARY,
    "engine/temporary.py:open_connections: from_sqlite(error, NAME)": _NO_TEMPORARY,
    "engine/connections.py:Connections._transaction: _changed(self._path)": _RACE,
    "engine/connections.py:Connections._require_open: the store is closed": _LIBRARY,
    "engine/connections.py:Connections._of_temporary: a store in a temporary file belongs to the process that made": _LIBRARY,
    "engine/connections.py:_changed: {} changed while it was read; nobody here may write beside i": _RACE,
    "engine/faults.py:from_sqlite: disk_full(path, stage, ambiguous=_may_be_kept(extended, stag": _IN_A_PROCESS,
    "engine/faults.py:from_sqlite: {} is read-only: nothing was written": _IN_A_PROCESS,
    "engine/faults.py:from_sqlite: {} cannot be opened": _IN_A_PROCESS,
    "engine/faults.py:from_sqlite: {} failed: {}": _IN_A_PROCESS,
    "engine/faults.py:from_os: disk_full(path)": _IN_A_PROCESS,
    "engine/faults.py:disk_full: free some space and try again": _IN_A_PROCESS,
    "engine/files.py:make: from_sqlite(error, path)": _IN_A_PROCESS,
    "engine/files.py:refuse_single_mount: {} is mounted as a single file, and SQLite's files beside it": "It takes a mount: tests/cli/test_mounts.py makes one.",
    "engine/files.py:open_made: read": _IN_A_PROCESS,
    "engine/migration.py:bring_up: {} is of an older format, and its lock file cannot be opened": _IN_A_PROCESS,
    "engine/migration.py:bring_up: from_sqlite(error, path)": _IN_A_PROCESS,
    "engine/search.py:search: StorageFailure(why, hint=session.opened.refusal.hint)": _OLD,
}
"""By the site's name; two sites of one name share their reason."""

_SERVED = (
    "What clients of tsmem serve may ask and the store never does; they are answered, and no command line tells it."
)
_CHECKED = "The service's limits on what the store has checked already, in names and types of its own."

COUNTED: dict[str, tuple[int, str]] = {
    "engine/changes.py": (14, _SERVED),
    "engine/defined_columns.py": (2, _SERVED),
    "engine/definitions.py": (26, _SERVED),
    "engine/filters.py": (2, _SERVED),
    "engine/messages.py": (23, _SERVED),
    "engine/ranges.py": (1, _SERVED),
    "engine/reads.py": (3, _SERVED),
    "engine/search.py": (5, _SERVED),
    "engine/search_defs.py": (11, _SERVED),
    "engine/search_leaves.py": (4, _SERVED),
    "engine/search_order.py": (2, _SERVED),
    "engine/search_query.py": (3, _SERVED),
    "engine/search_tokens.py": (3, _SERVED),
    "engine/search_values.py": (4, _SERVED),
    "engine/table_options.py": (2, _SERVED),
    "engine/tables.py": (5, _SERVED),
    "engine/views.py": (3, _SERVED),
    "engine/writes.py": (6, _SERVED),
    "limits.py": (8, _CHECKED),
    "server/auth.py": (10, _SERVED),
    "server/batch_actions.py": (12, _SERVED),
    "server/dispatch.py": (1, _SERVED),
    "server/filters.py": (16, _SERVED),
    "server/http.py": (19, _SERVED),
    "server/plainbuffer.py": (10, _SERVED),
    "server/row_actions.py": (9, _SERVED),
    "server/row_reader.py": (16, _SERVED),
    "server/scan_actions.py": (9, _SERVED),
    "server/search_limits.py": (4, _SERVED),
    "server/work.py": (1, _SERVED),
    "server/schema.py": (3, _SERVED),
    "server/search_actions.py": (3, _SERVED),
    "server/search_index_actions.py": (4, _SERVED),
    "server/search_queries.py": (3, _SERVED),
    "server/search_target.py": (3, _SERVED),
    "server/table_actions.py": (10, _SERVED),
    "server/wire.py": (4, _SERVED),
}
"""By module: how many of its places are met by no command line, and why."""
