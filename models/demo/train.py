#!/usr/bin/python3
"""Makes the demo model: a 2-million-parameter LLaMA that writes Shakespeare-like plays.

Writes tokenizer.model, config.json and model.safetensors (a Hugging Face directory) next to this
file. The text is the "tinyshakespeare" collection, in the public domain; its last 5% are held out
for validation. Training took 23 minutes on two cores of an AMD EPYC that were compiling other
things at the same time. Needs Debian 12's packages python3-torch, libopenblas0-pthread (the
reference BLAS is slow) and sentencepiece.

    /usr/bin/python3 train.py [TEXT]            train; TEXT: by default ../shared/data/text/
                                                tinyshakespeare.txt beside the repository
    /usr/bin/python3 train.py --state FILE      the same, but can be stopped and run again
    /usr/bin/python3 train.py --eval            validation loss of the exported files
    /usr/bin/python3 train.py --sample "ROMEO:" text, greedy and at temperature 0.8
    /usr/bin/python3 train.py --golden          write golden.json: ids of a prompt, the logits
                                                after it, and the 64 greedy ids that follow
    /usr/bin/python3 train.py --check           check the files with a second implementation
    /usr/bin/python3 train.py --draft           make the model in draft/, which drafts for this one: 0.6 MB, learned
                                                from what this one expects of the text; under 15 minutes on a core
    /usr/bin/python3 train.py --bible FOLDER    make another model there, of the form of Qwen3, from the
                                                King James Bible in Debian's package bible-kjv

Seeds are fixed, but another processor, BLAS or thread count rounds differently, and then the
weights differ in detail. If OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE are set, unset them: they choose
slow kernels.
The run had MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=4000000000 in its environment, so
that large tensors do not fault in fresh pages every time (full-context steps took 0.7 of the time),
and OMP_WAIT_POLICY=passive because its cores were shared.
"""
import argparse, json, math, pathlib, re, struct, subprocess, tempfile, time

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
TEXT = HERE.parents[2] / "shared/data/text/tinyshakespeare.txt"

DIM, HEADS, KV_HEADS, HEAD, LAYERS, HIDDEN, VOCAB, CONTEXT = 256, 4, 2, 64, 3, 512, 1024, 512
EPS, THETA = 1e-5, 10000.0
BOS, EOS = 1, 2

QK_NORM = False

SEED, STEPS, WARMUP, DECAY, STEP_TOKENS = 1, 2900, 200, 700, 1024
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 2e-3, 0.1, 0.05
PROMPT = "ROMEO:\nO, speak again, bright angel! for thou art"


def choose_bible(folder):
    """The other model: more and narrower layers, grouped heads of 32 with norms of queries and keys. 5 MB."""
    folder.mkdir(parents=True, exist_ok=True)
    globals().update(HERE=folder, DIM=192, HEADS=6, KV_HEADS=2, HEAD=32, LAYERS=6, HIDDEN=512, CONTEXT=256,
                     EPS=1e-6, THETA=1e6, QK_NORM=True, STEPS=900, WARMUP=100, DECAY=500, DROPOUT=0.0)
    verses = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    text = ""
    for verse in verses:  # "Ge1:1 In the beginning ..."
        reference, words = verse.split(" ", 1)
        text += ("\n" if text and reference.endswith(":1") else "") + words + "\n"
    path = folder / "bible.txt"
    path.write_text(text, encoding="utf-8")
    held_out = read_text(path)[1]
    (folder / "held-out.txt").write_text(held_out, encoding="utf-8")
    return path


def choose_draft():
    """A model that drafts for the demo model, which is returned: one narrow layer, the same tokens."""
    teacher = load()
    folder = HERE / "draft"
    folder.mkdir(exist_ok=True)
    tokenizer = folder / "tokenizer.model"
    if not tokenizer.is_symlink():
        tokenizer.symlink_to("../tokenizer.model")
    globals().update(HERE=folder, DIM=128, LAYERS=1, HIDDEN=128, STEPS=900, WARMUP=60, DECAY=500,
                     LEARNING_RATE=4e-3, DROPOUT=0.0)
    return teacher


# ---- Text and tokenizer ------------------------------------------------------------------------

def read_text(path):
    """Training and validation part; the cut is moved to a line start."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    cut = text.index("\n", int(len(text) * 0.95)) + 1
    return text[:cut], text[cut:]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """(field number, value, position of the value) of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            start = at
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, at = varint(data, at)
            start = at
            value, at = data[at:at + size], at + size
        yield key >> 3, value, start


def make_tokenizer(text):
    with tempfile.TemporaryDirectory() as folder:
        # Relative names, because spm_train stores them in the model.
        pathlib.Path(folder, "train.txt").write_text(text, encoding="utf-8")
        subprocess.run(
            ["spm_train", "--input=train.txt", "--model_prefix=tokenizer", "--model_type=bpe",
             f"--vocab_size={VOCAB}", "--byte_fallback=true", "--character_coverage=1.0",
             "--split_digits=true", "--normalization_rule_name=identity",
             "--remove_extra_whitespaces=false", "--allow_whitespace_only_pieces=true",
             "--add_dummy_prefix=false", "--num_threads=1", "--minloglevel=1"],
            cwd=folder, check=True)
        model = bytearray(pathlib.Path(folder, "tokenizer.model").read_bytes())
    # The tokenizer puts a space before a text, as LLaMA's does. It is trained without, because
    # spm_train would put one before every line, and spend pieces on names ("▁ROMEO") that never
    # follow a space in running text. So set NormalizerSpec.add_dummy_prefix only now.
    for number, spec, start in fields(model):
        if number == 3:
            for inner, value, position in fields(spec):
                if inner == 3 and value == 0:
                    model[start + position] = 1
    (HERE / "tokenizer.model").write_bytes(model)


class Tokenizer:
    """SentencePiece BPE with byte fallback, straight from tokenizer.model."""

    def __init__(self):
        self.pieces, self.scores, self.ids, self.cache = [], [], {}, {}
        for number, message, _ in fields((HERE / "tokenizer.model").read_bytes()):
            if number == 1:
                piece, score, kind = "", 0.0, 1
                for inner, value, _ in fields(message):
                    if inner == 1: piece = value.decode()
                    if inner == 2: score = struct.unpack("<f", value)[0]
                    if inner == 3: kind = value
                if kind == 1:
                    self.ids[piece] = len(self.pieces)
                    assert "▁" not in piece.lstrip("▁")  # so words can be encoded one by one
                self.pieces.append(piece)
                self.scores.append(score)

    def word(self, word):
        if word not in self.cache:
            parts = list(word)
            while True:  # merge the best pair, the leftmost of equals
                pairs = [(-self.scores[self.ids[a + b]], i)
                         for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in self.ids]
                if not pairs:
                    break
                i = min(pairs)[1]
                parts[i:i + 2] = [parts[i] + parts[i + 1]]
            out = []
            for part in parts:
                # <0x00> is piece 3
                out += [self.ids[part]] if part in self.ids else [3 + b for b in part.encode()]
            self.cache[word] = out
        return self.cache[word]

    def encode(self, text, prefix=True):
        text = ((" " if prefix and text else "") + text).replace(" ", "▁")
        return [i for w in re.findall("▁+[^▁\n]*|[^▁\n]+|\n", text) for i in self.word(w)]

    def decode(self, ids):
        data = b"".join(bytes([i - 3]) if 3 <= i < 259 else self.pieces[i].encode()
                        for i in ids if i > 2)
        text = data.decode("utf-8", "replace").replace("▁", " ")
        return text[1:] if text.startswith(" ") else text


# ---- Model -------------------------------------------------------------------------------------

def rope_tables(length):
    angle = torch.outer(torch.arange(length).float(),
                        THETA ** (-torch.arange(0, HEAD, 2).float() / HEAD))
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)  # element i turns with element i + HEAD / 2
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * self.weight


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = nn.Linear(DIM, HEADS * HEAD, bias=False)
        self.k_proj = nn.Linear(DIM, KV_HEADS * HEAD, bias=False)
        self.v_proj = nn.Linear(DIM, KV_HEADS * HEAD, bias=False)
        self.o_proj = nn.Linear(HEADS * HEAD, DIM, bias=False)
        if QK_NORM:
            self.q_norm, self.k_norm = Norm(HEAD), Norm(HEAD)

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        heads = lambda y, n: y.view(batch, length, n, HEAD).transpose(1, 2)
        q, k = heads(self.q_proj(x), HEADS), heads(self.k_proj(x), KV_HEADS)
        if QK_NORM:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin) * HEAD ** -0.5, rotate(k, cos, sin)
        v = heads(self.v_proj(x), KV_HEADS)
        k, v = (y.repeat_interleave(HEADS // KV_HEADS, 1) for y in (k, v))
        weights = (q @ k.transpose(2, 3) + mask).softmax(-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(batch, length, -1))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(DIM, HIDDEN, bias=False)
        self.up_proj = nn.Linear(DIM, HIDDEN, bias=False)
        self.down_proj = nn.Linear(HIDDEN, DIM, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.self_attn = Norm(DIM), Attention()
        self.post_attention_layernorm, self.mlp = Norm(DIM), Mlp()
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x, *rope):
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), *rope))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    """Attribute names give the tensor names of Hugging Face's LlamaForCausalLM."""

    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCAB, DIM)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm(DIM)
        self.dropout = nn.Dropout(DROPOUT)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                # Outputs into the residual stream start smaller, so that its variance does not
                # grow with depth.
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=0.03 / (math.sqrt(2 * LAYERS) if into_residual else 1))

    def forward(self, ids):
        length = ids.shape[1]
        cos, sin = rope_tables(length)
        mask = torch.full((length, length), -math.inf).triu(1)
        x = self.dropout(self.embed_tokens(ids))
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x) @ self.embed_tokens.weight.T


# ---- Files -------------------------------------------------------------------------------------

def save(model):
    """model.safetensors: 8 bytes of header length, JSON header, tensors one after another."""
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, p in model.named_parameters():
        blob = p.detach().half().contiguous().numpy().tobytes()
        header["model." + name] = {"dtype": "F16", "shape": list(p.shape),
                                   "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # aligns the data
    partial = HERE / "model.safetensors.part"  # renamed when whole: a kill leaves the last one
    partial.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    partial.rename(HERE / "model.safetensors")


def save_config():
    (HERE / "config.json").write_text(json.dumps({
        "architectures": ["Qwen3ForCausalLM" if QK_NORM else "LlamaForCausalLM"],
        "model_type": "qwen3" if QK_NORM else "llama", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": BOS,
        "eos_token_id": EOS, "head_dim": HEAD, "hidden_act": "silu", "hidden_size": DIM,
        "initializer_range": 0.02, "intermediate_size": HIDDEN,
        "max_position_embeddings": CONTEXT, "mlp_bias": False, "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS, "num_key_value_heads": KV_HEADS, "pretraining_tp": 1,
        "rms_norm_eps": EPS, "rope_scaling": None, "rope_theta": THETA,
        "tie_word_embeddings": True, "torch_dtype": "float16", "use_cache": True,
        "vocab_size": VOCAB}, indent=2) + "\n")


def load_tensors():
    data = (HERE / "model.safetensors").read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(bytearray(data[8 + size + t["data_offsets"][0]:
                                                  8 + size + t["data_offsets"][1]]),
                                   dtype=torch.float16).float().view(t["shape"])
            for name, t in header.items()}


def load():
    model = Llama()
    model.load_state_dict({k[len("model."):]: v for k, v in load_tensors().items()})
    return model.eval()


# ---- Training and measuring --------------------------------------------------------------------

class Windows:
    """Windows of a text; each starts with BOS at a line start and is encoded as its own text."""

    def __init__(self, tokenizer, text):
        self.lines = text.splitlines(keepends=True)
        self.head = [tokenizer.encode(line) for line in self.lines]
        self.stream, self.after = [], []  # after[i]: where line i ends in the stream
        for line in self.lines:
            self.stream += tokenizer.encode(line, prefix=False)
            self.after.append(len(self.stream))
        # Training windows start where somebody begins to speak, as prompts do.
        self.starts = [i for i in range(len(self.lines)) if (i == 0 or self.lines[i - 1] == "\n")
                       and self.after[i] + CONTEXT < len(self.stream)]

    def sample(self, length, generator):
        """Random windows, each of length inputs and one more token as the last target."""
        picks = torch.randint(len(self.starts), (STEP_TOKENS // length,), generator=generator)
        batch = []
        for i in (self.starts[pick] for pick in picks):
            rest = self.stream[self.after[i]:self.after[i] + length]
            batch.append(([BOS] + self.head[i] + rest)[:length + 1])
        return torch.tensor(batch)

    def chop(self):
        """Whole lines, as many as fit the context: together every line exactly once."""
        window = []
        for i, line in enumerate(self.lines):
            body = self.stream[self.after[i - 1] if i else 0:self.after[i]]
            if window and len(window) + len(body) > CONTEXT:
                yield window
                window = []
            window = window + body if window else [BOS] + self.head[i]
        yield window


@torch.no_grad()
def validate(model, windows):
    """Nats per token and per byte of text; every token but BOS is predicted."""
    model.eval()
    nats = tokens = 0
    for window in windows.chop():
        ids = torch.tensor([window])
        nats += F.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="sum").item()
        tokens += len(window) - 1
    model.train()
    return nats / tokens, nats / len("".join(windows.lines).encode())


def loss_of(model, ids, teacher):
    """Of predicting each token of the text, or, with a teacher, what the teacher expects at each."""
    logits = model(ids[:, :-1]).flatten(0, 1)
    if teacher is None:
        return F.cross_entropy(logits, ids[:, 1:].flatten())
    with torch.no_grad():
        expected = teacher(ids[:, :-1]).flatten(0, 1).softmax(-1)
    return F.cross_entropy(logits, expected)


def train(text_path, state_path, teacher=None):
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    training, validation = read_text(text_path)
    if teacher is None:
        make_tokenizer(training)
    save_config()
    tokenizer = Tokenizer()
    train_windows, val_windows = Windows(tokenizer, training), Windows(tokenizer, validation)
    print(f"{len(train_windows.stream)} training tokens, {len(val_windows.stream)} for validation")

    model = Llama()
    print(sum(p.numel() for p in model.parameters()), "parameters")
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": WEIGHT_DECAY},
                                   {"params": norms, "weight_decay": 0.0}],
                                  lr=LEARNING_RATE, betas=(0.9, 0.98))
    first, best, running, start = 1, math.inf, 7.0, time.time()
    if state_path and state_path.exists():
        state = torch.load(state_path)
        first, best, running = state["step"] + 1, state["best"], state["running"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["rng"])
    for step in range(first, STEPS + 1):
        # Warm up, hold, then half a cosine down: until the decay nothing depends on STEPS.
        decay = max(0, step - (STEPS - DECAY)) / DECAY
        scale = min(step / WARMUP, 0.51 + 0.49 * math.cos(math.pi * decay))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * scale
        # Attention over short windows costs less, and most of the language can be learned from
        # them; every fourth step teaches the far positions.
        length = 128 if step % 4 else CONTEXT
        ids = train_windows.sample(length, generator)
        loss = loss_of(model, ids, teacher)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += 0.02 * (loss.item() - running)
        if step % 100 == 0:
            print(f"step {step}: training loss {running:.3f}, {time.time() - start:.0f} s",
                  flush=True)
        if step % 200 == 0 or step == STEPS:
            per_token, per_byte = validate(model, val_windows)
            print(f"step {step}: validation {per_token:.4f} nats/token {per_byte:.4f} nats/byte",
                  flush=True)
            if per_token < best:  # keeps what generalises best, and loses nothing when stopped
                best = per_token
                save(model)
            if state_path:
                torch.save({"step": step, "best": best, "running": running,
                            "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                            "generator": generator.get_state(), "rng": torch.get_rng_state()},
                           state_path)


@torch.no_grad()
def generate(model, ids, count, temperature=0.0, generator=None):
    """The ids that follow, and the logits right after the prompt."""
    ids, first = list(ids), None
    for _ in range(count):
        logits = model(torch.tensor([ids[-CONTEXT:]]))[0, -1]
        first = logits if first is None else first
        if temperature:
            p = (logits / temperature).softmax(-1)
            ids.append(torch.multinomial(p, 1, generator=generator).item())
        else:
            ids.append(logits.argmax().item())
    return ids[-count:], first


def sample(prompt):
    tokenizer, model = Tokenizer(), load()
    ids = [BOS] + tokenizer.encode(prompt)
    for temperature in (0.0, 0.8):
        generator = torch.Generator().manual_seed(SEED)
        out, _ = generate(model, ids, 256, temperature, generator)
        print(f"---- temperature {temperature}\n{tokenizer.decode(ids + out)}")


def golden():
    tokenizer, model = Tokenizer(), load()
    ids = [BOS] + tokenizer.encode(PROMPT)
    out, logits = generate(model, ids, 64)
    (HERE / "golden.json").write_text(json.dumps({
        "prompt": PROMPT, "prompt_ids": ids, "logits": [float(f"{x:.9g}") for x in logits],
        "greedy_ids": out, "greedy_text": tokenizer.decode(out)}) + "\n")


@torch.no_grad()
def check(text_path):
    """A second forward, one token at a time, from config.json and model.safetensors alone."""
    c, w = json.loads((HERE / "config.json").read_text()), load_tensors()
    heads, kv, dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]

    def norm(x, name):
        return w[name] * (x / torch.sqrt((x * x).mean() + c["rms_norm_eps"]))

    def turn(x, position):  # Hugging Face's x * cos + rotate_half(x) * sin
        a = position / c["rope_theta"] ** (torch.arange(0, dim, 2) / dim)
        a = torch.cat((a, a))
        half = torch.cat((-x[:, dim // 2:], x[:, :dim // 2]), 1)
        return x * torch.cos(a) + half * torch.sin(a)

    def step(token, cache):
        x = w["model.embed_tokens.weight"][token]
        for n in range(c["num_hidden_layers"]):
            name = f"model.layers.{n}."
            m = lambda which, y: w[f"{name}{which}_proj.weight"] @ y
            y = norm(x, name + "input_layernorm.weight")
            keys, values = cache[n]
            q = turn(m("self_attn.q", y).view(heads, dim), len(keys))
            keys.append(turn(m("self_attn.k", y).view(kv, dim), len(keys)))
            values.append(m("self_attn.v", y).view(kv, dim))
            k, v = torch.stack(keys), torch.stack(values)
            out = []
            for h in range(heads):
                p = torch.softmax(k[:, h * kv // heads] @ q[h] / math.sqrt(dim), 0)
                out.append(p @ v[:, h * kv // heads])
            x = x + m("self_attn.o", torch.cat(out))
            y = norm(x, name + "post_attention_layernorm.weight")
            gate = m("mlp.gate", y)
            x = x + m("mlp.down", gate * torch.sigmoid(gate) * m("mlp.up", y))
        return w["model.embed_tokens.weight"] @ norm(x, "model.norm.weight")

    new_cache = lambda: [([], []) for _ in range(c["num_hidden_layers"])]
    g = json.loads((HERE / "golden.json").read_text())
    cache = new_cache()
    for token in g["prompt_ids"]:
        logits = step(token, cache)
    worst = (logits - torch.tensor(g["logits"])).abs().max().item()
    assert worst < 1e-3, worst
    gap = math.inf
    for token in g["greedy_ids"]:
        top = logits.topk(2)
        assert top.indices[0] == token
        gap = min(gap, (top.values[0] - top.values[1]).item())
        logits = step(token, cache)
    print(f"golden.json: logits within {worst:.1e}, {len(g['greedy_ids'])} greedy ids equal,"
          f" closest decision {gap:.3f}")

    training, validation = read_text(text_path)
    tokenizer = Tokenizer()
    window = next(Windows(tokenizer, validation).chop())
    cache, nats = new_cache(), 0.0
    for token, target in zip(window, window[1:]):
        nats -= step(token, cache).log_softmax(0)[target].item()
    ids = torch.tensor([window])
    batch = F.cross_entropy(load()(ids[:, :-1])[0], ids[0, 1:]).item()
    nats /= len(window) - 1
    assert abs(batch - nats) < 1e-4
    print(f"first validation window ({len(window)} tokens): {nats:.5f} nats/token both ways")

    assert all(tokenizer.decode(tokenizer.encode(t)) == t
               for t in (training, validation, "\n\n a  b\tc\n", "Grüße 世界\n", " "))
    lines = [s for s in (training + validation).split("\n") if s]
    theirs = subprocess.run(["spm_encode", f"--model={HERE / 'tokenizer.model'}",
                             "--output_format=id"], input="\n".join(lines), text=True,
                            capture_output=True, check=True).stdout.splitlines()
    assert [tokenizer.encode(s) for s in lines] == [[int(i) for i in t.split()] for t in theirs]
    print(f"tokenizer: round trips exact, {len(lines)} lines encoded as spm_encode does")
    size = sum((HERE / f).stat().st_size for f in ("model.safetensors", "tokenizer.model"))
    assert size <= 4 << 20
    print(f"weights and tokenizer: {size} bytes")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("text", nargs="?", default=TEXT, help="training text")
    p.add_argument("--bible", type=pathlib.Path, metavar="FOLDER", help="make the other model there")
    p.add_argument("--draft", action="store_true", help="make the model that drafts for this one")
    p.add_argument("--state", type=pathlib.Path, metavar="FILE",
                   help="keep the state of the training here, and go on from it")
    p.add_argument("--eval", action="store_true", help="measure the validation loss")
    p.add_argument("--sample", metavar="PROMPT", nargs="?", const="ROMEO:", help="write some text")
    p.add_argument("--golden", action="store_true", help="write golden.json")
    p.add_argument("--check", action="store_true", help="check the files by a second forward")
    a = p.parse_args()
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    if a.bible:
        a.text = choose_bible(a.bible)
    if a.eval:
        per_token, per_byte = validate(load(), Windows(Tokenizer(), read_text(a.text)[1]))
        print(f"{per_token:.4f} nats/token, {per_byte:.4f} nats/byte"
              f" = {per_byte / math.log(2):.4f} bits/byte")
    elif a.sample is not None:
        sample(a.sample)
    elif a.golden:
        golden()
    elif a.check:
        check(a.text)
    elif a.draft:
        torch.set_num_threads(1)
        train(a.text, a.state, choose_draft())
    else:
        train(a.text, a.state)


if __name__ == "__main__":
    main()
