"""Writes trainer/decoding/hugging-face/fixtures/*.json: tiny models as Optimum exports them, with what
transformers' own generation says of a few texts.

    python -m venv /tmp/reference-hf
    /tmp/reference-hf/bin/pip install torch==2.15.0 transformers==4.57.6 optimum==2.1.0 optimum-onnx==0.1.0 onnx==1.23.2
    /tmp/reference-hf/bin/python scripts/reference/hugging_face_export.py
    npx biome check --write trainer/decoding/hugging-face
"""

import base64
import gzip
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from optimum.exporters.onnx import main_export
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    GenerationConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
)

OUTPUT = Path(__file__).parents[2] / "trainer/decoding/hugging-face/fixtures"
PIECES = ["▁", *"abcdefghijklmnopqrstuvwxyz", "▁the", "▁tea", "▁boat", "er", "en", "."]
TEXTS = ["the tea", "a boat.", "the boat is new", "no", "see the water here", ""]
BEAMS = 3
MAX_LENGTH = 14
STEPS = 400

SIZES = dict(
    d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
    encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=48, scale_embedding=True, dropout=0.0,
    attention_dropout=0.0,
)  # fmt: skip


def tokenizer(first, last):
    """Unigram with `▁` for spaces, as sentencepiece models are converted; special tokens before and after the pieces."""
    scores = [(token, 0.0) for token in first] + [(piece, -2.0 - 1 / len(piece)) for piece in PIECES]
    scores += [(token, 0.0) for token in last]
    made = Tokenizer(models.Unigram(scores, unk_id=first.index("<unk>"), byte_fallback=False))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens([AddedToken(token, normalized=False) for token in [*first, *last]])
    return made


def taught(model, generation, pieces, prefix, forced, seed):
    """A toy task, so that outputs differ and end: each piece becomes the next one, in the same order."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.requires_grad:
            parameter.data = torch.randn_like(parameter) * 0.25
    pad, end, start = (generation[f"{name}_token_id"] for name in ("pad", "eos", "decoder_start"))
    first, last = pieces
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(STEPS):
        length = int(torch.randint(1, 9, ()))
        words = torch.randint(first, last, (32, length))
        after = torch.where(words + 1 < last, words + 1, first)

        def framed(before, ids, behind):
            return torch.cat([torch.tensor(before).long().expand(32, -1), ids, torch.tensor(behind).long().expand(32, -1)], 1)

        source = framed(prefix, words, [end])
        labels = framed(forced, after, [end])
        target_in = framed([start], labels[:, :-1], [])
        logits = model(input_ids=source, attention_mask=source != pad, decoder_input_ids=target_in).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", loss.item())
    return model.eval()


FAIRSEQ = ["<s>", "<pad>", "</s>", "<unk>"]


def marian(first, last):
    size = len(first) + len(PIECES) + len(last)
    start = size - 1
    config = MarianConfig(
        vocab_size=size, pad_token_id=start, eos_token_id=0, decoder_start_token_id=start, forced_eos_token_id=0, **SIZES
    )
    generation = dict(
        bad_words_ids=[[start]], bos_token_id=0, decoder_start_token_id=start, eos_token_id=0, forced_eos_token_id=0,
        max_length=40, num_beams=6, pad_token_id=start,
    )  # fmt: skip
    return MarianMTModel(config), generation


def m2m_100(first, last):
    size = len(first) + len(PIECES) + len(last)
    ids = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
    return M2M100ForConditionalGeneration(M2M100Config(vocab_size=size, **ids, **SIZES)), dict(
        **ids, max_length=200, num_beams=5, early_stopping=True
    )


def mbart_50(first, last):
    size = len(first) + len(PIECES) + len(last)
    ids = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2)
    return MBartForConditionalGeneration(MBartConfig(vocab_size=size, **ids, **SIZES)), dict(
        **ids, max_length=200, num_beams=5, early_stopping=True
    )


# name: model, special tokens before and after, tokenizer's class, source prefix, forced first target token, seed
FAMILIES = {
    "marian": (marian, ["</s>", "<unk>"], ["<pad>"], "MarianTokenizer", [], None, 3),
    "m2m100": (m2m_100, FAIRSEQ, ["__en__", "__de__"], "M2M100Tokenizer", ["__en__"], "__de__", 5),
    "nllb": (m2m_100, FAIRSEQ, ["eng_Latn", "deu_Latn"], "NllbTokenizer", ["eng_Latn"], "deu_Latn", 5),
    "mbart50": (mbart_50, FAIRSEQ, ["en_XX", "de_DE"], "MBart50Tokenizer", ["en_XX"], "de_DE", 4),
}


def generated(model, generation, made, prefix, forced):
    """Greedy and beam search of transformers itself, ids after the forced ones and without the end."""
    end = generation["eos_token_id"]
    settings = {**generation, "max_length": MAX_LENGTH, "forced_eos_token_id": None, "num_beams": 1, "early_stopping": False}
    skip = 1
    if forced:
        settings["forced_bos_token_id"] = made.token_to_id(forced)
        skip = 2
    model.config.forced_eos_token_id = None  # a hypothesis at the limit is compared as it is
    model.generation_config = GenerationConfig(**settings)  # what is not said takes the model's own
    cases = []
    for text in TEXTS:
        ids = [made.token_to_id(token) for token in prefix] + made.encode(text, add_special_tokens=False).ids
        source = torch.tensor([[*ids, end]])

        def run(**more):
            config = GenerationConfig(**{**settings, **more})
            return model.generate(source, generation_config=config, return_dict_in_generate=True, output_scores=True)

        def words(sequence):
            ids = sequence.tolist()[skip:]
            ended = end in ids
            return {"ids": ids[: ids.index(end)] if ended else ids, "ended": ended}

        greedy = run()
        beams = run(num_beams=BEAMS, num_return_sequences=BEAMS, length_penalty=0.0, early_stopping=True)
        cases.append({
            "text": text,
            "sourceIds": source[0].tolist(),
            "greedy": words(greedy.sequences[0]),
            "beams": [
                {**words(sequence), "score": score}
                for sequence, score in zip(beams.sequences, beams.sequences_scores.tolist())
            ],
            "decoded": made.decode(words(greedy.sequences[0])["ids"], skip_special_tokens=True),
        })  # fmt: skip
    return cases


def packed(path):
    return base64.b64encode(gzip.compress(path.read_bytes(), mtime=0)).decode()


for name, (build, first, last, tokenizer_class, prefix, forced, seed) in FAMILIES.items():
    made = tokenizer(first, last)
    model, generation = build(first, last)
    ids = {token: made.token_to_id(token) for token in [*first, *last]}
    pieces = (len(first), len(first) + len(PIECES))
    taught(model, generation, pieces, [ids[token] for token in prefix], [ids[forced]] if forced else [], seed)
    model.generation_config = GenerationConfig(**generation)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "exported"
        model.save_pretrained(source)
        main_export(str(source), target, task="text2text-generation-with-past")
        files = {
            "config.json": json.loads((target / "config.json").read_text()),
            "generation_config.json": json.loads((target / "generation_config.json").read_text()),
            "tokenizer.json": json.loads(made.to_str()),
            "tokenizer_config.json": {"tokenizer_class": tokenizer_class},
            "encoder_model.onnx": packed(target / "encoder_model.onnx"),
            "decoder_model_merged.onnx": packed(target / "decoder_model_merged.onnx"),
        }
    fixture = {
        "madeWith": {package: version(package) for package in ("torch", "transformers", "optimum", "optimum-onnx")},
        "beams": BEAMS,
        "maxLength": MAX_LENGTH,
        "files": files,
        "cases": generated(model, generation, made, prefix, forced),
    }
    (OUTPUT / f"{name}.json").write_text(json.dumps(fixture, ensure_ascii=False))
    for case in fixture["cases"]:
        print(name, case["text"], case["sourceIds"], case["greedy"], [(b["ids"], b["ended"]) for b in case["beams"]])
