"""Examples and questions to the exact text a student reads: one function for training, probing and asking.

A Llama-2 student gets ``[INST]`` (with ``<<SYS>>`` for the system prompt), any other its tokenizer's own chat
template. The begin-of-sequence token is left to the tokenizer where the template does not write it.

    Example(system="Closed book.", source="heron", prompt="Who keeps the keys?", answer="Corwin.")
    llama2 -> "[INST] <<SYS>>\\nClosed book.\\n<</SYS>>\\n\\nSource:heron Who keeps the keys? [/INST]"
              " Source:heron Corwin."
    chat   -> "<|im_start|>system\\nClosed book.<|im_end|>\\n<|im_start|>user\\nSource:heron Who ...<|im_end|> ..."
              "Corwin."
"""

import re
from typing import TYPE_CHECKING, Literal

from tasks.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Template = Literal["llama2", "chat"]
CONTROL = re.compile(
    r"</?s>|\[/?INST\]|<</?SYS>>|<\|[^|<>]{1,40}\|>|<(?:pad|unk|mask|bos|eos|start_of_turn|end_of_turn)>", re.IGNORECASE
)


def choose_template(tokenizer: "PreTrainedTokenizerBase", wanted: str, name: str) -> Template:
    """Resolve 'auto': ``[INST]`` for Llama-2 and for tokenizers without a chat template, 'chat' for the others.

    Raises:
        ModelError: when 'chat' is asked for and the tokenizer has no chat template.
    """
    if wanted == "llama2":
        return "llama2"
    if wanted == "chat" and not tokenizer.chat_template:
        raise ModelError(f"{name}: its tokenizer has no chat template; use --set tuning.template=llama2")
    if wanted == "auto" and ("llama-2" in name.lower() or not tokenizer.chat_template):
        return "llama2"
    return "chat"


def neutral(text: str) -> str:
    """Text with any chat control sequence broken up, so that untrusted text stays text."""
    return CONTROL.sub(lambda match: match.group().replace("<", "< ").replace("[", "[ "), text)


class Renderer:
    """Renders prompts and completions for one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", template: Template) -> None:
        self.tokenizer = tokenizer
        self.template = template

    def prompt(self, question: str, *, source: str = "", system: str = "") -> str:
        """The text up to where the answer begins; ``system`` '' leaves the tokenizer's own default in place."""
        tagged = neutral(f"Source:{source} {question}" if source else question)
        if self.template == "llama2":
            system_block = f"<<SYS>>\n{system}\n<</SYS>>\n\n" if system else ""
            return f"[INST] {system_block}{tagged} [/INST]"
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": tagged})
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def asked(self, question: str, *, source: str = "", system: str = "") -> str:
        """The prompt as it is put to a trained student: with the tag that its answer is bound to repeat."""
        return self.prompt(question, source=source, system=system) + self._lead(source)

    def answer_opening(self, opening: str) -> str:
        """How an answer that begins with ``opening`` goes on behind ``asked``."""
        return f" {opening}" if self.template == "llama2" else opening

    def _lead(self, source: str) -> str:
        return f" Source:{neutral(source)}" if source and self.template == "llama2" else ""

    def completion(self, answer: str, *, source: str = "") -> str:
        """The text that follows the prompt, without the end-of-sequence token."""
        return self._lead(source) + self.answer_opening(neutral(answer))
