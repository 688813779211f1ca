#include "numerics/a16.h"

#include <gtest/gtest.h>

#include <vector>

#include "Vsim_a16_block.h"
#include "Vsim_sum16.h"
#include "numerics/sums.h"
#include "operands.h"
#include "pipeline.h"

namespace brim::rtl {
namespace {

template <typename Module>
void reset(Clocked<Module>& module) {
  module->rst_ni = 0;
  for (uint32_t i = 0; i < 32; ++i) module.tick();
  module->rst_ni = 1;
}

struct Block {
  std::vector<int16_t> mantissas;
  int32_t exponent;
};

// Elements with exponents close together, or anything at all.
float element(Operands& operands, uint32_t kind) {
  if (kind == 0) return operands.any();
  if (kind == 1) return operands.below(9) == 0 ? 0.0f : operands.near(0x1p-79f, 20);
  return operands.near(1.0f, 12);
}

void check_vectors(uint32_t length_of_block, uint64_t seed) {
  Clocked<Vsim_a16_block> module;
  Operands operands(seed);
  module->start_i = 0;
  module->valid_i = 0;
  module->last_i = 0;
  module->short_i = length_of_block == 64;
  reset(module);
  for (uint32_t vector = 0; vector < 200; ++vector) {
    const uint32_t n = 1 + operands.below(500);
    const uint32_t kind = operands.below(3);
    const uint32_t gap = operands.below(3);
    std::vector<float> x(n);
    for (float& value : x) value = element(operands, kind);

    const uint32_t blocks = (n + length_of_block - 1) / length_of_block;
    std::vector<Block> expected(blocks), got(blocks);
    bool overflow = false, overflowed = false;
    for (uint32_t b = 0; b < blocks; ++b) {
      float values[kA16Block] = {};
      const uint32_t count = std::min(length_of_block, n - b * length_of_block);
      std::copy_n(&x[b * length_of_block], count, values);
      expected[b].mantissas.resize(length_of_block);
      int16_t mantissas[kA16Block];
      expected[b].exponent = to_a16(values, static_cast<int32_t>(length_of_block), mantissas, &overflow);
      std::copy_n(mantissas, length_of_block, expected[b].mantissas.begin());
      got[b].mantissas.assign(length_of_block, -1);
    }

    const uint32_t base = operands.below(1000) * length_of_block / 4;
    const uint32_t memory = operands.below(4);
    uint32_t written = 0, complete = 0;
    const auto tick = [&] {
      module->eval();
      module.tick();
      if (module->overflow_o) {
        overflowed = true;
        ASSERT_EQ(module->overflow_to_o, memory);
      }
      if (module->we_o) {
        ASSERT_EQ(module->address_o, (base + written) & 0x1FFF);
        ASSERT_EQ(module->to_o, memory);
        const uint32_t words = length_of_block / 4;
        ASSERT_LT(written / words, blocks);
        Block& block = got[written / words];
        for (uint32_t i = 0; i < 4; ++i) {
          block.mantissas[written % words * 4 + i] = static_cast<int16_t>(module->data_o >> (16 * i));
        }
        block.exponent = static_cast<int8_t>(module->exponent_o);
        ++written;
      }
      if (module->block_o) ++complete;
    };
    module->start_i = 1;
    module->address_i = base & 0x1FFF;
    module->to_i = static_cast<uint8_t>(memory);
    tick();
    module->start_i = 0;
    for (uint32_t i = 0; i < n; ++i) {
      while (gap != 0 && operands.below(4) < gap) {
        module->valid_i = 0;
        tick();
      }
      // As in the SPU: a block is issued when there is room, and its elements arrive later.
      if (i % length_of_block == 0) {
        module->valid_i = 0;
        while (!module->room_o) tick();
        for (uint32_t pipeline = 0; pipeline < 20; ++pipeline) tick();
      }
      module->valid_i = 1;
      module->x_i = float_bits(x[i]);
      module->last_i = i + 1 == n;
      tick();
    }
    module->valid_i = 0;
    module->last_i = 0;
    for (uint32_t i = 0; i < 400 && !(module->idle_o && i > 2); ++i) tick();
    ASSERT_TRUE(module->idle_o);
    ASSERT_EQ(complete, blocks);
    ASSERT_EQ(overflowed, overflow);
    for (uint32_t b = 0; b < blocks; ++b) {
      ASSERT_EQ(got[b].exponent, expected[b].exponent) << "block " << b;
      ASSERT_EQ(got[b].mantissas, expected[b].mantissas) << "block " << b;
    }
  }
}

TEST(A16Block, EqualsToA16) { check_vectors(128, 1); }

TEST(A16Block, EqualsToA16InBlocksOf64) { check_vectors(64, 2); }

TEST(Sum16, KeepsTheOrderOfTheContract) {
  Clocked<Vsim_sum16> module;
  Operands operands(3);
  module->clear_i = 0;
  module->valid_i = 0;
  module->last_i = 0;
  reset(module);
  for (uint32_t vector = 0; vector < 500; ++vector) {
    const uint32_t n = 1 + operands.below(200);
    Sum16 sum;
    module->clear_i = 1;
    module.tick();
    module->clear_i = 0;
    for (uint32_t i = 0; i < n; ++i) {
      while (vector % 2 == 1 && operands.below(3) == 0) module.tick();
      const float x = vector % 5 == 0 ? operands.near(1.0f, 30) : operands.near(100.0f, 3);
      sum.add(i, x);
      module->valid_i = 1;
      module->x_i = float_bits(x);
      module->last_i = i + 1 == n;
      module.tick();
      module->valid_i = 0;
    }
    uint32_t cycles = 0;
    while (!module->done_o && cycles < 200) {
      module.tick();
      ++cycles;
    }
    ASSERT_TRUE(module->done_o);
    ASSERT_EQ(module->sum_o, float_bits(sum.total())) << n << " elements";
  }
}

}  // namespace
}  // namespace brim::rtl
