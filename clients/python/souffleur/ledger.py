"""What was said and has no final yet: all that has to be said again where a server lost the session."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .errors import ClientError
from .said import Commit, Revise, Said, Text

# White space as the server sees it.
_SPACE = re.compile(r"[\s▁]")
_SPACES = re.compile(r"[\s▁]+")


def squeeze(text: str) -> str:
    return _SPACES.sub("", text)


def weight_of(text: str) -> int:
    """Characters that are not white space: what of a text comes back in the sources of finals."""
    return len(squeeze(text))


@dataclass
class _Stretch:
    """The beginning of a hypothesis: without white space, and in words."""

    text: str = ""
    words: int = 0

    def plus(self, text: str, words: int) -> _Stretch:
        return _Stretch(self.text + text, self.words + words)


@dataclass
class _Utterance:
    """What lies between two commits."""

    # Texts in their order, and how much of the first one has its final.
    texts: list[Text] = field(default_factory=list)
    offset: int = 0
    # The last hypothesis, where a recogniser speaks, as this session was told it; what of it has its final; and what
    # earlier sessions have finished of it, which this one is not told again.
    hypothesis: Revise | None = None
    settled: _Stretch = field(default_factory=_Stretch)
    gone: _Stretch = field(default_factory=_Stretch)
    committed: bool = False

    @property
    def remainder(self) -> str:
        """What has no final, without white space."""
        if self.hypothesis is None:
            return squeeze("".join(text.text for text in self.texts)[self.offset :])
        return squeeze(self.hypothesis.text)[len(self.settled.text) :]

    def settle(self, text: str, words: int) -> int:
        """Returns the weight of the texts that were settled."""
        if self.hypothesis is not None:
            self.settled = self.settled.plus(text, words)
            return 0
        missing = len(text)
        while self.texts:
            said = self.texts[0].text
            while self.offset < len(said) and (missing > 0 or _SPACE.match(said[self.offset])):
                missing -= 0 if _SPACE.match(said[self.offset]) else 1
                self.offset += 1
            if self.offset < len(said):
                break
            self.texts.pop(0)
            self.offset = 0
        return len(text) - missing


class Ledger:
    def __init__(self) -> None:
        self._utterances: list[_Utterance] = []
        # What this utterance is said with: the two do not mix.
        self._kind: type[Said] | None = None

    @property
    def empty(self) -> bool:
        return all(one.remainder == "" for one in self._utterances)

    def check(self, message: Said) -> None:
        """Raises ClientError `mixed` for text after a hypothesis, or the other way round, without a commit between them."""
        if isinstance(message, (Text, Revise)) and self._kind not in (None, type(message)):
            raise ClientError("mixed", "text and hypotheses do not mix: commit before the other one")

    def told(self, message: Said) -> Said:
        """What is said, as the session has to be told it: a hypothesis without what an earlier session has finished."""
        last = self._utterances[-1] if self._utterances else None
        if not isinstance(message, Revise) or last is None or last.committed:
            return message
        return _without(last.gone, message)

    def add(self, message: Said) -> None:
        """Takes down a message that is on its way; the same text again, where it has grown by then."""
        if isinstance(message, Text):
            self._kind = Text
            texts = self._open().texts
            if not texts or texts[-1] is not message:
                texts.append(message)
        elif isinstance(message, Revise):
            self._kind = Revise
            self._open().hypothesis = message
        else:
            self._kind = None
            if self._utterances:
                self._utterances[-1].committed = True
            self._drop_settled()

    def refuse(self, message: Text) -> None:
        """The server did not take this text: it will have no final."""
        for utterance in self._utterances:
            if message in utterance.texts:
                if utterance.texts[0] is message:
                    utterance.offset = 0
                utterance.texts.remove(message)
        self._drop_settled()

    def settle(self, source: str) -> int:
        """Takes a finished segment off the front, white space not compared.

        Returns the weight of the texts that this was.
        """
        text = squeeze(source)
        if not self._utterances:
            return 0
        first = self._utterances[0]
        # A hypothesis that contradicted what was read is not what the finals say, nor as long. Where the next utterance fits, it is that.
        if first.committed and len(self._utterances) > 1 and not first.remainder.startswith(text):
            if self._utterances[1].remainder.startswith(text):
                self._utterances.pop(0)
        weight = self._utterances[0].settle(text, len(_words_of(source)))
        self._drop_settled()
        return weight

    def again(self) -> list[Said]:
        """All of it again, for a session that knows nothing."""
        messages: list[Said] = []
        for one in self._utterances:
            # New messages: these are what is on its way now, what grows, and what may be refused.
            offsets = [one.offset] + [0] * len(one.texts)
            one.texts = [replace(text, text=text.text[skip:]) for text, skip in zip(one.texts, offsets)]
            one.offset = 0
            messages += one.texts
            if one.hypothesis is not None:
                one.hypothesis = _without(one.settled, one.hypothesis)
                one.gone = one.gone.plus(one.settled.text, one.settled.words)
                one.settled = _Stretch()
                messages.append(one.hypothesis)
            if one.committed:
                messages.append(Commit())
        return messages

    def _open(self) -> _Utterance:
        if not self._utterances or self._utterances[-1].committed:
            self._utterances.append(_Utterance())
        return self._utterances[-1]

    def _drop_settled(self) -> None:
        while self._utterances and self._utterances[0].committed and self._utterances[0].remainder == "":
            self._utterances.pop(0)


def _words_of(text: str) -> list[str]:
    return [word for word in _SPACES.split(text) if word != ""]


def _without(gone: _Stretch, message: Revise) -> Revise:
    """A hypothesis without its beginning: to the character where it has the very same text, else by as many words."""
    if gone.text == "":
        return message
    same = squeeze(message.text).startswith(gone.text)
    pattern, count = (r"[^\s▁]", len(gone.text)) if same else (r"[^\s▁]+", gone.words)
    matches = list(re.finditer(pattern, message.text))
    end = matches[count - 1].end() if len(matches) >= count else len(message.text)
    stable = None if message.stable is None else max(0, message.stable - end)
    return replace(message, text=message.text[end:], stable=stable)
