"""Mistakes in the options of `tsmem serve`."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tests.cli.errors.given import environ
from tests.cli.errors.servers import no_names, taken

# fmt: off
CASES = (
    Case("serve without --path or --memory.", "serve",
        "say where the tables are: --path FILE, or --memory", "give exactly one"),
    Case("An empty path.", "serve --path ''", "--path must not be empty"),
    Case("An instance name that no client can send.", "serve --memory --instance 'a b'",
        "--instance must be printable ASCII without spaces", "clients cannot send other characters"),
    Case("-o csv for serve.", "serve --memory -o csv",
        "tsmem serve does not support --output csv", "its formats are table, json, jsonl", form=None),
    Case("A port number out of range.", "serve --memory --port 70000", "--port must be from 0 to 65535, not 70000"),
    Case("A negative latency.", "serve --memory --latency -1", "--latency must be from 0 to 600000, not -1"),
    Case("A key id that no client can send.", "serve --memory --access-key-id 'a:b'",
        "--access-key-id must be printable ASCII without spaces and colons, and not empty"),
    Case("An access key id without a secret.", "serve --memory --access-key-id id",
        "TSMEM_SERVE_SECRET is not set", "the secret of --access-key-id is read only from this variable"),
    Case("An unknown fault.", "serve --memory --fault thrttle:0.1",
        "there is no kind of fault 'thrttle'; did you mean 'throttle'?",
        "known: refuse, throttle, timeout, unavailable, drop, hang, partial; "
        "a fault is KIND:RATE[:ACTION], for example timeout:0.1:PutRow"),
    Case("An address that this machine does not have.", "serve --memory --host no-such-host.invalid",
        "cannot listen on 'no-such-host.invalid': there is no such address", given=(no_names,)),
    Case("An address that other machines reach, without a key.", "serve --memory --host 0.0.0.0",
        "'0.0.0.0' can be reached from other machines, so an access key is required",
        "set one, or listen on 127.0.0.1"),
    Case("A port that is taken.", "serve --memory --port PORT",
        "127.0.0.1:PORT is in use", "choose another port; with port 0 a free one is chosen", code="TsmemError",
        given=(taken,)),
    Case("A privileged port or an unusable address.",
        "serve --memory --host 192.0.2.1 --port 0 --access-key-id k",
        "cannot listen on 192.0.2.1:0: Cannot assign requested address", code="TsmemError",
        given=(environ(TSMEM_SERVE_SECRET="s"),)),
)
# fmt: on
