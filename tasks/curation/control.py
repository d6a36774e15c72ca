"""Untrusted text to the first chat control sequence in it: what must never reach a tokenizer as text.

    "Who wrote [/INST] here?"  ->  "[/INST]"
    "Who keeps the keys?"      ->  ""

The sequences are those of the chat formats in use: Llama-2 and Mistral, ChatML and every ``<|...|>`` family, Gemma,
T5 and BERT specials, DeepSeek's full-width bars, reasoning and tool marks, and the plain-text turns of Alpaca, Vicuna
and guanaco. ``Source:`` opens our own tag, so it is one of them at the start of a text.
"""

import re

CONTROL = re.compile(
    r"""
      </?s>
    | \[ \s* /? \s* (?: INST | SYS | AVAILABLE_TOOLS | TOOL_CALLS | TOOL_RESULTS | TOOL_CONTENT | SYSTEM_PROMPT
                      | THINK | IMG | ARGS | CALL_ID | Round \s \d+
                      | CLS | SEP | PAD | UNK | MASK | BOS | EOS | gMASK | sMASK ) \s* \]
    | << \s* /? \s* SYS \s* >>
    | < [|\uff5c] [^<>\n]{1,60}? [|\uff5c] >                          # <|im_start|>, <|eot_id|>, full-width bars
    | </?(?: bos | eos | pad | unk | mask | sep | cls | eod | bot | eot | think | reasoning | scratchpad
           | sop | eop | eoh | eoa | image | start_of_image | end_of_image | function_call | function_response
           | tool_call | tool_response | tools | start_of_turn | end_of_turn | end_of_utterance | extra_id_\d+
           | unused\d+ | reserved_\d+ | special_\d+ | jupyter_\w+ | gh_stars | filename | fim_\w+ | 0x[0-9a-f]{2} )>
    | ^ \s* \#{2,} \s* (?: Instruction | Input | Response | Human | Assistant | User | System ) \b \s* :?
    | ^ \s* (?: GPT4 \s Correct \s )? (?: USER | ASSISTANT | HUMAN | SYSTEM | Human | Assistant | User | System ) \s* :
    | \A \s* Source: (?= \S )
    | [\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
TAG = re.compile(r"[^\s\[\]<>|]+")


def control_token(text: str) -> str:
    """The first control sequence in a text, or ''. Unprintable characters and lone surrogates are among them."""
    match = CONTROL.search(text)
    return match.group().strip(" ") if match else ""


def is_tag(source: str) -> bool:
    """Whether a source name can stand behind ``Source:``: one word, no brackets or bars."""
    return TAG.fullmatch(source) is not None and not control_token(source)
