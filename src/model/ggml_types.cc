#include "model/ggml_types.h"

#include <array>
#include <cstring>

#include "base/error.h"
#include "model/float_formats.h"
#include "numerics/fp16.h"

namespace brim {
namespace {

struct TypeInfo {
  uint32_t type;
  const char* name;
  GgmlBlock block;
};

// Source: ggml's `type_traits`.
constexpr std::array<TypeInfo, 33> kTypes = {{
    {0, "F32", {1, 4}},         {1, "F16", {1, 2}},         {2, "Q4_0", {32, 18}},
    {3, "Q4_1", {32, 20}},      {6, "Q5_0", {32, 22}},      {7, "Q5_1", {32, 24}},
    {8, "Q8_0", {32, 34}},      {9, "Q8_1", {32, 36}},      {10, "Q2_K", {256, 84}},
    {11, "Q3_K", {256, 110}},   {12, "Q4_K", {256, 144}},   {13, "Q5_K", {256, 176}},
    {14, "Q6_K", {256, 210}},   {15, "Q8_K", {256, 292}},   {16, "IQ2_XXS", {256, 66}},
    {17, "IQ2_XS", {256, 74}},  {18, "IQ3_XXS", {256, 98}}, {19, "IQ1_S", {256, 50}},
    {20, "IQ4_NL", {32, 18}},   {21, "IQ3_S", {256, 110}},  {22, "IQ2_S", {256, 82}},
    {23, "IQ4_XS", {256, 136}}, {24, "I8", {1, 1}},         {25, "I16", {1, 2}},
    {26, "I32", {1, 4}},        {27, "I64", {1, 8}},        {28, "F64", {1, 8}},
    {29, "IQ1_M", {256, 56}},   {30, "BF16", {1, 2}},       {34, "TQ1_0", {256, 54}},
    {35, "TQ2_0", {256, 66}},   {39, "MXFP4", {32, 17}},    {40, "NVFP4", {64, 36}},
}};

const TypeInfo* find_type(GgmlType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == static_cast<uint32_t>(type)) return &info;
  }
  return nullptr;
}

float fp16_at(const uint8_t* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return fp16_to_float(bits);
}

// The block layouts below are those of ggml-common.h. Each function fills one block's values.

// {FP16 d; nibbles[16]}: d (q - 8). Value i is the low nibble of byte i, value i + 16 the high one, as in
// all blocks of 32 with nibbles.
void dequantise_q4_0(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  for (int i = 0; i < 16; ++i) {
    const int byte = block[2 + i];
    out[i] = d * static_cast<float>((byte & 15) - 8);
    out[i + 16] = d * static_cast<float>((byte >> 4) - 8);
  }
}

// {FP16 d, m; nibbles[16]}: d q + m.
void dequantise_q4_1(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  const float m = fp16_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    const int byte = block[4 + i];
    out[i] = d * static_cast<float>(byte & 15) + m;
    out[i + 16] = d * static_cast<float>(byte >> 4) + m;
  }
}

// Fifth bits stand in a 32-bit word, that of value i in bit i.
int with_fifth_bit(int nibble, const uint8_t* word, int i) {
  return nibble | (((word[i / 8] >> (i % 8)) & 1) << 4);
}

// {FP16 d; fifth bits[4]; nibbles[16]}: d (q - 16).
void dequantise_q5_0(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  for (int i = 0; i < 16; ++i) {
    const int byte = block[6 + i];
    out[i] = d * static_cast<float>(with_fifth_bit(byte & 15, block + 2, i) - 16);
    out[i + 16] = d * static_cast<float>(with_fifth_bit(byte >> 4, block + 2, i + 16) - 16);
  }
}

// {FP16 d, m; fifth bits[4]; nibbles[16]}: d q + m.
void dequantise_q5_1(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  const float m = fp16_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    const int byte = block[8 + i];
    out[i] = d * static_cast<float>(with_fifth_bit(byte & 15, block + 4, i)) + m;
    out[i + 16] = d * static_cast<float>(with_fifth_bit(byte >> 4, block + 4, i + 16)) + m;
  }
}

// {FP16 d; int8 q[32]}: d q.
void dequantise_q8_0(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// Scale and minimum of one of the eight sub-blocks of 32, six bits each, from the 12 bytes of Q4_K and
// Q5_K: the first four stand in the low bits of bytes 0-3 and 4-7, the last four are split.
struct ScaleAndMin {
  int scale;
  int min;
};
ScaleAndMin k_scale(const uint8_t* packed, int sub_block) {
  if (sub_block < 4) return {packed[sub_block] & 63, packed[sub_block + 4] & 63};
  const int low_nibbles = packed[sub_block + 4];
  return {(low_nibbles & 15) | ((packed[sub_block - 4] >> 6) << 4),
          (low_nibbles >> 4) | ((packed[sub_block] >> 6) << 4)};
}

// {FP16 d, dmin; scales[12]; nibbles[128]}: d scale q - dmin min. Sub-blocks 2j and 2j + 1 are the low and
// the high nibbles of 32 bytes.
void dequantise_q4_k(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  const float dmin = fp16_at(block + 2);
  for (int sub = 0; sub < 8; ++sub) {
    const auto [scale, min] = k_scale(block + 4, sub);
    const float step = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    const uint8_t* nibbles = block + 16 + sub / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const int q = (nibbles[i] >> (sub % 2 * 4)) & 15;
      out[sub * 32 + i] = step * static_cast<float>(q) - offset;
    }
  }
}

// {FP16 d, dmin; scales[12]; fifth bits[32]; nibbles[128]}: as Q4_K; the fifth bit of value i of
// sub-block s is bit s of byte i.
void dequantise_q5_k(const uint8_t* block, float* out) {
  const float d = fp16_at(block);
  const float dmin = fp16_at(block + 2);
  const uint8_t* fifth_bits = block + 16;
  for (int sub = 0; sub < 8; ++sub) {
    const auto [scale, min] = k_scale(block + 4, sub);
    const float step = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    const uint8_t* nibbles = block + 48 + sub / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const int q = ((nibbles[i] >> (sub % 2 * 4)) & 15) | (((fifth_bits[i] >> sub) & 1) << 4);
      out[sub * 32 + i] = step * static_cast<float>(q) - offset;
    }
  }
}

// {nibbles[128]; upper bit pairs[64]; int8 scales[16]; FP16 d}: d scale (q - 32), a scale for 16 values.
// Each half of 128 values takes 64 nibble bytes (values 0-63 low, 64-127 high) and 32 bytes of pairs
// (value 32k + i in pair k of byte i).
void dequantise_q6_k(const uint8_t* block, float* out) {
  const float d = fp16_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* nibbles = block + half * 64;
    const uint8_t* pairs = block + 128 + half * 32;
    const uint8_t* scales = block + 192 + half * 8;
    for (int i = 0; i < 128; ++i) {
      const int low = (nibbles[i % 64] >> (i / 64 * 4)) & 15;
      const int high = (pairs[i % 32] >> (i / 32 * 2)) & 3;
      const float step = d * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
      out[half * 128 + i] = step * static_cast<float>((low | (high << 4)) - 32);
    }
  }
}

template <typename DequantiseBlock>
void each_block(GgmlType type, std::span<const uint8_t> blocks, std::span<float> out,
                DequantiseBlock dequantise_block) {
  const GgmlBlock block = *ggml_block(type);
  for (size_t i = 0; i < out.size() / block.values; ++i) {
    dequantise_block(&blocks[i * block.bytes], &out[i * block.values]);
  }
}

}  // namespace

std::optional<GgmlBlock> ggml_block(GgmlType type) {
  const TypeInfo* info = find_type(type);
  if (info == nullptr) return std::nullopt;
  return info->block;
}

std::string ggml_type_name(GgmlType type) {
  const TypeInfo* info = find_type(type);
  return info != nullptr ? info->name : "type " + std::to_string(static_cast<uint32_t>(type));
}

bool is_readable(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBf16:
    case GgmlType::kQ4_0:
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_0:
    case GgmlType::kQ5_1:
    case GgmlType::kQ8_0:
    case GgmlType::kQ4K:
    case GgmlType::kQ5K:
    case GgmlType::kQ6K:
      return true;
  }
  return false;
}

void dequantise(GgmlType type, std::span<const uint8_t> blocks, std::span<float> out) {
  switch (type) {
    case GgmlType::kF32:
      return convert_to_float(FloatFormat::kF32, blocks, out);
    case GgmlType::kF16:
      return convert_to_float(FloatFormat::kF16, blocks, out);
    case GgmlType::kBf16:
      return convert_to_float(FloatFormat::kBf16, blocks, out);
    case GgmlType::kQ4_0:
      return each_block(type, blocks, out, dequantise_q4_0);
    case GgmlType::kQ4_1:
      return each_block(type, blocks, out, dequantise_q4_1);
    case GgmlType::kQ5_0:
      return each_block(type, blocks, out, dequantise_q5_0);
    case GgmlType::kQ5_1:
      return each_block(type, blocks, out, dequantise_q5_1);
    case GgmlType::kQ8_0:
      return each_block(type, blocks, out, dequantise_q8_0);
    case GgmlType::kQ4K:
      return each_block(type, blocks, out, dequantise_q4_k);
    case GgmlType::kQ5K:
      return each_block(type, blocks, out, dequantise_q5_k);
    case GgmlType::kQ6K:
      return each_block(type, blocks, out, dequantise_q6_k);
  }
  throw Error("dequantise: " + ggml_type_name(type) + " is not readable");
}

}  // namespace brim
