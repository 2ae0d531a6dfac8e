"""The response of a server with OpenAI's protocol: one chat completion."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Completion:
    """The first choice of a chat completion."""

    content: object  # of the message: text, where the server keeps to the protocol
    cut_off: bool  # whether it ended because of its length
    input_tokens: int | None  # as the server counts them; None: not reported
    output_tokens: int | None


def parse_completion(text: str) -> Completion | None:
    """The completion in the body of a response; None for anything else, such as the page of a proxy."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    return Completion(
        message.get("content") if isinstance(message, dict) else None,
        choices[0].get("finish_reason") == "length",
        _count_tokens(body.get("usage"), "prompt_tokens"),
        _count_tokens(body.get("usage"), "completion_tokens"),
    )


def _count_tokens(usage: object, name: str) -> int | None:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count >= 0 else None
