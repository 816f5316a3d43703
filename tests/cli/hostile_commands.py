"""Command lines of every command with hostile arguments, inputs and stored data, for `test_hostile.py`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.support.commands import declarations, params_of
from tests.support.hostile import CORPUS, CSI, ESC, LINES, OSC, UNDECODABLE, id_packs, keys, tool_calls
from tsmem.limits import is_column_name
from tsmem.rows import Value
from tsmem.store import Message, Metadata, Session
from tsmem.store.documents import export_line

T = 1_767_000_000_000_000
PACKS = id_packs()
WHOLE = "".join(PACKS)
"""The whole corpus in one text, for fields without a limit."""
FILE = f"{CSI}2J{OSC}0;x\x07\x9b31m\x85\u202e\u2066\n\r\t\x7f[red] \u200b.jsonl"
"""A hostile file name."""


Run = tuple[str, ...]
IDS = "OPTIONS -- PACK PACK|OPTIONS -- PACK none|OPTIONS -- WHOLE x|OPTIONS -- u WHOLE|OPTIONS -- RAW RAW"
"""Pairs of ids: existing, missing and impossible ones."""
METADATA = "|".join(f"OPTIONS -m {form}" for form in ("WHOLE", "WHOLE=x", "a=WHOLE", "a:=WHOLE", "a@WHOLE", "a@FILE"))
LISTING = (
    "--limit 0|--limit 3|OWNER=PACK|OWNER=FIRST --limit 1 --filter PACK|--limit 0 --fields metadata.PACK|"
    "--limit 0 --fields ID,search_content,metadata.text,metadata.raw,metadata|--limit 1 --page-token WHOLE"
)
SESSIONS = LISTING.replace("OWNER", "--user").replace("ID", "user_id,session_id")
MESSAGES = LISTING.replace("OWNER", "--session").replace("ID", "session_id,message_id,role,content")
TEXTS = "--limit 20 -- evil|--limit 20 -- [31m|-- ESCAPE|-- TURNED|-- PACK"
PURGE = (
    "OWNER=PACK|OWNER=PACK --dry-run|OWNER=PACK --yes --progress|ALL --filter PACK|"
    "OWNER=FIRST --filter 'not exists(x) and TEXT != 1'|ALL --filter 'not (search_content == TEXT)'"
)
CONVERSATION = "OPTIONS all|OPTIONS calls|OPTIONS long|--full --last 1 long|-- PACK|-- FIRSTx|WHOLE"
COPY = "--from local --to other"
RUNS = {
    "demo": "",
    "init-tables": "|--check",
    "drop-tables": "|--yes",
    "session put": f"-m text=WHOLE --search-content WHOLE u s|{IDS}|{METADATA}".replace("OPTIONS", "-m text=FIRST"),
    "session get": IDS,
    "session update": IDS.replace("OPTIONS", "--touch -m a=1"),
    "session delete": IDS.replace("OPTIONS", "--with-messages"),
    "session purge": PURGE.replace("OWNER", "--user").replace("ALL", "--everyone"),
    "session list": SESSIONS,
    "session recent": SESSIONS,
    "session search": f"{SESSIONS}|{TEXTS}",
    "message put": "--role WHOLE --content WHOLE --search-content WHOLE s m|s m --content x --new --touch PACK|"
    f"s m --content-file FILE|{IDS}|{METADATA.replace('OPTIONS', 's m')}"
    "".replace("OPTIONS", "--role FIRST --content SECOND -m tool_calls=CALLS"),
    "message get": IDS,
    "message update": IDS.replace("OPTIONS", "--content WHOLE --role SECOND"),
    "message delete": IDS,
    "message purge": PURGE.replace("OWNER", "--session").replace("ALL", "--everything"),
    "message list": f"{MESSAGES}|--session all --last 2000",
    "message search": f"{MESSAGES}|{TEXTS}",
    "message tail": CONVERSATION.replace("OPTIONS", "--last 5000"),
    "search": f"{MESSAGES}|{TEXTS}|--errors -C 1|--errors --sessions|o -C 2 --limit 20",
    "show": f"{CONVERSATION}|--rendered drawn|--rendered long|--full calls|--user FIRST -- PACK",
    "diff": "all calls|calls all --full|all WHOLE",
    "export": "FILE|/dev/null/FILE|FILE.gz|x.jsonl --user PACK|x.jsonl --session PACK|--session all|WHOLE",
    "copy": f"{COPY} --user FIRST|{COPY} --check|{COPY} --session all|{COPY} --check --session PACK",
    "stats": "|--user PACK|--session PACK|--session all|--by PACK|--by role,text|--by name --errors|--by WHOLE",
    "fields": "|--user PACK|--session all",
    "doctor": "|--fix|-p WHOLE",
    "profile list": "|-p WHOLE",
    "profile show": "hostile|WHOLE|",
    "profile set": "hostile instance=WHOLE|hostile region=FIRST|WHOLE backend=local|x WHOLE|x WHOLE=1|x backend=WHOLE|"
    "x backend=local path=FILE|x backend=local path=[red]|hostile endpoint=WHOLE|hostile timeout=WHOLE|"
    "hostile access_key_id=env:WHOLE",
    "profile use": "hostile|WHOLE",
    "profile delete": "hostile|WHOLE",
    "profile path": "|--config FILE",
    "serve": "--path /dev/null/FILE|--path no.db",
    "completion": "bash|WHOLE",
    "help": "|times|session WHOLE|WHOLE",
}
"""Runs of each command beside those with a hostile word in each declared parameter. Words in capitals are replaced;
PACK and RAW by each of their texts in a run of its own."""
WORDS = {
    "WHOLE": WHOLE,
    "FIRST": PACKS[0],
    "SECOND": PACKS[1],
    "FILE": FILE,
    "TEXT": json.dumps(WHOLE),
    "CALLS": tool_calls(PACKS[2]),
    "ESCAPE": CSI,
    "TURNED": "\u202e",
    "OPTIONS": "",
}


def commands(folder: Path) -> dict[str, Callable[[], Iterator[Run]]]:
    """Return the runs of each command by its name. Their files are in the folder, which is the current one."""
    found = {name: partial(_runs, name) for name in declarations()}
    return {**found, "import": partial(_import, folder), "serve": partial(_serve, folder)}


def _runs(name: str) -> Iterator[Run]:
    """Yield the runs of the table, and the command with hostile words in each of its parameters in turn."""
    words = name.split()
    for line in RUNS.get(name, "").split("|"):
        yield from _filled(words, shlex.split(line))
    params = params_of(name)
    needed = [PACKS[0] for param in params if param.param_type_name == "argument" and param.required]
    yield (*words, "--", *needed, WHOLE)
    for param in params:
        if param.param_type_name == "option" and name != "serve":
            yield (*words, f"{param.opts[0]}={WHOLE}", "--", *needed)


def _filled(words: list[str], template: list[str]) -> Iterator[Run]:
    several = PACKS if any("PACK" in word for word in template) else UNDECODABLE if "RAW" in template else ("",)
    for each in several:
        line = [word.replace("PACK", each).replace("RAW", each) for word in template if word != "OPTIONS"]
        yield (*words, *(_replaced(word) if word in template else word for word in line))


def _replaced(word: str) -> str:
    for name, text in WORDS.items():
        if name in word:
            return word.replace(name, text)
    return word


def _import(folder: Path) -> Iterator[Run]:
    (folder / FILE).write_bytes(b"".join(_bad_lines()) + b"".join(map(export_line, long_keys())))
    yield ("import", FILE)
    for place, line in enumerate(_bad_lines()):
        (folder / f"bad{place}.jsonl").write_bytes(line)
        openai = ("--format", "openai", "--user", PACKS[0]) if b"messages" in line else ()
        yield ("import", f"bad{place}.jsonl", *openai)
    for more in (("--rejects", f"{FILE}.rejects"), ("--rejects", FILE), ("--resume",), ("--dry-run",)):
        yield ("import", FILE, *more)
    yield ("import", FILE, "--rejects", f"/dev/null/{FILE}")
    (folder / "there.jsonl").write_bytes(b"".join(map(export_line, packed_items())))
    yield from (("import", "there.jsonl", "--on-conflict", what) for what in ("fail", "skip", "overwrite"))
    yield from _runs("import")


def _serve(folder: Path) -> Iterator[Run]:
    (folder / "no.db").write_bytes(b"no store")
    yield from _runs("serve")
    for option in ("host", "port", "path", "instance", "access-key-id", "latency", "fault", "fault-seed"):
        where = "--memory" if option != "path" else "--port=0"
        yield ("serve", where, "--host=no.such.host.invalid", f"--{option}={WHOLE}")


def _bad_lines() -> Iterator[bytes]:
    """Return lines that no import accepts, with all of the corpus wherever an error may quote it."""
    for text in (WHOLE, LINES[1]):
        for document in (
            {"user_id": "u", "session_id": "s", "metadata": {text: 1}},
            {"user_id": "u", "session_id": "s", text: 1},
            {"user_id": "u", "session_id": "s", "metadata": {"a": {text: text}}},
            {"user_id": "u", "session_id": "s", "metadata": {"a": {"$bytes": text}}},
            {"user_id": "u", "session_id": "s", "update_time": text},
            {"user_id": "u", "session_id": {text: text}},
            {"kind": text, "user_id": "u"},
            {"kind": "tsmem", "version": text},
            {"kind": "end", "sessions": text, "messages": {text: text}},
            {"messages": [{"role": text, "content": {text: text}}], text: text, "metadata": text},
            {"messages": [{"role": {text: text}}], "created_at": text},
            {"messages": text, "user_id": [text]},
            [text],
        ):
            yield json.dumps(document).encode() + b"\n"
        yield json.dumps({"user_id": "u"}).encode()[:-1] + b", " + json.dumps(text).encode() * 2 + b"}\n"
        yield b'{"a": 1, %b: 1, %b: 1}\n' % ((json.dumps(text).encode(),) * 2)
        yield text.encode() + b"\n"
    yield b"\xff\xfe\x1b[2J\x9b31m\n"
    yield b'{"user_id": "\\ud800", "session_id": "s"}\n'
    yield b'{"user_id": "u", "session_id": "s", "\\udcff": NaN, "x": 1e999}\n'


def long_keys() -> Iterator[Session | Message]:
    """Return rows that can be read but are refused because their ids are too long."""
    for pack in PACKS[:3]:
        yield Session(pack * 2, pack)
        yield Message(pack, pack * 2, T)


def _metadata_of(text: str) -> Metadata:
    metadata: dict[str, Value] = {
        "text": text,
        "raw": text.encode(),
        "tool_calls": text,
        "_json": '["tool_calls"]',
        "name": text,
    }
    return Metadata({text: "x", **metadata} if is_column_name(text) else metadata)


def items(every: int = 1) -> Iterator[Session | Message]:
    """Return items with the corpus, or each n-th text of it, in every field that can hold it."""
    texts = list(zip(CORPUS, [*keys(), "-"], strict=True))[::every]
    for place, (text, key) in enumerate(texts):
        metadata = _metadata_of(text)
        yield Session(key, key, T + place, text, metadata)
        yield Session("eve", key, T + place, text)
        yield Message("all", key, T + place, text, text, text, metadata)
        yield Message("drawn", f"{place}", T + place, "assistant", markdown(text), None)
        calls = Metadata({"tool_calls": tool_calls(text)})
        result = None if place % 2 else json.dumps({text: [text] * 9}, ensure_ascii=False)
        yield Message("calls", f"{place}", T + place, "tool", result, None, calls)
    yield from packed_items(every)
    for place, text in enumerate(LINES if every == 1 else LINES[:1]):
        yield Message("long", f"{place}", T + place, "assistant", text)
    calls = Metadata({"text": LINES[1], "tool_calls": tool_calls(LINES[1][:15_000])})
    yield Message("long", "every field", T + 9, LINES[1], LINES[1], LINES[1], calls)
    yield Session("u", "long", T, LINES[1], Metadata({"text": LINES[1]}))


def packed_items(every: int = 1) -> Iterator[Session | Message]:
    """Return the corpus in few ids: in sessions of their own, shared sessions, orphan messages and large cells."""
    for place, pack in enumerate(PACKS[::every]):
        whole = pack if place else WHOLE
        metadata = _metadata_of(whole)
        yield Session(pack, pack, T, whole, metadata)
        yield Session("eve", pack, T, None)
        yield Message(pack, pack, T + place * 86_400_000_000, pack, whole, whole, metadata)
        yield Message(pack + "orphan", pack, T, None, None, None, Metadata({"tool_calls": tool_calls(pack)}))
        yield Message(pack + "twice", pack, T, pack, "x")
        yield Message(pack + "twice", pack, T + 1, pack, "x")


def markdown(text: str) -> str:
    """Return the text inside each construct of Markdown."""
    return (
        f'# {text}\n\n{text}\n\n[{text}]({text} "{text}") <{text}> ![{text}]({text}) **{text}** `{text}` ~~{text}~~\n\n'
        f"> {text}\n\n- {text}\n  1. {text}\n\n```{text}\n{text}\n```\n\n"
        f"| {text} | b |\n|---|---|\n| {text} | {ESC}[1A |\n"
    )
