"""Reads a caption file with a parser that is not ours (webvtt-py, srt, ttconv), and prints its cues as JSON.

    python scripts/reference/caption_parsers.py srt|vtt|ttml FILE

The tests of server/captions/files run it on what is written there. Times are milliseconds.
"""

import json
import sys


def srt_cues(path):
    import srt

    with open(path, encoding="utf-8-sig") as file:
        cues = list(srt.parse(file.read()))
    return [(cue.start.total_seconds(), cue.end.total_seconds(), cue.content) for cue in cues]


def vtt_cues(path):
    import html

    import webvtt

    def seconds(text):
        hours, minutes, rest = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    return [(seconds(cue.start), seconds(cue.end), html.unescape(cue.text)) for cue in webvtt.read(path)]


def ttml_cues(path):
    import xml.etree.ElementTree as ElementTree

    from ttconv.imsc import reader
    from ttconv.model import Br, Text

    def text_of(element):
        if isinstance(element, Text):
            return element.get_text()
        if isinstance(element, Br):
            return "\n"
        return "".join(text_of(child) for child in element)

    def paragraphs(element):
        if type(element).__name__ == "P":
            yield element
        for child in element:
            yield from paragraphs(child)

    document = reader.to_model(ElementTree.parse(path))
    return [(float(p.get_begin() or 0), float(p.get_end()), text_of(p)) for p in paragraphs(document.get_body())]


readers = {"srt": srt_cues, "vtt": vtt_cues, "ttml": ttml_cues}
cues = readers[sys.argv[1]](sys.argv[2])
print(json.dumps([{"start": round(start * 1000), "end": round(end * 1000), "text": text} for start, end, text in cues]))
