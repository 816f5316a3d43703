"""`import --format openai` accepts only conversations, and refuses other files with the name of the tool that wrote
them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Cli

OPENAI = ("import", "--format", "openai", "--user", "u")
CASES = ROOT.parent / "shared" / "cases" / "conversations"
SAID = {"role": "user", "content": "tea"}
READ = ((7, "01"), (4, "02 16 17 39 44"), (6, "03"), (3, "05"), (5, "09"), (2, "46 61"), (1, "55"), (0, "57 58"))
MESSAGES = {case: count for count, cases in READ for case in cases.split()}
"""The number of messages in each case that can be imported."""
FOREIGN: dict[str, tuple[object, ...]] = {
    "a ChatGPT data export": ([{"title": "Tea", "mapping": {"root": {"message": None}}}],),
    "a claude.ai data export": (
        [{"role": "Tea", "chat_messages": []}],
        [{"uuid": "c", "chat_messages": [{"sender": "human", "text": "tea"}]}],
    ),
    "an Open WebUI export": ([{"id": "o", "chat": {"history": {"messages": {}}, "messages": [SAID]}}],),
    "a LibreChat export": (
        {"conversationId": "l", "messages": [{"isCreatedByUser": True, "text": "tea"}]},
        [{"isCreatedByUser": True, "text": "tea"}],
    ),
    "a ShareGPT file": (
        [{"conversations": [{"from": "human", "value": "tea"}]}],
        {"conversations": [{"from": "human", "value": "tea"}]},
    ),
    "a ShareGPT message": ([{"from": "human", "value": "tea"}],),
    "a file of conversations": ({"conversations": [{"messages": [SAID]}]},),
    "a Hugging Face chat data set": ({"conversation": [SAID]},),
    "a Gemini CLI session": ({"projectHash": "0", "messages": [{"type": "user", "content": "tea"}]},),
    "a Gemini request": ({"contents": [{"role": "user", "parts": [{"text": "tea"}]}]},),
    "a Gemini message": ([{"role": "user", "parts": [{"text": "tea"}]}],),
    "a Google ADK session": ({"appName": "a", "events": [{"author": "user"}]},),
    "a Claude Code transcript": (
        {"type": "summary", "summary": "Tea", "leafUuid": "u"},
        {"type": "user", "sessionId": "s", "uuid": "u", "message": SAID},
    ),
    "a Codex CLI session": ({"type": "session_meta", "payload": {"id": "s"}},),
    "a LangGraph state": ({"values": {"messages": [{"type": "human", "content": "tea"}]}},),
    "a LangChain message": (
        [{"type": "human", "data": {"content": "tea"}}],
        [{"lc": 1, "type": "constructor", "id": ["HumanMessage"], "kwargs": {"content": "tea"}}],
        {"messages": [{"type": "human", "content": "tea", "additional_kwargs": {}}]},
    ),
    "a LlamaIndex message": ([{"role": "user", "blocks": [{"block_type": "text", "text": "tea"}]}],),
    "a Vercel AI SDK message": ([{"id": "v", "role": "user", "parts": [{"type": "text", "text": "tea"}]}],),
    "a Spring AI message": ([{"messageType": "USER", "text": "tea"}],),
    "an answer of Alibaba Cloud's memory store": ({"session": {"messages": [SAID]}},),
    "an OpenAI preference file": ({"input": {"messages": [SAID]}, "preferred_output": [SAID]},),
    "a preference file": ({"prompt": [SAID], "chosen": [SAID], "rejected": [SAID]},),
    "an instruction file": ({"instruction": "tea", "output": "milk"},),
    "an OpenAI batch request": ({"custom_id": "r", "body": {"messages": [SAID]}},),
    "an OpenAI batch answer": ({"custom_id": "r", "response": {"body": {}}},),
    "an OpenAI chat completion": ({"choices": [{"message": SAID}]},),
    "an OpenAI response": ({"object": "response", "output": [{"type": "message"}]},),
    "an Ollama answer": ({"message": SAID, "done": True},),
    "a Langfuse trace": ({"sessionId": "s", "input": {"messages": [SAID]}, "output": SAID},),
    "a DashScope request": ({"input": {"messages": [SAID]}, "parameters": {}},),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FOREIGN.items() for value in values])
def test_a_file_of_another_tool_is_refused_with_the_name_of_the_tool(ready: Cli, name: str, value: object) -> None:
    outcome = ready(*OPENAI, stdin=json.dumps(value).encode())
    assert (outcome.code, outcome.out) == (2, b"")
    assert f" like {name}" in outcome.err
    assert "hint: " in outcome.err


def test_a_file_of_another_tool_is_refused_without_a_format_and_in_a_dry_run(ready: Cli) -> None:
    data = json.dumps(FOREIGN["a ShareGPT message"][0]).encode()
    for argv in ((*OPENAI, "--dry-run"), ("import",), ("import", "--dry-run")):
        outcome = ready(*argv, stdin=data)
        assert (outcome.code, " like a ShareGPT message" in outcome.err) == (2, True)
    assert ready.export().count(b"\n") == 2


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([SAID, {"role": None, "content": "milk"}], "message 1 has no role; its keys are role, content"),
        ([{"role": 3, "content": "tea"}], "message 0 has no role"),
        ([{"role": "user", "text": "tea"}], "message 0 has no content; its keys are role, text"),
        ({"messages": [SAID, {"type": "unheard", "x": 1}]}, "message 1 has no role; its keys are type, x"),
        ([{"title": "x"}, {"messages": [SAID]}], "line 1, element 0: this conversation has no list 'messages'"),
        ([{"messages": [SAID]}, {"messages": [SAID, {"a": 1}]}], "line 1, element 1: message 1 has no role"),
        ({"messages": {"m": SAID}}, "this conversation has no list 'messages'; its keys are messages"),
        ({f"k{n}": n for n in range(20)}, "its keys are k0, k1, k2, k3, k4, k5, k6, k7 and 12 more"),
        ({}, "its keys are none"),
    ],
)
def test_an_element_that_is_not_a_conversation_is_refused_with_its_place_and_keys(
    ready: Cli, value: object, sentence: str
) -> None:
    outcome = ready(*OPENAI, stdin=json.dumps(value).encode())
    assert (outcome.code, outcome.out) == (2, b"")
    assert sentence in outcome.err
    assert ready.export().count(b"\n") == 2


def test_items_of_the_responses_api_are_messages_without_a_role(ready: Cli) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "brew", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "tea"}
    ready.ok(*OPENAI, stdin=json.dumps([SAID, {"type": "reasoning", "summary": []}, call, output]).encode())
    found = ready.ok("message", "list", "-o", "jsonl").lines
    assert [each["role"] for each in found] == ["user", None, None, None]
    assert [found[2]["metadata"], found[3]["metadata"]] == [call, output]


def test_keys_of_other_formats_beside_good_messages_are_metadata(ready: Cli) -> None:
    more = {"mapping": "m", "instruction": "i", "output": "o", "custom_id": "r", "body": "b", "payload": 1, "type": "t"}
    ready.ok(*OPENAI, stdin=json.dumps({"id": "s", "messages": [{**SAID, "parts": "p", "value": 1}], **more}).encode())
    (session,) = ready.ok("session", "list", "-o", "jsonl").lines
    assert session["metadata"] == more


@pytest.mark.parametrize(
    ("argv", "data"), [(("import",), b"\n \n"), (("import",), b"[]"), (OPENAI, b""), (OPENAI, b"[]")]
)
def test_an_empty_input_imports_nothing_and_says_so(ready: Cli, data: bytes, argv: tuple[str, ...]) -> None:
    Path("in").write_bytes(data)
    for outcome, name in (
        (ready.ok(*argv, "in"), "in"),
        (ready.ok(*argv, stdin=data), "standard input"),
        (ready.ok(*argv, "in", "--dry-run"), "in"),
    ):
        assert f"nothing to import: {name} has no sessions and no messages\n" in outcome.err
    assert ready.export().count(b"\n") == 2


def test_an_import_that_skips_every_row_does_not_call_its_input_empty(ready: Cli) -> None:
    Path("in").write_text(json.dumps([SAID]))
    assert "nothing" not in ready.ok(*OPENAI, "in").err
    assert "nothing" not in ready.ok(*OPENAI, "in", "--on-conflict", "skip").err


def test_a_tsmem_record_with_a_typing_mistake_is_not_taken_for_another_format(ready: Cli) -> None:
    for record, sentence in (
        ({"session_id": "s", "message_id": "m", "role": "user", "content": "tea"}, "create_time is missing"),
        ({"kind": "message", "session_id": "s", "role": "user", "content": "tea"}, "message_id is missing"),
        ({"user_id": "u", "session_id": "s", "title": "Tea"}, "'title' is not a field of a session"),
    ):
        assert sentence in ready("import", stdin=json.dumps(record).encode()).err


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not at hand")
def test_every_shape_case_is_imported_or_refused_with_a_hint(ready: Cli) -> None:
    for path in sorted(CASES.glob("[0-9]*")):
        outcome = ready(*OPENAI, str(path), "--dry-run", "-o", "json")
        if outcome.code == 0:
            assert (path.name, outcome.json["messages"]) == (path.name, MESSAGES.get(path.name[:2]))
        else:
            assert (path.name, outcome.code) == (path.name, 2)
            assert outcome.error["hint"] or "not valid" in outcome.error["message"], path.name
