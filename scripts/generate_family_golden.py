#!/usr/bin/env python3
"""Writes the small models of tests/golden: for each family a Hugging Face directory, a GGUF file of the same
weights, and the logits that the family's published equations give in float64.

Independent of Brim: needs python3-numpy only. Usage: scripts/generate_family_golden.py [FAMILY...]
"""

import json
import math
import os
import struct
import sys

import numpy as np

OUT = os.path.join(os.path.dirname(__file__), "..", "tests", "golden")
TOKENS = [3, 17, 29, 8, 8, 0, 31, 12, 5, 22, 19, 1]


class Weights:
    """Random values with few significant bits: exact in FP16, and small in a repository."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def matrix(self, rows, columns):
        step = 1 / 32
        values = self.random.standard_normal((rows, columns)) / math.sqrt(columns)
        unit = step / math.sqrt(columns)
        unit = 2.0 ** round(math.log2(unit))
        return np.clip(np.round(values / unit), -1000, 1000) * unit

    def norm(self, size):
        return 1 + np.round(self.random.standard_normal(size) * 8) / 64


# --- the equations ---------------------------------------------------------------------------------------------


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rotate(x, angles, amplitude):
    """Half-split RoPE: x [heads][head], angles [head / 2]."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles) * amplitude, np.sin(angles) * amplitude
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    """The form with tanh (Hendrycks and Gimpel 2016)."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def capped(x, cap):
    return cap * np.tanh(x / cap) if cap else x


def mix_of_experts(c, w, layer, n):
    """Softmax over all experts, the largest of them, and their weights as they are or divided by their sum."""
    p = np.exp(w[f"{layer}.router"] @ n)
    p /= p.sum()
    chosen = sorted(range(c["experts"]), key=lambda e: -p[e])[: c["experts_per_token"]]
    total = sum(p[e] for e in chosen) if c["normalised"] else 1.0
    out = 0
    for e in chosen:
        hidden = silu(w[f"{layer}.gate"][e] @ n) * (w[f"{layer}.up"][e] @ n)
        out = out + p[e] / total * (w[f"{layer}.down"][e] @ hidden)
    return out


def forward(model, tokens, frequencies, amplitude=1.0, local_frequencies=None):
    """Logits [token][vocabulary] of a decoder whose weights stand in `model` under the names of a LLaMA.

    local_frequencies: by which the layers in c["local_layers"] turn, with an amplitude of 1.
    """
    c, w = model["config"], model["weights"]
    heads, kv_heads, size = c["heads"], c["kv_heads"], c["head_size"]
    scale = c.get("attention_multiplier") or 1 / math.sqrt(size)
    residual = c.get("residual_multiplier", 1.0)
    act = gelu if c.get("gelu") else silu
    keys = [[] for _ in range(c["layers"])]
    values = [[] for _ in range(c["layers"])]
    logits = []
    for position, token in enumerate(tokens):
        x = w["embed"][token] * c.get("embedding_multiplier", 1.0)
        for layer in range(c["layers"]):
            n = rms_norm(x, w[f"{layer}.attn_norm"], c["eps"]) if not c.get("norms_behind") else x
            q = (w[f"{layer}.q"] @ n).reshape(heads, size)
            k = (w[f"{layer}.k"] @ n).reshape(kv_heads, size)
            v = (w[f"{layer}.v"] @ n).reshape(kv_heads, size)
            if c.get("qk_norm") == "head":
                q = rms_norm(q, w[f"{layer}.q_norm"], c["eps"])
                k = rms_norm(k, w[f"{layer}.k_norm"], c["eps"])
            elif c.get("qk_norm") == "all heads":
                q = rms_norm(q.reshape(-1), w[f"{layer}.q_norm"], c["eps"]).reshape(heads, size)
                k = rms_norm(k.reshape(-1), w[f"{layer}.k_norm"], c["eps"]).reshape(kv_heads, size)
            if layer in c.get("local_layers", ()):
                q = rotate(q, position * local_frequencies, 1.0)
                k = rotate(k, position * local_frequencies, 1.0)
            elif layer not in c.get("layers_without_rope", ()):
                q = rotate(q, position * frequencies, amplitude)
                k = rotate(k, position * frequencies, amplitude)
            keys[layer].append(k)
            values[layer].append(v)
            attended = []
            # A token attends to the last positions of the window, its own included.
            first = max(0, position + 1 - c["window"]) if layer in c.get("layers_with_window", ()) else 0
            for head in range(heads):
                group = head // (heads // kv_heads)
                scores = capped(np.array([q[head] @ key[group] for key in keys[layer][first:]]) * scale, c.get("score_cap"))
                p = np.exp(scores - scores.max())
                p /= p.sum()
                attended.append(sum(weight * value[group] for weight, value in zip(p, values[layer][first:])))
            if c.get("norms_behind"):
                x = x + rms_norm(w[f"{layer}.o"] @ np.concatenate(attended), w[f"{layer}.attn_norm"], c["eps"])
                hidden = silu(w[f"{layer}.gate"] @ x) * (w[f"{layer}.up"] @ x)
                x = x + rms_norm(w[f"{layer}.down"] @ hidden, w[f"{layer}.ffn_norm"], c["eps"])
                continue
            if c.get("norms_both"):
                x = x + rms_norm(w[f"{layer}.o"] @ np.concatenate(attended), w[f"{layer}.post_attn_norm"], c["eps"])
                n = rms_norm(x, w[f"{layer}.ffn_norm"], c["eps"])
                hidden = act(w[f"{layer}.gate"] @ n) * (w[f"{layer}.up"] @ n)
                x = x + rms_norm(w[f"{layer}.down"] @ hidden, w[f"{layer}.post_ffn_norm"], c["eps"])
                continue
            x = x + residual * (w[f"{layer}.o"] @ np.concatenate(attended))
            n = rms_norm(x, w[f"{layer}.ffn_norm"], c["eps"])
            if "experts" in c:
                x = x + residual * mix_of_experts(c, w, layer, n)
                if "shared" in c:
                    hidden = silu(w[f"{layer}.shared_gate"] @ n) * (w[f"{layer}.shared_up"] @ n)
                    x = x + residual * (w[f"{layer}.shared_down"] @ hidden)
                continue
            hidden = act(w[f"{layer}.gate"] @ n) * (w[f"{layer}.up"] @ n)
            x = x + residual * (w[f"{layer}.down"] @ hidden)
        n = rms_norm(x, w["norm"], c["eps"])
        logits.append(capped(w["head"] @ n / c.get("logits_scaling", 1.0), c.get("logit_cap")))
    return np.array(logits)


def yarn_frequencies(config, factor, original, beta_fast=32, beta_slow=1):
    """Peng et al. 2023, section 3.2: pairs that turn rarely within the original context are slowed by the factor."""
    size, theta = config["head_size"], config["theta"]
    usual = usual_frequencies(config)
    pair = [size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta)) for turns in (beta_fast, beta_slow)]
    low, high = max(math.floor(pair[0]), 0), min(math.ceil(pair[1]), size - 1)
    slowed = np.clip((np.arange(size // 2) - low) / (high - low), 0, 1)
    return usual * (1 - slowed) + usual / factor * slowed


def usual_frequencies(config):
    size = config["head_size"]
    return config["theta"] ** (-np.arange(0, size, 2) / size)


# --- the files -------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, dtype="<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_gguf(path, metadata, tensors):
    def string(text):
        raw = text.encode()
        return struct.pack("<Q", len(raw)) + raw

    def value(v):
        if isinstance(v, str):
            return struct.pack("<I", 8) + string(v)
        if isinstance(v, bool):
            return struct.pack("<IB", 7, v)
        if isinstance(v, int):
            return struct.pack("<II", 4, v)
        return struct.pack("<If", 6, v)

    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, v in metadata.items():
        head += string(key) + value(v)
    data = b""
    for name, values in tensors.items():
        as_float = values.ndim == 1
        raw = np.ascontiguousarray(values, dtype="<f4" if as_float else "<f2").tobytes()
        head += string(name) + struct.pack("<I", values.ndim)
        head += b"".join(struct.pack("<Q", size) for size in reversed(values.shape))
        head += struct.pack("<IQ", 0 if as_float else 1, len(data))
        data += raw + b"\0" * (-len(raw) % 32)
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32) + data)


def adjacent(rows, heads):
    """The rows of Wq or Wk as llama.cpp's converter leaves them for the families of LLaMA."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, 2, size // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def make_weights(c, seed):
    random = Weights(seed)
    w = {"embed": random.matrix(c["vocabulary"], c["dim"]) * c.get("embedding_scale", 8.0), "norm": random.norm(c["dim"])}
    w["head"] = w["embed"] if c["tied"] else random.matrix(c["vocabulary"], c["dim"])
    for layer in range(c["layers"]):
        q_rows, kv_rows = c["heads"] * c["head_size"], c["kv_heads"] * c["head_size"]
        for name, rows, columns in [
            ("q", q_rows, c["dim"]),
            ("k", kv_rows, c["dim"]),
            ("v", kv_rows, c["dim"]),
            ("o", c["dim"], q_rows),
            ("gate", c["hidden"], c["dim"]),
            ("up", c["hidden"], c["dim"]),
            ("down", c["dim"], c["hidden"]),
        ]:
            if "experts" in c and name in ("gate", "up", "down"):
                w[f"{layer}.{name}"] = np.array([random.matrix(rows, columns) for _ in range(c["experts"])])
            else:
                w[f"{layer}.{name}"] = random.matrix(rows, columns)
        if "experts" in c:
            w[f"{layer}.router"] = random.matrix(c["experts"], c["dim"]) * 2
        if "shared" in c:
            for name, rows, columns in [("gate", c["shared"], c["dim"]), ("up", c["shared"], c["dim"]), ("down", c["dim"], c["shared"])]:
                w[f"{layer}.shared_{name}"] = random.matrix(rows, columns)
        if "qk_norm" in c:
            whole = c["qk_norm"] == "all heads"
            w[f"{layer}.q_norm"] = random.norm(q_rows if whole else c["head_size"])
            w[f"{layer}.k_norm"] = random.norm(kv_rows if whole else c["head_size"])
        w[f"{layer}.attn_norm"] = random.norm(c["dim"])
        w[f"{layer}.ffn_norm"] = random.norm(c["dim"])
        if c.get("norms_both"):
            w[f"{layer}.post_attn_norm"] = random.norm(c["dim"])
            w[f"{layer}.post_ffn_norm"] = random.norm(c["dim"])
    return w


def hf_config(c, model_type, **more):
    return {
        "model_type": model_type,
        "hidden_size": c["dim"],
        "num_hidden_layers": c["layers"],
        "num_attention_heads": c["heads"],
        "num_key_value_heads": c["kv_heads"],
        "intermediate_size": c["hidden"],
        "vocab_size": c["vocabulary"],
        "max_position_embeddings": c["context"],
        "rms_norm_eps": c["eps"],
        "rope_theta": c["theta"],
        "tie_word_embeddings": c["tied"],
        "hidden_act": "silu",
        **more,
    }


def gguf_metadata(c, arch, **more):
    usual = {
        "block_count": c["layers"],
        "context_length": c["context"],
        "embedding_length": c["dim"],
        "feed_forward_length": c["hidden"],
        "attention.head_count": c["heads"],
        "attention.head_count_kv": c["kv_heads"],
        "attention.layer_norm_rms_epsilon": c["eps"],
        "rope.dimension_count": c["head_size"],
        "rope.freq_base": float(c["theta"]),
    }
    usual.update(more)
    return {"general.architecture": arch, "general.name": "golden " + arch} | {f"{arch}.{k}": v for k, v in usual.items()}


HF_LAYER = {
    "attn_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
GGUF_LAYER = {
    "attn_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def hf_tensors(c, w):
    tensors = {"model.embed_tokens.weight": w["embed"], "model.norm.weight": w["norm"]}
    if not c["tied"]:
        tensors["lm_head.weight"] = w["head"]
    for layer in range(c["layers"]):
        for name, hf in HF_LAYER.items():
            tensors[f"model.layers.{layer}.{hf}.weight"] = w[f"{layer}.{name}"]
    return tensors


def gguf_tensors(c, w, permute):
    tensors = {"token_embd.weight": w["embed"], "output_norm.weight": w["norm"]}
    if not c["tied"]:
        tensors["output.weight"] = w["head"]
    for layer in range(c["layers"]):
        for name, gguf in GGUF_LAYER.items():
            values = w[f"{layer}.{name}"]
            if permute and name in ("q", "k"):
                values = adjacent(values, c["heads"] if name == "q" else c["kv_heads"])
            tensors[f"blk.{layer}.{gguf}.weight"] = values
    return tensors


def with_experts(c, w, hf, gguf, names, stacked=False):
    """Puts experts in the place of the FFN. names: of router, gate, up and down in Hugging Face files."""
    for layer in range(c["layers"]):
        for part in ("gate", "up", "down"):
            del hf[f"model.layers.{layer}.{HF_LAYER[part]}.weight"], gguf[f"blk.{layer}.{GGUF_LAYER[part]}.weight"]
            gguf[f"blk.{layer}.ffn_{part}_exps.weight"] = w[f"{layer}.{part}"]
        gguf[f"blk.{layer}.ffn_gate_inp.weight"] = w[f"{layer}.router"]
        prefix = f"model.layers.{layer}."
        hf[prefix + names[0]] = w[f"{layer}.router"]
        if stacked:
            hf[prefix + names[1]] = np.concatenate([w[f"{layer}.gate"], w[f"{layer}.up"]], axis=1)
            hf[prefix + names[3]] = w[f"{layer}.down"]
        else:
            for e in range(c["experts"]):
                for name, part in zip(names[1:], ("gate", "up", "down")):
                    hf[prefix + name.format(e)] = w[f"{layer}.{part}"][e]
        if "shared" in c:
            hf[f"{prefix}shared_mlp.input_linear.weight"] = np.concatenate(
                [w[f"{layer}.shared_gate"], w[f"{layer}.shared_up"]])
            hf[f"{prefix}shared_mlp.output_linear.weight"] = w[f"{layer}.shared_down"]
            for part in ("gate", "up", "down"):
                gguf[f"blk.{layer}.ffn_{part}_shexp.weight"] = w[f"{layer}.shared_{part}"]
        if "qk_norm" in c:
            for part in ("q", "k"):
                hf[f"{prefix}self_attn.{part}_norm.weight"] = w[f"{layer}.{part}_norm"]
                gguf[f"blk.{layer}.attn_{part}_norm.weight"] = w[f"{layer}.{part}_norm"]


def save(name, config, hf, metadata, gguf, cases):
    folder = os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    write_safetensors(os.path.join(folder, "model.safetensors"), hf)
    if gguf is not None:
        write_gguf(os.path.join(folder, "model.gguf"), metadata, gguf)
    with open(os.path.join(folder, "golden.json"), "w") as file:
        rounded = [dict(case, logits=[[float(f"{x:.7g}") for x in row] for row in case["logits"]]) for case in cases]
        json.dump({"tokens": TOKENS, "cases": rounded}, file)
        file.write("\n")


# --- the families ----------------------------------------------------------------------------------------------


def phi3():
    """Fused q, k, v and gate, up; heads of 96; LongRoPE with other factors within the original context and beyond."""
    c = dict(dim=192, layers=2, heads=2, kv_heads=1, head_size=96, hidden=48, vocabulary=32, context=128, eps=1e-5,
             theta=10000.0, tied=False)
    original = 64
    w = make_weights(c, 3)
    pairs = np.arange(48)
    short = np.round(1 + pairs * 0.01, 3)
    long = np.round(1 + pairs * 0.07, 3)
    amplitude = math.sqrt(1 + math.log(c["context"] / original) / math.log(original))
    model = {"config": c, "weights": w}
    cases = [
        {"context": limit, "logits": forward(model, TOKENS, usual_frequencies(c) / np.float32(factors), amplitude)}
        for limit, factors in ((64, short), (128, long))
    ]

    hf = {name: values for name, values in hf_tensors(c, w).items() if "q_proj" not in name and "k_proj" not in name
          and "v_proj" not in name and "gate_proj" not in name and "up_proj" not in name}
    gguf = {name: values for name, values in gguf_tensors(c, w, False).items() if "attn_q." not in name
            and "attn_k." not in name and "attn_v." not in name and "ffn_gate" not in name and "ffn_up" not in name}
    for layer in range(c["layers"]):
        qkv = np.concatenate([w[f"{layer}.{name}"] for name in "qkv"])
        gate_up = np.concatenate([w[f"{layer}.gate"], w[f"{layer}.up"]])
        hf[f"model.layers.{layer}.self_attn.qkv_proj.weight"] = gguf[f"blk.{layer}.attn_qkv.weight"] = qkv
        hf[f"model.layers.{layer}.mlp.gate_up_proj.weight"] = gguf[f"blk.{layer}.ffn_up.weight"] = gate_up
    gguf["rope_factors_short.weight"] = np.float32(short)
    gguf["rope_factors_long.weight"] = np.float32(long)
    config = hf_config(c, "phi3", original_max_position_embeddings=original, sliding_window=None,
                       rope_scaling={"type": "longrope", "short_factor": list(short), "long_factor": list(long)})
    metadata = gguf_metadata(c, "phi3", **{"rope.scaling.original_context_length": original,
                                          "rope.scaling.attn_factor": amplitude})
    save("phi3", config, hf, metadata, gguf, cases)


def granite():
    """Multipliers of the embedding, of scores, of what is added to the residual, of the logits; tied embeddings."""
    c = dict(dim=64, layers=2, heads=4, kv_heads=2, head_size=16, hidden=96, vocabulary=32, context=128, eps=1e-5,
             theta=10000.0, tied=True, embedding_scale=1.0)
    factors = dict(embedding_multiplier=12.0, attention_multiplier=0.09, residual_multiplier=0.22, logits_scaling=3.0)
    w = make_weights(c, 7)
    model = {"config": {**c, **factors}, "weights": w}
    cases = [{"context": 128, "logits": forward(model, TOKENS, usual_frequencies(c))}]
    metadata = gguf_metadata(c, "granite", **{"embedding_scale": 12.0, "attention.scale": 0.09, "residual_scale": 0.22,
                                             "logit_scale": 3.0})
    save("granite", hf_config(c, "granite", **factors), hf_tensors(c, w), metadata, gguf_tensors(c, w, True), cases)


QWEN_NAMES = ("mlp.gate.weight", "mlp.experts.{}.gate_proj.weight", "mlp.experts.{}.up_proj.weight",
              "mlp.experts.{}.down_proj.weight")


def experts(name, arch, c, seed, names, config, metadata, permute, stacked=False, factors={}):
    w = make_weights(c, seed)
    cases = [{"context": 128, "logits": forward({"config": {**c, **factors}, "weights": w}, TOKENS, usual_frequencies(c))}]
    hf, gguf = hf_tensors(c, w), gguf_tensors(c, w, permute)
    with_experts(c, w, hf, gguf, names, stacked)
    more = {"expert_count": c["experts"], "expert_used_count": c["experts_per_token"], **metadata}
    save(name, hf_config(c, name, num_experts_per_tok=c["experts_per_token"], **config, **factors), hf,
         gguf_metadata(c, arch, **more), gguf, cases)


def sizes(**more):
    return {**dict(dim=64, layers=2, heads=4, kv_heads=2, head_size=16, hidden=48, vocabulary=32, context=128, eps=1e-5,
                   theta=10000.0, tied=False), **more}


def olmoe():
    """Norms over all heads of q and k; weights of the chosen experts as softmax over all gives them."""
    c = sizes(kv_heads=4, experts=8, experts_per_token=3, normalised=False, qk_norm="all heads")
    experts("olmoe", "olmoe", c, 11, QWEN_NAMES, dict(num_experts=8, norm_topk_prob=False), {}, False)


def qwen3_moe():
    """Norms of each head; a width of the experts of its own; weights divided by their sum."""
    c = sizes(experts=6, experts_per_token=2, normalised=True, qk_norm="head")
    experts("qwen3_moe", "qwen3moe", c, 12, QWEN_NAMES,
            dict(num_experts=6, moe_intermediate_size=48, norm_topk_prob=True, head_dim=16),
            {"feed_forward_length": 200, "expert_feed_forward_length": 48}, False)


def smollm3():
    """Layers without RoPE: those that the configuration says, in GGUF files every fourth; tied embeddings."""
    c = dict(dim=32, layers=5, heads=4, kv_heads=2, head_size=8, hidden=32, vocabulary=32, context=128, eps=1e-6,
             theta=5000000.0, tied=True, layers_without_rope=[3])
    w = make_weights(c, 21)
    cases = [{"context": 128, "logits": forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c))}]
    config = hf_config(c, "smollm3", no_rope_layers=[1, 1, 1, 0, 1], use_sliding_window=False)
    save("smollm3", config, hf_tensors(c, w), gguf_metadata(c, "smollm3"), gguf_tensors(c, w, True), cases)


def mistral():
    """A sliding window in all layers; its GGUF files call themselves llama."""
    c = sizes(dim=32, head_size=8, hidden=32, window=5, layers_with_window=[0, 1])
    w = make_weights(c, 23)
    cases = [{"context": 128, "logits": forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c))}]
    save("mistral", hf_config(c, "mistral", sliding_window=5), hf_tensors(c, w),
         gguf_metadata(c, "llama", **{"attention.sliding_window": 5}), gguf_tensors(c, w, True), cases)


def qwen3():
    """A sliding window in the layers from the second on, which GGUF files cannot say; norms of each head."""
    c = sizes(dim=32, layers=3, head_size=16, hidden=32, window=4, layers_with_window=[1, 2], qk_norm="head")
    w = make_weights(c, 24)
    cases = [{"context": 128, "logits": forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c))}]
    hf = hf_tensors(c, w)
    for layer in range(c["layers"]):
        for part in ("q", "k"):
            hf[f"model.layers.{layer}.self_attn.{part}_norm.weight"] = w[f"{layer}.{part}_norm"]
    config = hf_config(c, "qwen3", head_dim=16, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    save("qwen3", config, hf, None, None, cases)


def olmo2_files(c, w):
    hf, gguf = hf_tensors(c, w), gguf_tensors(c, w, False)
    for layer in range(c["layers"]):
        of_hf, of_gguf = f"model.layers.{layer}.", f"blk.{layer}."
        del hf[of_hf + "input_layernorm.weight"], gguf[of_gguf + "attn_norm.weight"], gguf[of_gguf + "ffn_norm.weight"]
        hf[of_hf + "post_attention_layernorm.weight"] = gguf[of_gguf + "post_attention_norm.weight"] = w[f"{layer}.attn_norm"]
        hf[of_hf + "post_feedforward_layernorm.weight"] = gguf[of_gguf + "post_ffw_norm.weight"] = w[f"{layer}.ffn_norm"]
        for part in ("q", "k"):
            name = f"{layer}.{part}_norm"
            hf[f"{of_hf}self_attn.{part}_norm.weight"] = gguf[f"{of_gguf}attn_{part}_norm.weight"] = w[name]
    return hf, gguf


def olmo2():
    """Norms of what attention and FFN give, none of what they take; norms over all heads of q and k."""
    c = sizes(kv_heads=4, dim=48, head_size=12, qk_norm="all heads", norms_behind=True)
    w = make_weights(c, 22)
    cases = [{"context": 128, "logits": forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c))}]
    hf, gguf = olmo2_files(c, w)
    save("olmo2", hf_config(c, "olmo2"), hf, gguf_metadata(c, "olmo2"), gguf, cases)


def olmo3():
    """The same with YaRN in every fourth layer, which sees all positions, and plain RoPE in those with a window."""
    c = sizes(kv_heads=4, dim=48, head_size=12, layers=5, hidden=32, qk_norm="all heads", norms_behind=True,
              local_layers=[0, 1, 2, 4], context=256)
    w = make_weights(c, 25)
    amplitude = 0.1 * math.log(4) + 1
    logits = forward({"config": c, "weights": w}, TOKENS, yarn_frequencies(c, 4.0, 64), amplitude, usual_frequencies(c))
    hf, gguf = olmo2_files(c, w)
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32,
               "beta_slow": 1, "attention_factor": amplitude}
    metadata = gguf_metadata(c, "olmo2", **{"attention.sliding_window": 128, "rope.scaling.type": "yarn",
                                           "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64})
    save("olmo3", hf_config(c, "olmo3", sliding_window=128, rope_scaling=scaling), hf, metadata, gguf,
         [{"context": 128, "logits": logits}])


def gemma_files(c, w, permute=False):
    """Hugging Face files hold the norms' weights less 1; llama.cpp's converter adds it."""
    hf, gguf = hf_tensors(c, w), gguf_tensors(c, w, permute)
    for layer in range(c["layers"]):
        of_hf, of_gguf = f"model.layers.{layer}.", f"blk.{layer}."
        if c.get("norms_both"):
            hf[of_hf + "post_attention_layernorm.weight"] = gguf[of_gguf + "post_attention_norm.weight"] = w[f"{layer}.post_attn_norm"]
            hf[of_hf + "pre_feedforward_layernorm.weight"] = w[f"{layer}.ffn_norm"]
            hf[of_hf + "post_feedforward_layernorm.weight"] = gguf[of_gguf + "post_ffw_norm.weight"] = w[f"{layer}.post_ffn_norm"]
        if "qk_norm" in c:
            for part in ("q", "k"):
                name = f"{layer}.{part}_norm"
                hf[f"{of_hf}self_attn.{part}_norm.weight"] = gguf[f"{of_gguf}attn_{part}_norm.weight"] = w[name]
    return {name: values - 1 if values.ndim == 1 else values for name, values in hf.items()}, gguf


def gemma():
    """GELU; an embedding times sqrt(dim); norms of one plus the weights."""
    c = sizes(gelu=True, tied=True, embedding_multiplier=8.0, embedding_scale=1.0)
    w = make_weights(c, 26)
    cases = [{"context": 128, "logits": forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c))}]
    hf, gguf = gemma_files(c, w)
    metadata = gguf_metadata(c, "gemma", **{"attention.key_length": 16, "attention.value_length": 16})
    save("gemma", hf_config(c, "gemma", head_dim=16, hidden_act="gelu"), hf, metadata, gguf, cases)


def gemma3():
    """Heads of 256 with norms; norms before and behind; layers with a window turn by a base of their own, the others'
    angles are divided. The text part of a model that takes images too."""
    c = dict(dim=16, layers=3, heads=2, kv_heads=1, head_size=256, hidden=48, vocabulary=32, context=256, eps=1e-6,
             theta=1000000.0, tied=True, gelu=True, norms_both=True, qk_norm="head", embedding_multiplier=4.0,
             embedding_scale=1.0, local_layers=[0, 2])
    w = make_weights(c, 27)
    logits = forward({"config": c, "weights": w}, TOKENS, usual_frequencies(c) / 8, 1.0, usual_frequencies({**c, "theta": 10000.0}))
    hf, gguf = gemma_files(c, w)
    text = hf_config(c, "gemma3_text", head_dim=256, sliding_window=128, sliding_window_pattern=2, query_pre_attn_scalar=256,
                     rope_scaling={"rope_type": "linear", "factor": 8.0}, hidden_activation="gelu_pytorch_tanh")
    del text["hidden_act"]
    hf = {"language_" + ("model." + name): values for name, values in hf.items()}
    hf["vision_tower.vision_model.post_layernorm.weight"] = np.ones(4)
    metadata = gguf_metadata(c, "gemma3", **{"attention.key_length": 256, "attention.value_length": 256,
                                            "attention.sliding_window": 128, "attention.sliding_window_pattern": 2,
                                            "rope.scaling.type": "linear", "rope.scaling.factor": 8.0,
                                            "rope.dimension_count": 256})
    save("gemma3", {"model_type": "gemma3", "text_config": text}, hf, metadata, gguf, [{"context": 128, "logits": logits}])


def mixtral():
    """Experts whose matrices are called w1, w2, w3; its GGUF files call themselves llama."""
    c = sizes(experts=4, experts_per_token=2, normalised=True)
    names = ("block_sparse_moe.gate.weight", "block_sparse_moe.experts.{}.w1.weight",
             "block_sparse_moe.experts.{}.w3.weight", "block_sparse_moe.experts.{}.w2.weight")
    experts("mixtral", "llama", c, 13, names, dict(num_local_experts=4, sliding_window=None), {}, True)


GRANITE_NAMES = ("block_sparse_moe.router.layer.weight", "block_sparse_moe.input_linear.weight", None,
                 "block_sparse_moe.output_linear.weight")
GRANITE_FACTORS = dict(embedding_multiplier=12.0, attention_multiplier=0.09, residual_multiplier=0.22, logits_scaling=3.0)
GRANITE_SCALES = {"embedding_scale": 12.0, "attention.scale": 0.09, "residual_scale": 0.22, "logit_scale": 3.0}


def granitemoe():
    """Granite's multipliers; all experts of a layer in one tensor."""
    c = sizes(experts=5, experts_per_token=2, normalised=True, tied=True, embedding_scale=1.0)
    experts("granitemoe", "granitemoe", c, 14, GRANITE_NAMES, dict(num_local_experts=5), GRANITE_SCALES, True, True,
            GRANITE_FACTORS)


def granitemoeshared():
    """The same with an expert that all tokens share, wider than the others."""
    c = sizes(experts=5, experts_per_token=2, normalised=True, tied=True, embedding_scale=1.0, shared=80)
    experts("granitemoeshared", "granitemoe", c, 15, GRANITE_NAMES,
            dict(num_local_experts=5, shared_intermediate_size=80),
            {**GRANITE_SCALES, "expert_shared_feed_forward_length": 80}, True, True, GRANITE_FACTORS)


FAMILIES = {"phi3": phi3, "granite": granite, "smollm3": smollm3, "mistral": mistral, "qwen3": qwen3, "olmo2": olmo2, "olmo3": olmo3, "gemma": gemma, "gemma3": gemma3, "olmoe": olmoe, "qwen3_moe": qwen3_moe, "mixtral": mixtral,
            "granitemoe": granitemoe, "granitemoeshared": granitemoeshared}

if __name__ == "__main__":
    for family in sys.argv[1:] or FAMILIES:
        FAMILIES[family]()
